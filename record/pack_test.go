package record

import (
	"bytes"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"
	"pgregory.net/rapid"

	"traction/control"
)

func TestPackRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 200).Draw(t, "n")
		seq := rapid.Uint64Range(1, math.MaxInt64/2).Draw(t, "seq")
		treatment := rapid.Uint32().Draw(t, "treatment")
		es := make([]control.Entry, n)
		for i := range es {
			es[i] = control.Entry{
				Seq:       seq + uint64(i),
				At:        time.Duration(rapid.Int64().Draw(t, "at")),
				Force:     physic.Force(rapid.Int64().Draw(t, "force")),
				SetPoint:  physic.Force(rapid.Int64().Draw(t, "setpoint")),
				Position:  physic.Distance(rapid.Int64().Draw(t, "position")),
				Counts:    rapid.Int32().Draw(t, "counts"),
				Treatment: treatment,
				Step:      rapid.Uint16().Draw(t, "step"),
				Cycle:     rapid.Uint16().Draw(t, "cycle"),
				Mode:      control.Mode(rapid.Uint8().Draw(t, "mode")),
				Phase:     control.Phase(rapid.Uint8().Draw(t, "phase")),
				Action:    control.Action(rapid.Uint8().Draw(t, "action")),
				Fresh:     rapid.Bool().Draw(t, "fresh"),
			}
		}
		prefix := []byte("before")
		data := encodePack(slices.Clone(prefix), es)
		got, err := decodePack(data[len(prefix):])
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(es, got) {
			t.Fatalf("got %v, want %v", got, es)
		}
	})
}

func TestPackRefusesDamage(t *testing.T) {
	es := treatment(40 * time.Second).entries[:packSize]
	good := encodePack(nil, es)
	for i := range good {
		bad := slices.Clone(good)
		bad[i] ^= 0x10
		_, err := decodePack(bad)
		require.ErrorIs(t, err, ErrDamaged, "byte %d", i)
		_, err = decodePack(good[:i])
		require.ErrorIs(t, err, ErrDamaged, "cut at %d", i)
	}
	_, err := decodePack(append(slices.Clone(good), 0))
	assert.ErrorIs(t, err, ErrDamaged)
	_, err = decodeBody(append(slices.Clone(good[:len(good)-4]), 0))
	assert.ErrorIs(t, err, ErrDamaged, "a byte too many")
}

// The numbers of the enumerations are part of the format.
func TestPackEnumerations(t *testing.T) {
	names := func(n int, name func(uint8) string) (out []string) {
		for i := range n {
			out = append(out, name(uint8(i)))
		}
		return out
	}
	assert.Equal(t, []string{"idle", "armed", "treating", "paused", "releasing", "tripped", "recovering"},
		names(7, func(v uint8) string { return control.Mode(v).String() }))
	assert.Equal(t, []string{"none", "slack", "pull", "hold", "ease", "rest"},
		names(6, func(v uint8) string { return control.Phase(v).String() }))
	assert.Equal(t, []string{"none", "warn", "freeze", "release", "disable"},
		names(5, func(v uint8) string { return control.Action(v).String() }))
}

// A minute of real texture: what a treatment of 25 minutes takes follows.
func TestPackSize(t *testing.T) {
	es := treatment(80 * time.Second).entries
	size := 0
	for c := range slices.Chunk(es, packSize) {
		size += len(encodePack(nil, c))
	}
	perEntry := float64(size) / float64(len(es))
	t.Logf("%.1f bytes an entry", perEntry)
	assert.Less(t, perEntry, 20.0)
}

func FuzzDecodePack(f *testing.F) {
	es := treatment(40 * time.Second).entries
	for _, n := range []int{1, 2, packSize} {
		data := encodePack(nil, es[1000:1000+n])
		f.Add(data[:len(data)-4])
	}
	f.Add([]byte{packVersion, 1, 1, 0})
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _ = decodePack(body)
		got, err := decodeBody(body)
		if err != nil {
			require.ErrorIs(t, err, ErrDamaged)
			return
		}
		require.NotEmpty(t, got)
		again := encodePack(nil, got)
		back, err := decodePack(again)
		require.NoError(t, err)
		require.Equal(t, got, back)
		require.True(t, bytes.Equal(again, encodePack(nil, back)))
	})
}

func BenchmarkEncodePack(b *testing.B) {
	es := treatment(40 * time.Second).entries[1000 : 1000+packSize]
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = encodePack(buf[:0], es)
	}
}

func BenchmarkDecodePack(b *testing.B) {
	data := encodePack(nil, treatment(40 * time.Second).entries[1000:1000+packSize])
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodePack(data); err != nil {
			b.Fatal(err)
		}
	}
}

package record

import (
	"encoding/binary"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/test/fuzz"
)

// FuzzPack reads any bytes as a stored pack, with a checksum that fits, so that
// damage which a checksum does not see is tried as well. What is accepted is one
// run of entries of one treatment; what is not is damage.
func FuzzPack(f *testing.F) {
	es := treatment(40 * time.Second).entries
	for _, n := range []int{1, 3, packSize} {
		data := encodePack(nil, es[1000:1000+n])
		f.Add(data[:len(data)-4])
	}
	header := func(count, seq, treatment uint64) []byte {
		return binary.AppendUvarint(binary.AppendUvarint(binary.AppendUvarint([]byte{packVersion}, count), seq), treatment)
	}
	f.Add(header(packLimit, 1, 1))
	f.Add(append(header(packLimit, 1, 1), make([]byte, 4*packLimit)...))
	f.Add(header(1<<60, 1, 1))
	f.Add(header(1, 1<<63-1, 1<<33))
	f.Fuzz(func(t *testing.T, body []byte) {
		var got []control.Entry
		var err error
		fuzz.Bounded(t, len(body), func() {
			got, err = decodePack(binary.LittleEndian.AppendUint32(append([]byte(nil), body...), crc32.Checksum(body, castagnoli)))
		})
		if err != nil {
			require.ErrorIs(t, err, ErrDamaged)
			require.Nil(t, got)
			return
		}
		require.NotEmpty(t, got)
		require.LessOrEqual(t, len(got), packLimit)
		for i := range got {
			require.Equal(t, got[0].Seq+uint64(i), got[i].Seq)
			require.Equal(t, got[0].Treatment, got[i].Treatment)
		}
		require.Positive(t, got[0].Seq)
	})
}

// FuzzNames reads any text where the names of enumerations stand: a name that is
// not known spoils nothing else.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"trip", "mode", "", "force-limit patient-switch", "force-limit force-limit tomorrow", "unknown", "none", " \n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var kind control.EventKind
		require.NoError(t, named(&kind).Scan(text))
		require.True(t, kind.String() == text || uint8(kind) == 255, "%q became %v", text, kind)
		require.Error(t, named(&kind).Scan([]byte(text)))

		var set trips
		fuzz.Bounded(t, len(text), func() { require.NoError(t, set.Scan(text)) })
		for _, id := range control.InterlockSet(set).IDs() {
			require.Contains(t, strings.Fields(text), id.String())
		}
		var again trips
		require.NoError(t, again.Scan(tripNames(control.InterlockSet(set), " ")))
		require.Equal(t, control.InterlockSet(set).IDs(), control.InterlockSet(again).IDs())
	})
}

package simtable

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/stretchr/testify/require"

	"traction/test/fuzz"
)

// FuzzDecode reads any text as each kind of file. What is accepted is valid and
// comes back the same when it is written again; what is wrong names the file.
func FuzzDecode(f *testing.F) {
	for _, folder := range []string{"tables", "patients"} {
		for _, name := range names(folder) {
			data, err := builtIn.ReadFile(folder + "/" + name + ".toml")
			require.NoError(f, err)
			f.Add(string(data))
		}
	}
	f.Add("[[fault]]\nkind = \"cough\"\nat_s = 1\nvalue = 30\n[[fault]]\nkind = \"cell-silent\"\nat_s = 2.5\nfor_s = 0.5\n")
	f.Add("[[fault]]\nkind = \"gremlin\"\nat_s = -1\nvalue = nan\nwhere = 3\n")
	f.Add("name = \"x\"\n[[slip]]\nat_s = 1\nabove_n = 5\nmm = 400\n")
	f.Fuzz(decodeEach)
}

// FuzzFault puts any values where they belong: a known kind with values in their
// ranges arrives, and nothing else does.
func FuzzFault(f *testing.F) {
	for _, k := range FaultKinds() {
		f.Add(k.Name, 1.0, 0.0, k.High)
		f.Add(k.Name, 0.0, 3600.0, k.Low-1)
	}
	f.Fuzz(func(t *testing.T, kind string, at, lasts, value float64) {
		if strings.ContainsFunc(kind, func(r rune) bool { return r < ' ' || r > '~' }) {
			return // quoted otherwise in TOML
		}
		text := fmt.Sprintf("[[fault]]\nkind = %q\nat_s = %s\nfor_s = %s\nvalue = %s\n", kind, float(at), float(lasts), float(value))
		decodeEach(t, text)
		right := at >= 0 && at <= maxTimeS && lasts >= 0 && lasts <= maxTimeS
		i := slices.IndexFunc(FaultKinds(), func(k FaultKind) bool { return k.Name == kind })
		right = right && i >= 0 && value >= FaultKinds()[i].Low && value <= FaultKinds()[i].High
		faults, err := decodeFaults("file.toml", []byte(text))
		require.Equal(t, right, err == nil, "%v", err)
		if right {
			require.Equal(t, Fault{Kind: kind, At: seconds(at), For: seconds(lasts), Value: value}, faults[0])
		}
	})
}

// TestHostileFiles are files that cost more than they look like. Only a few hundred
// wrong keys: each costs the TOML library a walk through the whole file.
func TestHostileFiles(t *testing.T) {
	var keys, faults strings.Builder
	for i := range 300 {
		fmt.Fprintf(&keys, "key%d = 1\n", i)
		fmt.Fprintf(&faults, "[[fault]]\nkind = \"no such kind %d\"\nat_s = -1\n", i)
	}
	for _, text := range []string{keys.String(), faults.String(), strings.Repeat("a.", 8000) + "a = 1", strings.Repeat("[[fault]]\n", 300),
		"a = " + strings.Repeat("[", 8000) + strings.Repeat("]", 8000)} {
		decodeEach(t, text)
	}
}

// decodeEach allows for the three decoders, and for what each unknown key costs.
func decodeEach(t *testing.T, text string) {
	fuzz.Bounded(t, 6*len(text), func() {
		again(t, text, decodeTable, Table.Validate)
		again(t, text, decodePatient, Patient.Validate)
		faults, err := decodeFaults("file.toml", []byte(text))
		if err != nil {
			require.ErrorContains(t, err, "file.toml")
			return
		}
		require.NoError(t, validateFaults(faults))
		var b strings.Builder
		for _, x := range faults {
			fmt.Fprintf(&b, "[[fault]]\nkind = %q\nat_s = %s\nfor_s = %s\nvalue = %s\n", x.Kind, float(x.At.Seconds()), float(x.For.Seconds()), float(x.Value))
		}
		back, err := decodeFaults("again", []byte(b.String()))
		require.NoError(t, err)
		require.Equal(t, faults, back)
	})
}

// again decodes a text, and what that gave once more.
func again[T any](t *testing.T, text string, decode func(string, []byte) (T, error), validate func(T) error) {
	got, err := decode("file.toml", []byte(text))
	if err != nil {
		require.ErrorContains(t, err, "file.toml")
		require.Zero(t, got)
		return
	}
	require.NoError(t, validate(got))
	written, err := toml.Marshal(got)
	require.NoError(t, err)
	back, err := decode("again", written)
	require.NoError(t, err, "%s", written)
	if len(written) > 0 { // empty lists come back as none
		rewritten, err := toml.Marshal(back)
		require.NoError(t, err)
		require.Equal(t, string(written), string(rewritten))
	}
}

// float writes a number as TOML does.
func float(v float64) string {
	s := strings.ToLower(fmt.Sprintf("%g", v))
	if strings.Trim(s, "+-0123456789") == "" {
		s += ".0"
	}
	return s
}

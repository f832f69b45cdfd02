package link

import (
	"encoding/json"
	"math"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestAppendFixed(t *testing.T) {
	for _, c := range []struct {
		v        int64
		decimals int
		want     string
	}{
		{0, 9, "0"},
		{1, 9, "0.000000001"},
		{-1, 9, "-0.000000001"},
		{450e9, 9, "450"},
		{450_500_000_000, 9, "450.5"},
		{-12_345_678, 6, "-12.345678"},
		{7, 0, "7"},
		{math.MaxInt64, 9, "9223372036.854775807"},
		{math.MinInt64, 12, "-9223372.036854775808"},
	} {
		assert.Equal(t, c.want, string(appendFixed(nil, c.v, c.decimals)), "%d with %d decimals", c.v, c.decimals)
	}
}

func TestParseFixed(t *testing.T) {
	for _, c := range []struct {
		text     string
		decimals int
		want     int64
		err      error
	}{
		{"0", 9, 0, nil},
		{"-0", 9, 0, nil},
		{"-0.0e5", 9, 0, nil},
		{"450", 9, 450e9, nil},
		{"4.5e2", 9, 450e9, nil},
		{"4500E-1", 9, 450e9, nil},
		{"0.30000000000000004", 9, 300_000_000, nil},
		{"0.0000000005", 9, 1, nil},
		{"-0.0000000005", 9, -1, nil},
		{"0.00000000049999", 9, 0, nil},
		{"1e-999", 9, 0, nil},
		{"0e999", 9, 0, nil},
		{"0.05e-3", 6, 50, nil},
		{"9223372036.854775807", 9, math.MaxInt64, nil},
		{"-9223372036.854775808", 9, math.MinInt64, nil},
		{"9223372036.854775808", 9, 0, errTooLarge},
		{"9223372036.8547758075", 9, 0, errTooLarge},
		{"-9223372036.854775809", 9, 0, errTooLarge},
		{"99999999999999999999999999", 9, 0, errTooLarge},
		{"1e999", 9, 0, errTooLarge},
		{"1e1000", 9, 0, errTooLarge},
		{"", 9, 0, errNotNumber},
		{"-", 9, 0, errNotNumber},
		{".5", 9, 0, errNotNumber},
		{"5.", 9, 0, errNotNumber},
		{"1.2.3", 9, 0, errNotNumber},
		{"1e", 9, 0, errNotNumber},
		{"1e+", 9, 0, errNotNumber},
		{"1e5e5", 9, 0, errNotNumber},
		{"+1", 9, 0, errNotNumber},
		{"NaN", 9, 0, errNotNumber},
		{"Infinity", 9, 0, errNotNumber},
		{"null", 9, 0, errNotNumber},
		{`"450"`, 9, 0, errNotNumber},
		{"0x10", 9, 0, errNotNumber},
	} {
		got, err := parseFixed([]byte(c.text), c.decimals)
		assert.ErrorIs(t, err, c.err, c.text)
		if c.err == nil {
			assert.NoError(t, err, c.text)
			assert.Equal(t, c.want, got, c.text)
		}
	}
}

func TestFixedIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Int64().Draw(t, "v")
		decimals := rapid.IntRange(0, len(powers)-1).Draw(t, "decimals")
		wire := appendFixed(nil, v, decimals)
		require.True(t, json.Valid(wire), "%s", wire)
		got, err := parseFixed(wire, decimals)
		require.NoError(t, err)
		require.Equal(t, v, got, "%s", wire)
	})
}

// A reader with ordinary floats gets the same value where a float can hold it.
func TestFixedAgreesWithFloats(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Int64Range(-1e13, 1e13).Draw(t, "v")
		f, err := strconv.ParseFloat(string(appendFixed(nil, v, 9)), 64)
		require.NoError(t, err)
		require.Equal(t, v, int64(math.Round(f*1e9)))
		got, err := parseFixed(strconv.AppendFloat(nil, f, 'e', -1, 64), 9)
		require.NoError(t, err)
		require.Equal(t, v, got)
	})
}

func TestAppendFloat(t *testing.T) {
	assert.Equal(t, "0.1", string(appendFloat(nil, 0.1)))
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		assert.Equal(t, "null", string(appendFloat(nil, f)))
	}
}

func TestAppendString(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		var got string
		require.NoError(t, json.Unmarshal(appendString(nil, s), &got))
		require.Equal(t, s, got)
	})
	assert.Equal(t, `"a\u000a\"\\`+"\ufffd"+`"`, string(appendString(nil, "a\n\"\\\xff")))
}

func FuzzParseFixed(f *testing.F) {
	for _, s := range []string{"0", "-12.5", "1e3", "4.5E-2", "9223372036.854775808", "1e", ".", "-"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := parseFixed(raw, 9)
		if err != nil {
			return
		}
		again, err := parseFixed(appendFixed(nil, v, 9), 9)
		require.NoError(t, err)
		require.Equal(t, v, again)
		if want, err := strconv.ParseFloat(string(raw), 64); err == nil {
			require.InDelta(t, want, float64(v)/1e9, 1e-9+math.Abs(want)*1e-12)
		}
	})
}

package calfile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"traction/test/fuzz"
)

// FuzzFile puts any bytes where the calibration is, as they are and with a seal
// that fits. Whatever Load gives is whole, valid and for this table and cell; what
// it refuses is one of its own sentinels and tells what to do.
func FuzzFile(f *testing.F) {
	whole := string(encode(sample()))
	f.Add(whole, "table-1", false)
	second := string(encode(two()))
	f.Add(second[:len(second)-len(sealOf(nil))], "table-1", true)
	f.Add(whole[:len(whole)-len(sealOf(nil))], "table-1", true)
	f.Add(whole[:len(whole)-len(sealOf(nil))], "table-2", true)
	f.Add("table = \"table-1\"\ndate = \"now\"\nby = \"\"\nzero_counts = 99999999\ncounts_per_newton = nan\ncapacity = \"1000\"\n[[point]]\n", "table-1", true)
	path := filepath.Join(f.TempDir(), "calibration.toml")
	f.Fuzz(func(t *testing.T, text, table string, sealed bool) {
		data := []byte(text)
		if sealed {
			data = append(data, sealOf(data)...)
		}
		require.NoError(t, os.WriteFile(path, data, 0o600))
		fuzz.Bounded(t, len(data), func() {
			got, err := Load(path, table, capacity)
			if err != nil {
				require.True(t, errors.Is(err, ErrCorrupt) || errors.Is(err, ErrForeign), "%v", err)
				require.ErrorContains(t, err, path)
				require.ErrorContains(t, err, advice)
				require.Zero(t, got)
				return
			}
			require.NoError(t, got.Validate())
			require.True(t, got.Calibration.Valid())
			c := got.SecondCell(true)
			require.Equal(t, got.HasSecond(), c.Valid())
			require.Equal(t, table, got.Table)
			require.Equal(t, capacity, got.Calibration.Capacity)
			require.NoError(t, Save(path, got))
			again, err := Load(path, table, capacity)
			require.NoError(t, err)
			require.True(t, again.Date.Equal(got.Date))
			again.Date = got.Date // saved to the second and in UTC
			require.Equal(t, got, again)
		})
	})
}

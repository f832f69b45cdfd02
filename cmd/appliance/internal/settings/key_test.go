package settings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRequestKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	write := func(text string, mode os.FileMode) {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		require.NoError(t, os.Chmod(path, mode))
	}
	good := strings.Repeat("k3y!", 8)
	for _, end := range []string{"", "\n", "\r\n"} {
		write(good+end, 0o640)
		key, err := RequestKey(path)
		require.NoError(t, err)
		assert.Equal(t, good, string(key))
	}
	key, err := RequestKey("")
	assert.NoError(t, err)
	assert.Nil(t, key)
	for _, c := range []struct {
		name, text string
		mode       os.FileMode
		want       string
	}{
		{"short", good[1:], 0o600, "the key has 31 characters"},
		{"long", strings.Repeat(good, 9), 0o600, "the key has 259 characters"},
		{"empty", "", 0o600, "the key has 0 characters"},
		{"two lines", good + "\n" + good, 0o600, "holds a space or what is not ASCII"},
		{"for everybody", good, 0o644, "its mode 0644 lets others read it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			write(c.text, c.mode)
			_, err := RequestKey(path)
			assert.ErrorContains(t, err, "control.request_key_file")
			assert.ErrorContains(t, err, c.want)
			assert.ErrorContains(t, err, "32 to 256")
			assert.NotContains(t, err.Error(), "k3y!")
		})
	}
	_, err = RequestKey(t.TempDir())
	assert.ErrorContains(t, err, "is not a regular file")
	_, err = RequestKey(path + ".none")
	assert.ErrorIs(t, err, os.ErrNotExist)
}

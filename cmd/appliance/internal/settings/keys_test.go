package settings

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control/quantity/document"
)

// A key that the shipped file does not show is a key that nobody knows.
func TestShippedFileShowsEveryBoundKey(t *testing.T) {
	d, err := document.Read("../../../../systemd/traction.toml")
	require.NoError(t, err)
	bind(d)
	for _, key := range d.Known() {
		assert.True(t, d.Has(key), key)
	}
}

package retrofit

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestShownLinesAreThoseOfTheSamples: the lines that the guide tells to expect stand in
// docs/commissioning, whose texts are held to what the commands print.
func TestShownLinesAreThoseOfTheSamples(t *testing.T) {
	text := page(t, "retrofit.md")
	for begins, sample := range map[string]string{
		"```\nPASS  configuration ":   "commissioning/check-two-cells.txt",
		"```\nResult, second cell:\n": "commissioning/calibrate-two-cells.txt",
	} {
		_, rest, found := strings.Cut(text, begins)
		require.True(t, found, begins)
		rest, _, found = strings.Cut(rest, "```")
		require.True(t, found)
		shown := strings.Split(strings.TrimSpace(strings.TrimPrefix(begins, "```\n")+rest), "\n")
		assert.GreaterOrEqual(t, len(shown), 6, begins)
		for _, l := range shown {
			says(t, page(t, sample), l+"\n", sample)
		}
	}
}

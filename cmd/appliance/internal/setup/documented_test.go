package setup

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestThePageShowsWhatHappens runs the example of docs/firstboot.md.
func TestThePageShowsWhatHappens(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/firstboot.md")
	require.NoError(t, err)
	parts := strings.Split(string(page), "```")
	block := func(begin string) string { // the first one that begins so
		for i := 1; i < len(parts); i += 2 {
			if _, text, _ := strings.Cut(parts[i], "\n"); strings.HasPrefix(text, begin) {
				return text
			}
		}
		require.Fail(t, "no block", begin)
		return ""
	}
	c := newComputer(t)
	text := block("[system]")
	c.give(Name, text)
	c.refused()
	assert.Equal(t, block("Nothing"), c.onBoot(errorsName))
	c.give(Name, strings.NewReplacer("table 7", "table-7", `"secret"`, `"long enough"`).Replace(text))
	c.applied()
	assert.Equal(t, block("Applied"), c.onBoot(logName))
}

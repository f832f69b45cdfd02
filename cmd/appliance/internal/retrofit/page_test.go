package retrofit

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	links    = regexp.MustCompile(`\]\(([^)#]*)(#[^)]*)?\)`)
	headings = regexp.MustCompile(`(?m)^#+ (.+)$`)
	marks    = regexp.MustCompile(`[^\p{L}\p{N} -]`)
	commands = regexp.MustCompile("`appliance ([a-z]+)")
	trips    = regexp.MustCompile("`([a-z]+(?:-[a-z]+)+)`")
)

// TestTheGuideLeadsSomewhere: files, headings, commands and interlocks that it names exist.
func TestTheGuideLeadsSomewhere(t *testing.T) {
	text := page(t, "retrofit.md")
	anchors := map[string]bool{}
	for _, h := range headings.FindAllStringSubmatch(text, -1) {
		anchors["#"+strings.ReplaceAll(marks.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-")] = true
	}
	found := links.FindAllStringSubmatch(text, -1)
	require.NotEmpty(t, found)
	for _, l := range found {
		if l[1] == "" {
			assert.True(t, anchors[l[2]], "no heading %s", l[2])
			continue
		}
		_, err := os.Stat(filepath.Join(docs, l[1]))
		assert.NoError(t, err)
	}

	readme := page(t, "../README.md")
	for _, c := range commands.FindAllStringSubmatch(text, -1) {
		says(t, readme, "`"+c[1]+"`", "README.md")
	}
	safety := page(t, "safety.md")
	_, commissioning, _ := strings.Cut(text, "\n## Commissioning")
	for _, name := range trips.FindAllStringSubmatch(commissioning, -1) {
		says(t, safety, "`"+name[1]+"`", "safety.md")
	}
	for _, from := range []string{"../README.md", "wiring.md"} {
		says(t, page(t, from), "retrofit.md)", from)
	}
}

// TestEachDrawingIsShown, with its net list.
func TestEachDrawingIsShown(t *testing.T) {
	text := page(t, "retrofit.md")
	files, err := filepath.Glob(filepath.Join(drawings, "*.svg"))
	require.NoError(t, err)
	assert.Len(t, files, len(circuits)+1)
	for _, f := range files {
		says(t, text, "(retrofit/"+filepath.Base(f)+")", "retrofit.md")
	}
}

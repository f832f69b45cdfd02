package homeassistant

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// entityID is what Home Assistant makes of names when it sees an entity first.
func entityID(platform, device, name string) string {
	return platform + "." + strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(device+" "+name), "_"), "_")
}

// Every entity that the examples name exists for a table of the default name.
func TestDocumentationNamesEntitiesThatExist(t *testing.T) {
	p := discover(t, Options{}, whole())
	exists := map[string]bool{}
	for _, key := range p.here() {
		c := p.components[key]
		exists[entityID(c["platform"].(string), DefaultName, c["name"].(string))] = true
	}
	files, err := filepath.Glob("../../docs/homeassistant/*.yaml")
	require.NoError(t, err)
	require.Len(t, files, 2)
	named := regexp.MustCompile(`\b[a-z_]+\.traction_table_[a-z0-9_]+`)
	for _, file := range append(files, "../../docs/homeassistant.md") {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		found := named.FindAllString(string(text), -1)
		assert.NotEmpty(t, found, file)
		for _, id := range found {
			assert.True(t, exists[id], "%s: %s", file, id)
		}
	}
}

// The page names every entity there is.
func TestDocumentationIsComplete(t *testing.T) {
	page, err := os.ReadFile("../../docs/homeassistant.md")
	require.NoError(t, err)
	text := strings.ToLower(string(page))
	p := discover(t, Options{}, whole())
	for _, key := range p.here() {
		name := strings.ToLower(p.components[key]["name"].(string))
		if key == "version" || key == "gateway_version" {
			name = "both versions"
		}
		if strings.HasSuffix(name, " force") || strings.HasSuffix(name, " time") {
			name = strings.Fields(name)[0] // "hold and rest force"
		}
		assert.Contains(t, text, name, key)
	}
}

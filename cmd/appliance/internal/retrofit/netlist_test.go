package retrofit

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func page(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(docs + "/" + name)
	require.NoError(t, err)
	return string(data)
}

// says fails when a page lacks a phrase, without printing all of the page.
func says(t *testing.T, text, phrase string, where ...any) {
	t.Helper()
	if !strings.Contains(text, phrase) {
		assert.Fail(t, "does not say "+phrase, where...)
	}
}

// tableAfter reads the first Markdown table behind a mark: its rows, cell by cell,
// without heading and without the marks of code.
func tableAfter(t *testing.T, text, mark string) (rows [][]string) {
	t.Helper()
	_, rest, found := strings.Cut(text, mark)
	require.True(t, found, "%s is missing", mark)
	for line := range strings.Lines(rest) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "|"):
			var cells []string
			for _, c := range strings.Split(strings.Trim(line, "|"), "|") {
				cells = append(cells, strings.Trim(strings.TrimSpace(c), "`"))
			}
			rows = append(rows, cells)
		case len(rows) > 0:
			return rows[2:]
		}
	}
	require.NotEmpty(t, rows, "no table behind %s", mark)
	return rows[2:]
}

// netList is the net list beside a drawing.
func netList(t *testing.T, name string) circuit {
	t.Helper()
	c := circuit{}
	for _, row := range tableAfter(t, page(t, "retrofit.md"), "<!-- nets: "+name+" -->") {
		require.Len(t, row, 2)
		require.NotContains(t, c, row[0], name)
		for _, terminal := range strings.Split(row[1], ",") {
			c[row[0]] = append(c[row[0]], strings.TrimSpace(terminal))
		}
		slices.Sort(c[row[0]])
	}
	return c
}

// TestNetListsSayWhatTheDrawingsShow: the same wires in the drawing and in the table
// beside it.
func TestNetListsSayWhatTheDrawingsShow(t *testing.T) {
	for _, name := range circuits {
		c, bad := read(t, name).circuit()
		assert.Empty(t, bad, name)
		assert.Equal(t, netList(t, name).list(), c.list(), name)
	}
}

// TestDrawingsAgree: what two drawings both show, they connect alike.
func TestDrawingsAgree(t *testing.T) {
	all := map[string]circuit{}
	for _, name := range circuits {
		all[name] = netList(t, name)
	}
	for _, pair := range [][2]string{{"minimum", "recommended"}, {"safety-chain", "recommended"}} {
		few, many := all[pair[0]], all[pair[1]]
		for net, names := range few {
			for _, n := range names {
				other := many.netOf(n)
				if other == "" || net == "pd_sck" || n == "A3.PD_SCK" {
					continue // R2 is not in the minimum
				}
				assert.Equal(t, net, other, "%s in %v", n, pair)
			}
		}
	}
}

var line = regexp.MustCompile(`^A1\.(GPIO\d+)$`)

// header is the pin of the 40-pin header on which a line is, the same on every
// Raspberry Pi with one (Raspberry Pi documentation, "GPIO and the 40-pin header").
var header = map[string]string{
	"GPIO4": "7", "GPIO5": "29", "GPIO6": "31", "GPIO8": "24", "GPIO9": "21", "GPIO10": "19", "GPIO11": "23", "GPIO12": "32",
	"GPIO13": "33", "GPIO16": "36", "GPIO17": "11", "GPIO18": "12", "GPIO19": "35", "GPIO20": "38", "GPIO21": "40", "GPIO22": "15",
	"GPIO23": "16", "GPIO24": "18", "GPIO25": "22", "GPIO26": "37", "GPIO27": "13",
}

// TestLinesAreThoseOfTheSettings: each line of the computer is drawn for the key that has
// it in the settings, is named after that key, and stands in docs/wiring.md.
func TestLinesAreThoseOfTheSettings(t *testing.T) {
	// What the shipped settings leave open has its line in the examples of the guide.
	pins := pinsOf(t, "winch.toml")
	wiring := page(t, "wiring.md")
	seen := map[string]bool{}
	for _, name := range circuits {
		d := read(t, name)
		c, _ := d.circuit()
		for _, p := range d.terminals {
			m := line.FindStringSubmatch(p.name)
			if m == nil {
				assert.Empty(t, p.key, "%s in %s", p.name, name)
				continue
			}
			gpio := m[1]
			text := gpio + " (" + header[gpio] + ")"
			assert.True(t, slices.ContainsFunc(d.labels, func(l label) bool {
				return l.text == text || strings.HasPrefix(l.text, gpio+" ") && strings.HasSuffix(l.text, " ("+header[gpio]+")")
			}), "%s: no label %q", name, text)
			says(t, wiring, "`"+gpio+"`", "wiring.md")
			if p.key == "" {
				assert.Contains(t, []string{"GPIO4", "GPIO8", "GPIO9", "GPIO10", "GPIO11"}, gpio, "%s: a line without a key", name)
				continue
			}
			seen[p.key] = true
			assert.Equal(t, pins[p.key], gpio, "%s: pins.%s", name, p.key)
			assert.Equal(t, p.key, c.netOf(p.name), "%s: %s", name, p.name)
			if row := regexp.MustCompile("(?m)^\\| `?(GPIO\\d+|–)`? \\| `" + p.key + "`").FindStringSubmatch(wiring); assert.NotNil(t, row, p.key) && row[1] != "–" {
				assert.Equal(t, row[1], gpio, "wiring.md: %s", p.key)
			}
		}
	}
	for key := range pins {
		assert.True(t, seen[key], "pins.%s is in no drawing", key)
	}
}

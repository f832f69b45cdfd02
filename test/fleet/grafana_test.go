package fleet

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
)

// dashboard is what is checked of the shipped one.
type dashboard struct {
	UID           string  `json:"uid"`
	SchemaVersion int     `json:"schemaVersion"`
	Panels        []panel `json:"panels"`
	Annotations   struct {
		List []struct {
			Query string `json:"query"`
		} `json:"list"`
	} `json:"annotations"`
	Templating struct {
		List []struct {
			Name, Type, Query string
		} `json:"list"`
	} `json:"templating"`
}

type panel struct {
	ID          int        `json:"id"`
	Type        string     `json:"type"`
	Title       string     `json:"title"`
	Description string     `json:"description"`
	GridPos     grid       `json:"gridPos"`
	Datasource  datasource `json:"datasource"`
	Targets     []struct {
		RefID      string     `json:"refId"`
		RawQuery   bool       `json:"rawQuery"`
		Query      string     `json:"query"`
		Alias      string     `json:"alias"`
		Datasource datasource `json:"datasource"`
	} `json:"targets"`
	FieldConfig struct {
		Defaults struct {
			Unit     string `json:"unit"`
			Mappings []struct {
				Options map[string]any `json:"options"`
			} `json:"mappings"`
		} `json:"defaults"`
	} `json:"fieldConfig"`
}

type datasource struct{ Type, UID string }

// grid is a place on a dashboard that is 24 wide.
type grid struct{ X, Y, W, H int }

func (g grid) overlaps(o grid) bool {
	return g.X < o.X+o.W && o.X < g.X+g.W && g.Y < o.Y+o.H && o.Y < g.Y+g.H
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	text, err := os.ReadFile("../../docs/fleet/grafana-dashboard.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &d))
	return d
}

// TestDashboardIsWellFormed: what Grafana 11 takes for granted.
func TestDashboardIsWellFormed(t *testing.T) {
	d := readDashboard(t)
	assert.NotEmpty(t, d.UID)
	assert.Equal(t, 39, d.SchemaVersion, "of Grafana 11")
	variables := map[string]string{}
	for _, v := range d.Templating.List {
		variables[v.Name] = v.Type
	}
	assert.Equal(t, map[string]string{"datasource": "datasource", "table": "query"}, variables)
	ids := map[int]bool{}
	for i, p := range d.Panels {
		assert.False(t, ids[p.ID] || p.ID < 1, "%s: id %d", p.Title, p.ID)
		ids[p.ID] = true
		assert.True(t, p.GridPos.W > 0 && p.GridPos.H > 0 && p.GridPos.X >= 0 && p.GridPos.X+p.GridPos.W <= 24, p.Title)
		for _, o := range d.Panels[:i] {
			assert.False(t, p.GridPos.overlaps(o.GridPos), "%s lies over %s", p.Title, o.Title)
		}
		if p.Type == "row" {
			assert.Empty(t, p.Targets)
			continue
		}
		assert.Contains(t, []string{"timeseries", "state-timeline", "table", "piechart"}, p.Type, p.Title)
		assert.Contains(t, []string{"", "forceN", "s", "ms", "hertz", "short"}, p.FieldConfig.Defaults.Unit, p.Title)
		assert.NotEmpty(t, p.Description, p.Title)
		assert.NotEmpty(t, p.Targets, p.Title)
		refs := map[string]bool{}
		for _, q := range p.Targets {
			assert.False(t, refs[q.RefID] || q.RefID == "", "%s: refId %q", p.Title, q.RefID)
			refs[q.RefID] = true
			assert.True(t, q.RawQuery, p.Title)
			for _, s := range []datasource{p.Datasource, q.Datasource} {
				assert.Equal(t, datasource{"influxdb", "${datasource}"}, s, p.Title)
			}
		}
	}
}

// columns is what Telegraf writes of one measurement.
type columns struct{ tags, fields map[string]bool }

// written is what Telegraf writes, by measurement.
func written(t *testing.T) map[string]columns {
	all := make(map[string]columns)
	for _, c := range consumers(t) {
		w := columns{tags: map[string]bool{"table": true}, fields: map[string]bool{}}
		for _, j := range c.JSON {
			for _, f := range j.Tags {
				w.tags[f.name()] = true
			}
			for _, f := range j.Fields {
				w.fields[f.name()] = true
			}
		}
		if len(c.JSON) == 0 {
			w.fields["value"] = true // of the data format value
		}
		all[c.Measurement] = w
	}
	return all
}

var (
	statement = regexp.MustCompile(`^SELECT (.+) FROM "(\w+)" WHERE (.+?)(?: GROUP BY (.+?))?(?: fill\(none\))?$`)
	quoted    = regexp.MustCompile(`"(\w+)"`)
)

// asks tells what is wrong with a query.
func asks(query string, of map[string]columns) (wrong []string) {
	m := statement.FindStringSubmatch(query)
	if m == nil {
		return []string{"not a statement as they stand here: " + query}
	}
	w, known := of[m[2]]
	if !known {
		return []string{"no measurement " + m[2]}
	}
	if !strings.Contains(m[3], `"table" =~ /^$table$/ AND $timeFilter`) {
		wrong = append(wrong, "neither table nor time limit it: "+m[3])
	}
	for part, allowed := range map[string][]map[string]bool{m[1]: {w.fields, w.tags}, m[3]: {w.tags}, m[4]: {w.tags}} {
		for _, name := range quoted.FindAllStringSubmatch(part, -1) {
			if !slices.ContainsFunc(allowed, func(s map[string]bool) bool { return s[name[1]] }) {
				wrong = append(wrong, m[2]+" has no "+name[1]+" for: "+part)
			}
		}
	}
	return wrong
}

// TestDashboardAsksForWhatTelegrafWrites: every measurement, field and tag of every
// query exists.
func TestDashboardAsksForWhatTelegrafWrites(t *testing.T) {
	d, w := readDashboard(t), written(t)
	queries, asked := 0, map[string]bool{}
	check := func(where, query string) {
		queries++
		assert.Empty(t, asks(query, w), where)
		if m := statement.FindStringSubmatch(query); m != nil {
			asked[m[2]] = true
		}
	}
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			check(p.Title, q.Query)
			for _, tag := range regexp.MustCompile(`\$tag_(\w+)`).FindAllStringSubmatch(q.Alias, -1) {
				assert.Contains(t, q.Query, `"`+tag[1]+`"`, "%s: alias %s", p.Title, q.Alias)
			}
		}
	}
	for _, a := range d.Annotations.List {
		check("annotation", a.Query)
	}
	for _, v := range d.Templating.List {
		if v.Type == "query" {
			assert.Equal(t, `SHOW TAG VALUES FROM "traction_state" WITH KEY = "table"`, v.Query)
		}
	}
	assert.GreaterOrEqual(t, queries, 18)
	assert.ElementsMatch(t, slices.Collect(maps.Keys(w)), slices.Collect(maps.Keys(asked)), "everything that is written is shown somewhere")

	for _, wrong := range []string{
		`SELECT mean("force") FROM "traction_telemetry" WHERE "table" =~ /^$table$/ AND $timeFilter`,
		`SELECT "mode" FROM "traction" WHERE "table" =~ /^$table$/ AND $timeFilter`,
		`SELECT "mode" FROM "traction_state" WHERE $timeFilter`,
		`SELECT "mode" FROM "traction_state" WHERE "table" =~ /^$table$/ AND $timeFilter GROUP BY "mode"`,
	} {
		assert.NotEmpty(t, asks(wrong, w), "the check itself must be able to fail: %s", wrong)
	}
}

// TestDashboardKnowsTheWords: the colours of modes and phases are those of all modes
// and phases that there are.
func TestDashboardKnowsTheWords(t *testing.T) {
	var modes, phases []string
	for m := control.Mode(0); m.UnmarshalText([]byte(control.Mode(m).String())) == nil && len(modes) < 100; m++ {
		modes = append(modes, m.String())
	}
	for p := control.Phase(0); p.UnmarshalText([]byte(control.Phase(p).String())) == nil && len(phases) < 100; p++ {
		phases = append(phases, p.String())
	}
	want := map[string][]string{"Mode": modes, "Phase": phases, "Reachable": {"online", "offline"}}
	for _, p := range readDashboard(t).Panels {
		if words, mapped := want[p.Title]; mapped {
			require.Len(t, p.FieldConfig.Defaults.Mappings, 1, p.Title)
			assert.ElementsMatch(t, words, slices.Collect(maps.Keys(p.FieldConfig.Defaults.Mappings[0].Options)), p.Title)
			delete(want, p.Title)
		}
	}
	assert.Empty(t, want, "panels that are not there")
}

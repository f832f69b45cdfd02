package commission

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// page documents the JSON form.
const page = "../../../../docs/commissioning/README.md"

// TestEveryFieldOfTheReportIsDocumented: support reads reports of many versions.
func TestEveryFieldOfTheReportIsDocumented(t *testing.T) {
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	var walk func(of reflect.Type)
	seen := map[reflect.Type]bool{}
	walk = func(of reflect.Type) {
		for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		if of.Kind() != reflect.Struct || of.PkgPath() != reflect.TypeFor[Report]().PkgPath() || seen[of] {
			return
		}
		seen[of] = true
		for i := range of.NumField() {
			name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
			require.NotEmpty(t, name, "%s.%s", of, of.Field(i).Name)
			assert.Contains(t, string(text), "`"+name+"`", "%s.%s", of, of.Field(i).Name)
			walk(of.Field(i).Type)
		}
	}
	walk(reflect.TypeFor[Report]())
	assert.Greater(t, len(seen), 5, "nested ones, too")
	assert.Contains(t, string(text), "`schema` is 1")
	assert.Equal(t, 1, Schema)
}

func TestTheReportOfATableInUse(t *testing.T) {
	s := bench(t, nil)
	c := check(s)
	c.Config, c.RunningErr = "/etc/traction/traction.toml", errors.New("the control process runs")
	c.Open = func() (Bench, error) { panic("opened") }
	c.Machine.Probe = nil // no load either: it would panic
	c.Load = true
	r, err := c.Run(context.Background())
	require.NoError(t, err)
	assert.False(t, r.Failed())
	assert.False(t, r.LookedAtTheTable())
	assert.Equal(t, Finding{Check: "table", Verdict: Skip, Found: "the control process runs"}, find(t, &r, "table"))
	assert.Equal(t, Pass, verdicts(&r)["kernel"])
	assert.Equal(t, Pass, verdicts(&r)["calibration"])
	raw, err := json.Marshal(r)
	require.NoError(t, err)
	assert.Contains(t, string(raw), `"schema":1,`)
}

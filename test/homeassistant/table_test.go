package homeassistant

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

// tableID is the topic level of the table under test.
const tableID = "winch"

// table is a simulated table with both processes of its appliance.
type table struct {
	owner    *testing.T // whose end is its end
	program  string
	dir      string
	broker   string
	settings string // file of the gateway
	control  *parts.Process
	gateway  *parts.Process
}

// newTable prepares a table at a broker; nothing runs yet.
func newTable(t *testing.T, broker string) *table {
	t.Helper()
	dir := t.TempDir()
	tb := &table{owner: t, program: parts.Appliance(t), dir: dir, broker: broker, settings: filepath.Join(dir, "traction.toml")}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "programmes"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "programmes", "short.toml"), []byte(`title = "Short"
source = "a test"
harness = "lumbar"
hold = "150 N"
hold_time = "8 s"
rest = "60 N"
rest_time = "4 s"
ramp_up = "40 N/s"
ramp_down = "40 N/s"
duration = "5 min"
pause_rests = true
`), 0o600))
	return tb
}

// startControl runs the control process with what remote users may do.
func (tb *table) startControl(t *testing.T, permission string) {
	t.Helper()
	tb.control = launch(tb.owner, tb.dir, tb.program, "control", "--simulate", "--run-dir", tb.dir,
		"--programmes", filepath.Join(tb.dir, "programmes"), "--remote", permission)
	parts.Eventually(t, "the control process listens", func() bool {
		_, err := os.Stat(filepath.Join(tb.dir, "gateway.sock"))
		return err == nil
	})
}

// startGateway runs the gateway with the shipped settings, changed to this table
// and further: each change is a section, a key and its value.
func (tb *table) startGateway(t *testing.T, changes ...string) {
	t.Helper()
	shipped, err := os.ReadFile("../../systemd/traction.toml")
	require.NoError(t, err)
	text := strings.NewReplacer("/run/traction/gateway/control.sock", filepath.Join(tb.dir, "gateway.sock"),
		"/var/lib/traction-gateway/record.sqlite", filepath.Join(tb.dir, "record.sqlite")).Replace(string(shipped))
	text = set(t, text, "table", "id", `"`+tableID+`"`)
	text = set(t, text, "mqtt", "broker", `"`+tb.broker+`"`)
	for i := 0; i < len(changes); i += 3 {
		text = set(t, text, changes[i], changes[i+1], changes[i+2])
	}
	require.NoError(t, os.WriteFile(tb.settings, []byte(text), 0o600))
	tb.gateway = launch(tb.owner, tb.dir, tb.program, "gateway", "--config", tb.settings)
}

// set gives a key of a section in a settings file another value.
func set(t *testing.T, text, section, key, value string) string {
	t.Helper()
	expression := regexp.MustCompile(`(?ms)(^\[` + section + `\]$.*?^` + key + ` = )[^\n]*`)
	require.Regexp(t, expression, text)
	first := true
	return expression.ReplaceAllStringFunc(text, func(match string) string {
		if !first {
			return match
		}
		first = false
		return expression.FindStringSubmatch(match)[1] + value
	})
}

// hand does something at the table with the appliance's own command.
func (tb *table) hand(t *testing.T, args ...string) {
	t.Helper()
	if args[0] == "press" {
		args = append(args, "--run-dir", tb.dir)
	} else {
		args = append(args, "--socket", filepath.Join(tb.dir, "control.sock"))
	}
	launch(t, tb.dir, tb.program, args...).Succeed(t)
}

package clients

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/link"
	"traction/test/parts"
)

// nodeRED runs Node-RED headless with the shipped example flow, of which nothing
// but the broker's port is changed.
type nodeRED struct {
	js, dir, port string
	*process
}

// known is what the flow's page asks for twice a second.
type known struct {
	Connected, Online bool
	State             *struct {
		Mode string
		Rev  uint64
	}
	Chart   [][3]float64 // milliseconds since 1970, force and set-point in newtons
	Events  []struct{ Seq uint64 }
	Notices []struct{ Text string }
	Answers []struct{ ID, Status, Code string }
}

func startNodeRED(t *testing.T, brokerPort string) *nodeRED {
	t.Helper()
	r := &nodeRED{js: node(t, "node-red"), dir: t.TempDir(), port: parts.FreePort(t)}
	shipped, err := os.ReadFile("../../docs/nodered/flow.json")
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(shipped), `"port": "1883"`))
	flow := strings.Replace(string(shipped), `"port": "1883"`, `"port": "`+brokerPort+`"`, 1)
	require.NoError(t, os.WriteFile(filepath.Join(r.dir, "flow.json"), []byte(flow), 0o600))
	settings := fmt.Sprintf(`module.exports = { uiHost: "127.0.0.1", uiPort: %s, userDir: %q, flowFile: "flow.json",
fileWorkingDirectory: %q, disableEditor: true, telemetry: { enabled: false }, mqttReconnectTime: 500,
externalModules: { palette: { allowInstall: false }, modules: { allowInstall: false } } }`, r.port, r.dir, r.dir)
	require.NoError(t, os.WriteFile(filepath.Join(r.dir, "settings.js"), []byte(settings), 0o600))
	r.start(t)
	return r
}

func (r *nodeRED) start(t *testing.T) {
	t.Helper()
	program, err := filepath.Abs("node_modules/node-red/red.js")
	require.NoError(t, err)
	r.process = launch(t, r.dir, r.js, program, "--settings", filepath.Join(r.dir, "settings.js"))
	parts.Eventually(t, "Node-RED answers", func() bool {
		_, err := r.ask()
		return err == nil
	})
}

// ask gets what the flow knows.
func (r *nodeRED) ask() (k known, err error) {
	client := http.Client{Timeout: parts.Patience}
	answer, err := client.Get("http://127.0.0.1:" + r.port + "/traction/data")
	if err != nil {
		return k, err
	}
	defer answer.Body.Close() //nolint:errcheck // read only
	if answer.StatusCode != http.StatusOK {
		return k, fmt.Errorf("status %s", answer.Status)
	}
	return k, json.NewDecoder(answer.Body).Decode(&k)
}

// until waits for what the flow knows to be as wanted.
func (r *nodeRED) until(t *testing.T, what string, ok func(known) bool) (k known) {
	t.Helper()
	parts.Eventually(t, what, func() bool {
		var err error
		k, err = r.ask()
		require.NoError(t, err)
		return ok(k)
	})
	return k
}

// noticed waits for a notice that says this.
func (r *nodeRED) noticed(t *testing.T, text string) {
	t.Helper()
	r.until(t, "the notice "+text, func(k known) bool {
		for _, n := range k.Notices {
			if strings.Contains(n.Text, text) {
				return true
			}
		}
		return false
	})
}

// inject presses one of the flow's buttons, as the editor does.
func (r *nodeRED) inject(t *testing.T, button string) {
	t.Helper()
	answer, err := http.Post("http://127.0.0.1:"+r.port+"/inject/traction-"+button, "application/json", nil)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)
}

// mode waits until the flow knows of a mode.
func (r *nodeRED) mode(t *testing.T, want string) {
	t.Helper()
	r.until(t, "mode "+want, func(k known) bool { return k.Online && k.State != nil && k.State.Mode == want })
}

// logged reads the flow's log of treatments.
func (r *nodeRED) logged(t *testing.T) []string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(r.dir, "traction-sessions.jsonl"))
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	var lines []string
	for line := range strings.Lines(string(raw)) {
		if strings.HasSuffix(line, "\n") { // else it is still being written
			lines = append(lines, line)
		}
	}
	return lines
}

// calm fails when Node-RED has logged a warning or an error since it began to load the flow.
func (r *nodeRED) calm(t *testing.T) {
	t.Helper()
	_, flow, found := strings.Cut(r.out.String(), "Starting flows")
	assert.True(t, found)
	for line := range strings.Lines(flow + r.Said.String()) {
		assert.NotRegexp(t, `\[(warn|error|fatal)\]`, line)
	}
}

// measured are the points of the chart as they came over MQTT.
func (o *observer) measured(t *testing.T) map[[3]float64]bool {
	t.Helper()
	all := map[[3]float64]bool{}
	for _, s := range o.seen() {
		if s.topic == "telemetry" {
			var v struct {
				Time     time.Time
				ForceN   float64 `json:"force_n"`
				SetPoint float64 `json:"set_point_n"`
			}
			require.NoError(t, json.Unmarshal([]byte(s.payload), &v))
			all[[3]float64{float64(v.Time.UnixMilli()), v.ForceN, v.SetPoint}] = true
		}
	}
	return all
}

// TestNodeRED: the shipped example flow follows a treatment over a restart of the
// broker, pauses, resumes and stops it, notifies, and logs it once.
func TestNodeRED(t *testing.T) {
	parts.Heavy(t, "starts real processes and takes real time")
	t.Parallel()
	whole := t // what starts here lives longer than one part
	m := startMosquitto(t)
	eyes := observe(t, m.URL(), "eyes") // first of all, so that it sees whatever Node-RED sees
	r := startNodeRED(t, m.Port())
	tb := startTable(t, m.URL())
	tb.treat(t)
	r.mode(t, "treating")

	part := func(name string, f func(t *testing.T)) {
		if !t.Failed() { // each part goes on from the one before
			t.Run(name, f)
		}
	}
	part("shows what is measured", func(t *testing.T) {
		k := r.until(t, "a chart", func(k known) bool { return len(k.Chart) >= 5 })
		parts.Eventually(t, "the same at another client", func() bool {
			measured := eyes.measured(t)
			return !slices.ContainsFunc(k.Chart, func(p [3]float64) bool { return !measured[p] })
		})
		assert.NotEmpty(t, k.Events)
		page, err := http.Get("http://127.0.0.1:" + r.port + "/traction")
		require.NoError(t, err)
		require.NoError(t, page.Body.Close())
		assert.Equal(t, http.StatusOK, page.StatusCode)
		assert.Contains(t, page.Header.Get("Content-Type"), "text/html")
	})

	part("survives a restart of the broker", func(t *testing.T) {
		m.Kill()
		r.until(t, "the loss of the broker", func(k known) bool { return !k.Connected && !k.Online })
		r.inject(t, "stop")
		r.noticed(t, "stop was NOT sent")
		r.inject(t, "resume")
		r.noticed(t, "resume was NOT sent")
		m.Start(t)
		r.mode(t, "treating") // and the stop from before did not come after all
	})

	part("pauses and resumes", func(t *testing.T) {
		r.inject(t, "pause")
		tb.mode(t, control.Paused)
		r.mode(t, "paused")
		r.inject(t, "resume")
		tb.mode(t, control.Treating)
		r.mode(t, "treating")
		r.inject(t, "resume") // once more is one too many
		r.noticed(t, "resume was refused: ")
		k := r.until(t, "three answers", func(k known) bool { return len(k.Answers) == 3 })
		assert.Equal(t, []string{"ok", "ok", "wrong_mode"}, []string{k.Answers[0].Code, k.Answers[1].Code, k.Answers[2].Code})
	})

	part("stops and logs", func(t *testing.T) {
		r.inject(t, "stop")
		s := tb.mode(t, control.Idle)
		assert.Less(t, s.Force, 20*physic.Newton, "released")
		parts.Eventually(t, "the log", func() bool { return len(r.logged(t)) > 0 })
		var session struct{ End string }
		require.NoError(t, json.Unmarshal([]byte(r.logged(t)[0]), &session))
		assert.Equal(t, "stopped", session.End)
	})

	part("notifies", func(t *testing.T) {
		launch(t, "", parts.Appliance(t), "press", "emergency-stop", "--for", "300ms", "--run-dir", tb.dir).Succeed(t)
		r.noticed(t, "priority alarm: ")
		r.calm(t)
	})

	part("logs once", func(t *testing.T) {
		r.End()
		r.start(whole)
		r.until(t, "the table again", func(k known) bool { return k.Online && k.State != nil })
		tb.order(t, link.Request{Command: control.CommandAcknowledge}, func(*control.Snapshot) bool { return true })
		r.until(t, "an event", func(k known) bool { return len(k.Events) > 0 }) // after what is retained
		assert.Len(t, r.logged(t), 1)
		r.calm(t)
	})
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/link"
	"traction/mqtt"
	"traction/mqtt/contract"
)

func testModel(t *testing.T) *model {
	t.Helper()
	root, err := findRoot()
	require.NoError(t, err)
	m, err := newModel(root)
	require.NoError(t, err)
	return m
}

// TestFilesFollowTheTypes fails when somebody changes a type, a comment or an
// enumeration and does not write the files again.
func TestFilesFollowTheTypes(t *testing.T) {
	m := testModel(t)
	files, err := generated(m.root)
	require.NoError(t, err)
	for _, f := range files {
		there, err := os.ReadFile(filepath.Join(m.root, f.path))
		if err != nil || string(there) != string(f.content) {
			t.Errorf("%s is not what the Go types say; run: go generate ./mqtt/... (%v)", f.path, err)
		}
	}
	stale, err := strangers(m.root, files)
	require.NoError(t, err)
	assert.Empty(t, stale, "no message has these schemas; run: go generate ./mqtt/...")
}

// TestExamplesAreValid: what was recorded once is still what the contract says.
func TestExamplesAreValid(t *testing.T) {
	m := testModel(t)
	examples, err := readExamples(m.root)
	require.NoError(t, err)
	require.NoError(t, valid(examples))
	shown := map[string]bool{}
	for _, e := range examples {
		shown[e.message] = true
	}
	for _, x := range m.messages {
		assert.True(t, shown[x.name], "no example of %s; record them again: see mqtt/contract/examples/README.md", x.name)
	}
}

func TestPageKnowsAllValues(t *testing.T) {
	m := testModel(t)
	raw, err := os.ReadFile(filepath.Join(m.root, pagePath))
	require.NoError(t, err)
	page := string(raw)
	for _, words := range [][]word{m.codeWords(), m.eventWords(), m.interlockWords(), m.missingWords()} {
		require.Greater(t, len(words), 5)
		for _, w := range words {
			assert.True(t, strings.Contains(page, "| `"+w.name+"` | "), "no row for %s", w.name)
			assert.NotEmpty(t, w.text+remedies[w.name], w.name)
		}
	}
	codes := map[string]bool{}
	for _, w := range m.codeWords() {
		codes[w.name] = true
	}
	for code := range remedies {
		assert.True(t, codes[code], "codes.go has %q, which is no code", code)
	}
	var types []string
	for _, w := range m.eventWords() {
		types = append(types, w.name)
	}
	assert.Equal(t, mqtt.EventTypes(), types)
}

// TestPageSaysTheLimits: what stands in words on the page is what the gateway does.
func TestPageSaysTheLimits(t *testing.T) {
	m := testModel(t)
	raw, err := os.ReadFile(filepath.Join(m.root, pagePath))
	require.NoError(t, err)
	page := strings.Join(strings.Fields(string(raw)), " ")
	limits := map[string]string{}
	for _, c := range m.mqtt.consts {
		limits[c.name] = c.value
	}
	for _, want := range []string{
		fmt.Sprintf("at most %s requests a second, and %s at once", limits["requestRate"], limits["requestBurst"]),
		fmt.Sprintf("at most %d bytes", link.MaxRequest),
	} {
		assert.True(t, strings.Contains(page, want), "the page does not say: %s", want)
	}
}

// TestLevelsAreTrue asks a controller of each permission level for every command.
func TestLevelsAreTrue(t *testing.T) {
	all, err := commands()
	require.NoError(t, err)
	levels := []control.Permission{control.Monitor, control.StopOnly, control.Adjust, control.FullRemote}
	for _, c := range all {
		var kind control.CommandKind
		require.NoError(t, kind.UnmarshalText([]byte(c.name)))
		if kind == control.CommandReport || kind == control.CommandUnpublish {
			continue // the gateway's own
		}
		lowest := "none"
		for _, level := range levels {
			if code := ask(t, level, kind); code != control.NotAllowed {
				if lowest = level.String(); code == control.OnlyAtTable && level == control.Monitor {
					lowest = "" // at every level
				}
				break
			}
		}
		assert.Equal(t, lowest, c.level, c.name)
	}
}

// ask gives one command over the network to a controller that has just begun.
func ask(t *testing.T, level control.Permission, kind control.CommandKind) control.Code {
	c, err := control.New(control.Config{
		Table: control.TableLimits{Force: 500 * physic.Newton, Rise: 80 * control.NewtonPerSecond, PullSpeed: 25 * control.MilliMetrePerSecond,
			ReleaseSpeed: 70 * control.MilliMetrePerSecond, Travel: 350 * physic.MilliMetre},
		Calibration: control.Calibration{PerNewton: 4000, Capacity: 1000 * physic.Newton},
		Tick:        time.Millisecond, SampleRate: 80 * physic.Hertz, Remote: level, HeatTime: time.Minute, FirstRev: 1000,
	})
	require.NoError(t, err)
	in := control.Input{Now: time.Millisecond, Command: control.Command{Kind: kind, Origin: control.Remote, Ticket: 1, Rev: 1000}}
	var out control.Output
	c.Step(&in, &out)
	require.Equal(t, uint64(1), out.Reply.Ticket)
	return out.Reply.Code
}

// TestAsyncAPIIsWhole: every reference inside the document has its target, and
// every topic is there with the QoS and the retain flag that it is published with.
func TestAsyncAPIIsWhole(t *testing.T) {
	m := testModel(t)
	raw, err := m.asyncAPI()
	require.NoError(t, err)
	var document map[string]any
	require.NoError(t, yaml.Unmarshal(raw, &document))
	var follow func(v any)
	references := 0
	follow = func(v any) {
		switch x := v.(type) {
		case map[string]any:
			if to, ok := x["$ref"].(string); ok {
				references++
				if path, inside := strings.CutPrefix(to, "#/"); inside {
					assert.NotNil(t, at(document, strings.Split(path, "/")...), to)
				} else {
					assert.FileExists(t, filepath.Join(m.root, "mqtt", to))
				}
			}
			for _, inner := range x {
				follow(inner)
			}
		case []any:
			for _, inner := range x {
				follow(inner)
			}
		}
	}
	follow(document)
	assert.Greater(t, references, 40)
	for _, c := range contract.Channels() {
		assert.Equal(t, "traction/{table}/"+c.Name, at(document, "channels", identifier(c), "address"))
	}
	assert.Equal(t, 0, at(document, "operations", "sendTelemetry", "bindings", "mqtt", "qos"))
	assert.Equal(t, true, at(document, "operations", "sendState", "bindings", "mqtt", "retain"))
	assert.Equal(t, "#/channels/responseOf", at(document, "operations", "receiveRequestOf", "reply", "channel", "$ref"))
	assert.Contains(t, at(document, "info", "description"), versionRule)
}

// at finds a value by the path of its keys.
func at(v any, path ...string) any {
	for _, p := range path {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	return v
}

// TestTopicsAreThoseOfTheGateway: no topic is forgotten, none is made up.
func TestTopicsAreThoseOfTheGateway(t *testing.T) {
	topics := reflect.ValueOf(mqtt.TopicsOf("t1"))
	known := map[string]bool{}
	for i := range topics.NumField() {
		topic := topics.Field(i).String()
		c, err := contract.Find(topic)
		require.NoError(t, err)
		known[c.Name] = true
	}
	for _, c := range contract.Channels() {
		plain, _, _ := strings.Cut(c.Name, "/")
		assert.True(t, known[plain], c.Name)
	}
}

// What the generator refuses, so that nothing comes into the contract unnoticed.
func TestGeneratorRefuses(t *testing.T) {
	m := testModel(t)
	var defs properties
	for _, c := range []struct {
		key  string
		typ  reflect.Type
		want string
	}{
		{"State.weight_n", reflect.TypeFor[float64](), "range of State.weight_n"},
		{"State.oddity", reflect.TypeFor[map[string]int](), "no schema is known"},
		{"State.inner", reflect.TypeFor[strings.Builder](), "comments are not read"},
	} {
		_, err := m.field(c.key, c.typ, &defs)
		assert.ErrorContains(t, err, c.want, c.key)
	}
	_, err := members(reflect.TypeFor[struct {
		A int `json:"a,omitempty"`
	}]())
	assert.ErrorContains(t, err, "always there")
}

func TestDescriptionsSpeakJSON(t *testing.T) {
	m := testModel(t)
	state := m.find("state")
	assert.Equal(t, "The largest force that may be asked for under `force_n`, in newtons.",
		state.Defs.find("limits").Properties.find("set_point_n").Description)
	telemetry := m.find("telemetry")
	assert.Equal(t, "`mode` and `phase` as in State.", telemetry.Properties.find("phase").Description)
	assert.Equal(t, "[number null]", fmt.Sprint(telemetry.Properties.find("pad_c").Type))
	assert.Equal(t, number("900"), telemetry.Properties.find("set_point_n").Maximum)
}

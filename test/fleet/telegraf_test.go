package fleet

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/mqtt"
	"traction/test/parts"
)

// consumer is one part of the shipped configuration of Telegraf.
type consumer struct {
	Measurement string   `toml:"name_override"`
	Topics      []string `toml:"topics"`
	ClientID    string   `toml:"client_id"`
	QoS         int      `toml:"qos"`
	Persistent  bool     `toml:"persistent_session"`
	Parsing     []struct {
		Topic string `toml:"topic"`
		Tags  string `toml:"tags"`
	} `toml:"topic_parsing"`
	JSON []struct {
		TimestampPath string  `toml:"timestamp_path"`
		Tags          []field `toml:"tag"`
		Fields        []field `toml:"field"`
	} `toml:"json_v2"`
}

// field is what Telegraf takes out of a message.
type field struct {
	Path     string `toml:"path"`
	Rename   string `toml:"rename"`
	Type     string `toml:"type"`
	Optional bool   `toml:"optional"`
}

// name that the field has in the database.
func (f *field) name() string {
	if f.Rename != "" {
		return f.Rename
	}
	return f.Path
}

const telegrafConf = "../../docs/fleet/telegraf.conf"

func consumers(t *testing.T) []consumer {
	t.Helper()
	text, err := os.ReadFile(telegrafConf)
	require.NoError(t, err)
	var file struct {
		Inputs struct {
			MQTT []consumer `toml:"mqtt_consumer"`
		} `toml:"inputs"`
	}
	require.NoError(t, toml.Unmarshal(text, &file))
	require.Len(t, file.Inputs.MQTT, 6)
	return file.Inputs.MQTT
}

// payloads of the topics that Telegraf reads as JSON.
var payloads = map[string]reflect.Type{
	"state": reflect.TypeFor[mqtt.State](), "telemetry": reflect.TypeFor[mqtt.Telemetry](), "session": reflect.TypeFor[mqtt.Session](),
	"event": reflect.TypeFor[mqtt.Event](), "diagnostics": reflect.TypeFor[mqtt.Diagnostics](),
}

// lookup follows a path through the JSON names of a payload. It returns the type in
// Telegraf's words, and whether null may stand there.
func lookup(of reflect.Type, path string) (kind string, null, ok bool) {
	for part := range strings.SplitSeq(path, ".") {
		for of.Kind() == reflect.Pointer {
			of, null = of.Elem(), true
		}
		if part == "#" {
			return "uint", null, of.Kind() == reflect.Slice
		}
		found := false
		for i := range of.NumField() {
			if name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ","); name == part {
				of, found = of.Field(i).Type, true
				break
			}
		}
		if !found {
			return "", false, false
		}
	}
	if of.Kind() == reflect.Pointer {
		of, null = of.Elem(), true
	}
	if _, text := of.MethodByName("MarshalText"); text {
		return "string", null, true
	}
	switch of.Kind() {
	case reflect.String:
		return "string", null, true
	case reflect.Float64:
		return "float", null, true
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "uint", null, true
	case reflect.Int:
		return "int", null, true
	case reflect.Bool:
		return "bool", null, true
	default:
		return of.Kind().String(), null, false
	}
}

// TestTelegrafKnowsThePayloads: each path that Telegraf reads exists, with that
// type, and what may be null is optional.
func TestTelegrafKnowsThePayloads(t *testing.T) {
	clients := map[string]bool{}
	for _, c := range consumers(t) {
		require.Len(t, c.Topics, 1)
		topic, ours := strings.CutPrefix(c.Topics[0], "traction/+/")
		require.True(t, ours, c.Topics[0])
		assert.Equal(t, "traction_"+topic, c.Measurement)
		assert.False(t, clients[c.ClientID], "two with the client id %s would throw each other out", c.ClientID)
		clients[c.ClientID] = true
		assert.Equal(t, c.QoS == 1, c.Persistent, c.Measurement)
		require.Len(t, c.Parsing, 1)
		assert.Equal(t, c.Topics[0], c.Parsing[0].Topic)
		assert.Equal(t, "_/table/_", c.Parsing[0].Tags)
		if topic == "availability" {
			assert.Empty(t, c.JSON)
			continue
		}
		payload, known := payloads[topic]
		require.True(t, known, topic)
		require.Len(t, c.JSON, 1)
		kind, null, ok := lookup(payload, c.JSON[0].TimestampPath)
		assert.True(t, ok && kind == "string" && !null, "%s: timestamp_path", topic)
		names := map[string]bool{}
		for _, f := range append(c.JSON[0].Tags, c.JSON[0].Fields...) {
			kind, null, ok := lookup(payload, f.Path)
			if f.Type == "" {
				f.Type = "string" // tags are
			}
			assert.True(t, ok, "%s has no %s", topic, f.Path)
			assert.Equal(t, kind, f.Type, "%s: type of %s", topic, f.Path)
			assert.Equal(t, null, f.Optional, "%s: optional of %s", topic, f.Path)
			assert.False(t, names[f.name()], "%s: %s twice", topic, f.name())
			names[f.name()] = true
		}
	}
}

// TestTelegraf runs the shipped configuration, its output written to a file.
func TestTelegraf(t *testing.T) {
	program := parts.Special(t, "telegraf", "TRACTION_TELEGRAF", ".ci/telegraf FOLDER installs it; say TRACTION_TELEGRAF=FOLDER/telegraf")
	t.Parallel()
	m := parts.StartMosquitto(t, users(t, "user telegraf\ntopic read traction/#\npattern readwrite traction/%u/#\n", "telegraf", "room-a"))
	dir := t.TempDir()
	written := filepath.Join(dir, "lines")
	shipped, err := os.ReadFile(telegrafConf)
	require.NoError(t, err)
	text := strings.ReplaceAll(string(shipped), "tcp://127.0.0.1:1883", m.URL())
	text = strings.Replace(text, "flush_interval = \"5s\"", "flush_interval = \"200ms\"", 1)
	text = regexp.MustCompile(`(?s)\n\[\[outputs\.influxdb\]\]\n.*?\n\n`).ReplaceAllString(text, "\n[[outputs.file]]\nfiles = [\""+written+"\"]\n\n")
	conf := filepath.Join(dir, "telegraf.conf")
	require.NoError(t, os.WriteFile(conf, []byte(text), 0o600))
	cmd := exec.Command(program, "--config", conf, "--strict-env-handling")
	cmd.Env = append(os.Environ(), "TRACTION_TELEGRAF_PASSWORD="+password)
	telegraf := parts.Start(t, cmd)
	parts.Eventually(t, "telegraf reads everything", func() bool {
		return strings.Contains(telegraf.Said.String(), "Loaded inputs") && strings.Count(m.Said.String(), "as telegraf-") >= 6
	})
	tb := newTable("room-a") // its gateway publishes diagnostics when it has connected
	tb.gateway(t, mqtt.Config{Broker: m.URL()})
	for range lifeTreatment {
		tb.happen()
	}
	for _, c := range consumers(t) {
		var line string
		parts.Eventually(t, c.Measurement+" is written", func() bool {
			all, _ := os.ReadFile(written)
			line = regexp.MustCompile(`(?m)^` + c.Measurement + `,.*$`).FindString(string(all))
			return line != ""
		})
		assert.Contains(t, line, "table=room-a")
		for _, j := range c.JSON {
			for _, f := range append(j.Tags, j.Fields...) {
				if !f.Optional {
					assert.Regexp(t, `[ ,]`+f.name()+`=`, line)
				}
			}
		}
	}
	assert.NotContains(t, telegraf.Said.String(), " E! ")
	assert.NotContains(t, telegraf.Said.String(), " W! ")
}

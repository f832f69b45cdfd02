package homeassistant

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

// documents is the folder with what a person is offered to copy.
const documents = "../../docs/homeassistant"

// copied is the configuration of somebody who has copied all of it. The last
// automation belongs to the test: it shows the event that another one offers.
const copied = `automation documents: !include automations.yaml
automation test:
  - id: echo
    alias: Echo
    triggers:
      - trigger: event
        event_type: traction_session
    actions:
      - action: persistent_notification.create
        data:
          notification_id: echo_{{ trigger.event.data.session }}
          title: "{{ trigger.event.data.end }}"
          message: "{{ trigger.event.data.programme }}"
lovelace:
  dashboards:
    traction-table:
      mode: yaml
      title: Traction table
      filename: dashboard.yaml
`

// copyDocuments puts them where the configuration wants them.
func copyDocuments(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"automations.yaml", "dashboard.yaml"} {
		raw, err := os.ReadFile(filepath.Join(documents, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), raw, 0o600))
	}
}

// notification is what a person sees in Home Assistant.
type notification struct {
	ID      string `json:"notification_id"`
	Title   string
	Message string
}

func (h *home) notifications(t *testing.T) map[string]notification {
	t.Helper()
	var list []notification
	h.ask(t, "persistent_notification/get", nil, &list)
	out := make(map[string]notification)
	for _, n := range list {
		out[n.ID] = n
	}
	return out
}

// offers: dashboard and automations load, and name no entity that is not there.
func (s *scene) offers(t *testing.T) {
	states := s.home.entities(t)
	automations := 0
	for id, e := range states {
		if strings.HasPrefix(id, "automation.") {
			automations++
			assert.Equal(t, "on", e.State, "%s: unavailable means that it is not valid", id)
		}
	}
	assert.Equal(t, 4, automations, "three of the documents and one of the test")

	var dashboard struct{ Views []struct{ Cards []any } }
	s.home.ask(t, "lovelace/config", map[string]any{"url_path": "traction-table"}, &dashboard)
	require.NotEmpty(t, dashboard.Views)
	for _, v := range dashboard.Views {
		assert.NotEmpty(t, v.Cards)
	}

	name := regexp.MustCompile(`\b(?:sensor|binary_sensor|event|button|number|select|climate)\.traction_table_\w+`)
	files, err := filepath.Glob(filepath.Join(documents, "*.yaml"))
	require.NoError(t, err)
	require.Len(t, files, 2)
	for _, f := range files {
		raw, err := os.ReadFile(f)
		require.NoError(t, err)
		names := name.FindAllString(string(raw), -1)
		require.NotEmpty(t, names, f)
		for _, id := range names {
			assert.Contains(t, states, id, "%s names an entity that is not there", f)
		}
	}
}

// render lets Home Assistant evaluate a template.
func (h *home) render(t *testing.T, template string) string {
	t.Helper()
	status, said, err := h.call(http.MethodPost, "/api/template", map[string]string{"template": template})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status, "%s", said)
	return string(said)
}

// markdown collects the texts of the dashboard's markdown cards.
func markdown(v any) (out []string) {
	switch v := v.(type) {
	case map[string]any:
		if v["type"] == "markdown" {
			out = append(out, text(v["content"]))
		}
		for _, inner := range v {
			out = append(out, markdown(inner)...)
		}
	case []any:
		for _, inner := range v {
			out = append(out, markdown(inner)...)
		}
	}
	return out
}

// alarmed: an alarm has reached the person, in words.
func (s *scene) alarmed(t *testing.T) {
	t.Helper()
	said := firstText("trips", "active")(s.observer.newest(stateTopic))
	parts.Eventually(t, "a notification of the alarm", func() bool {
		return s.home.notifications(t)["traction_table_alarm"].Message == said
	})
	var dashboard any
	s.home.ask(t, "lovelace/config", map[string]any{"url_path": "traction-table"}, &dashboard)
	cards := markdown(dashboard)
	require.NotEmpty(t, cards)
	for _, card := range cards {
		assert.Contains(t, s.home.render(t, card), said)
	}
}

// logged: the report of the last treatment was offered as an event.
func (s *scene) logged(t *testing.T) {
	t.Helper()
	report := s.observer.newest(sessionTopic)
	parts.Eventually(t, "an event of the session", func() bool {
		n := s.home.notifications(t)["echo_"+text(lookup(report, "session"))]
		return n.Title == text(lookup(report, "end")) && n.Message == text(lookup(report, "programme"))
	})
}

// automation finds one by the id that the documents give it.
func (s *scene) automation(t *testing.T, id string) entity {
	t.Helper()
	for _, e := range s.home.entities(t) {
		if strings.HasPrefix(e.ID, "automation.") && e.Attributes["id"] == id {
			return e
		}
	}
	t.Fatalf("no automation %s", id)
	return entity{}
}

// remind: the reminder comes two days after a treatment, and no sooner. The broker
// is told of a treatment three days ago, which must not be logged as a new one.
func (s *scene) remind(t *testing.T) {
	const shown = "traction_table_reminder"
	evening := func() { // what the automation's trigger does
		t.Helper()
		require.NoError(t, s.home.service(t, "automation/trigger", s.automation(t, shown).ID, map[string]any{"skip_condition": false}))
	}
	evening()
	assert.NotContains(t, s.home.notifications(t), shown, "there was a treatment a minute ago")

	logged := s.automation(t, "traction_table_session").Attributes["last_triggered"]
	require.NotNil(t, logged)
	report := s.observer.newest(sessionTopic)
	var old map[string]any
	require.NoError(t, json.Unmarshal([]byte(report.payload), &old))
	old["ended"] = time.Now().Add(-3 * 24 * time.Hour).UTC().Format("2006-01-02T15:04:05.000Z07:00")
	raw, err := json.Marshal(old)
	require.NoError(t, err)
	s.observer.publishRetained(t, sessionTopic, string(raw))
	s.alike(t, "with an old treatment")
	evening()
	parts.Eventually(t, "a reminder", func() bool { return strings.Contains(s.home.notifications(t)[shown].Message, "3 days") })
	assert.Equal(t, logged, s.automation(t, "traction_table_session").Attributes["last_triggered"], "an old treatment is logged once")

	s.observer.publishRetained(t, sessionTopic, report.payload)
	s.alike(t, "with the last treatment again")
}

// catchUp: two treatments have ended while the network was away, and the table's clock is
// behind Home Assistant's besides. Each is logged, although both ended before the
// last entry.
func (s *scene) catchUp(t *testing.T) {
	last := s.observer.newest(sessionTopic)
	var report map[string]any
	require.NoError(t, json.Unmarshal([]byte(last.payload), &report))
	name := text(report["session"])
	for i, ago := range []time.Duration{2 * time.Hour, time.Hour} {
		report["session"] = fmt.Sprintf("%s%d", name, i+1)
		report["ended"] = time.Now().Add(-ago).UTC().Format("2006-01-02T15:04:05.000Z07:00")
		raw, err := json.Marshal(report)
		require.NoError(t, err)
		s.observer.publishRetained(t, sessionTopic, string(raw)) // one right behind the other
	}
	for i := range 2 {
		session := fmt.Sprintf("echo_%s%d", name, i+1)
		parts.Eventually(t, "an event of "+session, func() bool { return s.home.notifications(t)[session].Title == text(report["end"]) })
	}
	s.observer.publishRetained(t, sessionTopic, last.payload)
	s.alike(t, "with the last treatment once more")
}

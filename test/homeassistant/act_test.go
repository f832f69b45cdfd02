package homeassistant

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

// show is the state of an entity as Home Assistant shows it.
func (s *scene) show(t *testing.T, key string) string {
	t.Helper()
	return s.home.entities(t)[s.home.id(t, key)].State
}

// shows waits until Home Assistant does: it hears of each message in its own time.
func (s *scene) shows(t *testing.T, key, want string) {
	t.Helper()
	shown := ""
	if !parts.Await(parts.Patience, func() bool {
		shown = s.show(t, key)
		return shown == want
	}) {
		assert.Equal(t, want, shown, key)
	}
}

// answered is what this test needs of a response.
type answered struct{ ID, Status, Code, Message string }

// answers lists the responses so far.
func (o *observer) answers() (out []answered) {
	for _, m := range o.seen(responseTopic) {
		out = append(out, answered{text(lookup(m, "id")), text(lookup(m, "status")), text(lookup(m, "code")), text(lookup(m, "message"))})
	}
	return out
}

// answer waits for the first response, leaving so many out, to a request whose id
// begins so.
func (o *observer) answer(t *testing.T, prefix string, leaveOut int) (a answered) {
	t.Helper()
	parts.Eventually(t, "an answer to "+prefix, func() bool {
		after := o.answers()[leaveOut:]
		i := slices.IndexFunc(after, func(a answered) bool { return strings.HasPrefix(a.ID, prefix) })
		if i >= 0 {
			a = after[i]
		}
		return i >= 0
	})
	return a
}

// call makes Home Assistant do something with an entity, and gives the table's answer.
// As a person would, it waits until Home Assistant shows the state that the observer
// has seen: a request with the rev of the one before is refused, and rightly so.
func (s *scene) call(t *testing.T, service, key string, data map[string]any) answered {
	t.Helper()
	id := s.home.id(t, key)
	parts.Eventually(t, "the newest state at "+key, func() bool {
		rev, has := s.home.entities(t)[id].Attributes["rev"].(float64)
		return !has || uint64(rev) == s.observer.state(t).Rev
	})
	known := len(s.observer.answers())
	require.NoError(t, s.home.service(t, service, id, data))
	return s.observer.answer(t, "ha-"+key+"-", known)
}

// done is a call that the table obeys.
func (s *scene) done(t *testing.T, service, key string, data map[string]any) {
	t.Helper()
	a := s.call(t, service, key, data)
	require.Equal(t, "ok", a.Code, "%s of %s: %s", service, key, a.Message)
}

func (s *scene) press(t *testing.T, key string) {
	t.Helper()
	parts.Eventually(t, key+" can be pressed", func() bool { return s.show(t, key) != unavailable })
	s.done(t, "button/press", key, nil)
}

// set gives a number another value, which the table then has and Home Assistant shows.
func (s *scene) set(t *testing.T, key string, value float64, setting string, inForce float64) {
	t.Helper()
	s.done(t, "number/set_value", key, map[string]any{"value": value})
	s.observer.until(t, key+" is in force", func(st *tableState) bool { return st.Settings[setting] == inForce })
	parts.Eventually(t, key+" is shown", func() bool {
		shown, err := strconv.ParseFloat(s.show(t, key), 64)
		return err == nil && shown > value-0.01 && shown < value+0.01
	})
}

// prepare: select and the numbers reach the table before a treatment.
func (s *scene) prepare(t *testing.T) {
	s.shows(t, "start", unavailable)
	if len(s.observer.state(t).Trips) > 0 { // the controller starts latched
		s.press(t, "acknowledge")
	}
	s.observer.until(t, "acknowledged", func(st *tableState) bool { return len(st.Trips) == 0 })
	s.done(t, "select/select_option", "programme", map[string]any{"option": "short"})
	s.observer.until(t, "selected", func(st *tableState) bool { return st.Programme == "short" })
	s.alike(t, "with a programme")
	s.shows(t, "programme", "short")
	options, _ := s.home.entities(t)[s.home.id(t, "programme")].Attributes["options"].([]any)
	var names []string
	for _, o := range options {
		names = append(names, text(o))
	}
	assert.Equal(t, s.observer.state(t).Programmes, names)

	s.set(t, "hold_force", 140, "hold_n", 140)
	s.set(t, "rest_force", 50, "rest_n", 50)
	s.set(t, "hold_time", 10, "hold_s", 10)
	s.set(t, "rest_time", 5, "rest_s", 5)
	s.set(t, "duration", 6, "duration_s", 360)
	s.alike(t, "with other settings")
}

// treat: everything that a person does with a treatment from Home Assistant.
func (s *scene) treat(t *testing.T) {
	s.observer.until(t, "ready to arm", func(st *tableState) bool { return st.Mode == "idle" && len(st.Missing) == 0 })
	s.table.hand(t, "arm", "--no-wait")
	s.observer.until(t, "armed", func(st *tableState) bool { return st.Mode == "armed" })
	s.table.hand(t, "press", "patient", "--for", "300ms")
	s.observer.until(t, "switch proven", func(st *tableState) bool { return len(st.Missing) == 0 })
	s.press(t, "start")
	s.observer.until(t, "treating", func(st *tableState) bool { return st.Mode == "treating" })
	s.alike(t, "while treating")
	s.observer.until(t, "the first hold", func(st *tableState) bool { return st.Phase == "hold" })

	s.press(t, "hold")
	s.observer.until(t, "held", func(st *tableState) bool { return st.Mode == "paused" && st.Held })
	s.alike(t, "while the force is held")
	s.press(t, "resume")
	s.observer.until(t, "treating again", func(st *tableState) bool { return st.Mode == "treating" })
	s.set(t, "hold_force", 120, "hold_n", 120)

	s.done(t, "climate/set_temperature", "pad", map[string]any{"temperature": 37.5})
	s.observer.until(t, "heat", func(st *tableState) bool { return st.HeatC != nil && *st.HeatC == 37.5 })
	s.alike(t, "with heat")
	s.done(t, "climate/set_hvac_mode", "pad", map[string]any{"hvac_mode": "off"})
	s.observer.until(t, "no heat", func(st *tableState) bool { return st.HeatC == nil })
	s.done(t, "climate/set_hvac_mode", "pad", map[string]any{"hvac_mode": "heat"})
	s.observer.until(t, "heat again", func(st *tableState) bool { return st.HeatC != nil })

	s.press(t, "pause")
	s.observer.until(t, "paused", func(st *tableState) bool { return st.Mode == "paused" && !st.Held })
	s.alike(t, "while paused")
	s.press(t, "resume")
	s.observer.until(t, "treating once more", func(st *tableState) bool { return st.Mode == "treating" })

	// Refused: another programme cannot be selected now.
	a := s.call(t, "select/select_option", "programme", map[string]any{"option": other(s.observer.state(t).Programmes, "short")})
	assert.Equal(t, "wrong_mode", a.Code)
	assert.Equal(t, "treating", s.observer.state(t).Mode)
	s.alike(t, "after a refused choice")
	s.shows(t, "programme", "short")

	s.press(t, "stop")
	s.observer.until(t, "slack", func(st *tableState) bool { return st.Mode == "idle" })
	parts.Eventually(t, "a report", func() bool { return s.observer.newest(sessionTopic).payload != "" })
	s.alike(t, "after a treatment")
	s.shows(t, "last_end", "stopped")
	s.checkEvent(t)
	s.logged(t)
}

// checkEvent: the event entity shows the last event.
func (s *scene) checkEvent(t *testing.T) {
	t.Helper()
	id := s.home.id(t, "event")
	parts.Eventually(t, "the last event is shown", func() bool {
		return text(s.home.entities(t)[id].Attributes["event_type"]) == text(lookup(s.observer.newest(eventTopic), "event_type"))
	})
}

// other is a name that is not this one.
func other(names []string, than string) string {
	for _, n := range names {
		if n != than {
			return n
		}
	}
	return ""
}

// refuse: what the table refuses changes nothing, and what is shown afterwards is
// still the value in force.
func (s *scene) refuse(t *testing.T) {
	before := s.observer.state(t)
	s.table.hand(t, "press", "emergency-stop", "--for", "500ms")
	s.observer.until(t, "tripped", func(st *tableState) bool { return st.Mode == "tripped" })
	s.alike(t, "after the emergency stop")
	s.shows(t, "problem", "on")
	s.alarmed(t)
	a := s.call(t, "number/set_value", "hold_force", map[string]any{"value": 100})
	assert.Equal(t, "refused", a.Status)
	assert.Equal(t, before.Settings, s.observer.state(t).Settings)
	s.alike(t, "after a refused number")
	s.shows(t, "answer", a.Message)

	// Outside of its range Home Assistant refuses on its own.
	seen := len(s.observer.seen(requestTopic))
	require.Error(t, s.home.service(t, "number/set_value", s.home.id(t, "hold_force"), map[string]any{"value": 5000}))
	assert.Len(t, s.observer.seen(requestTopic), seen)

	s.press(t, "acknowledge")
	s.observer.until(t, "acknowledged", func(st *tableState) bool { return st.Mode == "idle" })
}

// rename: a person gives entities other ids; commands go on working.
func (s *scene) rename(t *testing.T) {
	for key, id := range map[string]string{"hold_force": "number.pull", "programme": "select.plan", "stop": "button.halt"} {
		s.home.ask(t, "config/entity_registry/update", map[string]any{"entity_id": s.home.id(t, key), "new_entity_id": id}, nil)
		parts.Eventually(t, "the new name", func() bool {
			e, found := s.home.entities(t)[id]
			return found && e.State != unavailable
		})
	}
	s.set(t, "hold_force", 130, "hold_n", 130)
	name := other(s.observer.state(t).Programmes, "short")
	s.done(t, "select/select_option", "programme", map[string]any{"option": name})
	s.observer.until(t, "selected", func(st *tableState) bool { return st.Programme == name })
	s.done(t, "select/select_option", "programme", map[string]any{"option": "short"})
	s.observer.until(t, "selected again", func(st *tableState) bool { return st.Programme == "short" })
	s.press(t, "stop")
	s.alike(t, "with new names")
}

package homeassistant

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

// What an entity shows that cannot be used now, and one that has no value.
const unavailable, unknown = "unavailable", "unknown"

// uniqueID of an entity in Home Assistant's registry.
func uniqueID(key string) string { return "traction_" + tableID + "_" + key }

// id finds an entity's present id by its key; empty when there is none.
func (h *home) id(t *testing.T, key string) string {
	t.Helper()
	return h.registry(t)[uniqueID(key)].ID
}

// settled waits until Home Assistant has exactly the entities with these keys,
// sorted.
func (h *home) settled(t *testing.T, want []string) {
	t.Helper()
	var got []string
	if !parts.Await(parts.Patience, func() bool {
		got = got[:0]
		for id := range h.registry(t) {
			got = append(got, strings.TrimPrefix(id, uniqueID("")))
		}
		slices.Sort(got)
		return slices.Equal(got, want)
	}) {
		assert.Equal(t, want, got)
		t.Fatal("Home Assistant has other entities than expected")
	}
}

// offered waits until Home Assistant has exactly what the discovery message says:
// it drops a component that it does not like without a word.
func (s *scene) offered(t *testing.T) {
	t.Helper()
	var want, got []string
	if !parts.Await(parts.Patience, func() bool {
		want, got = nil, nil
		for _, c := range s.observer.discovery(t).Components {
			if len(c) > 1 { // else it is a removal: platform alone
				want = append(want, text(c["platform"])+" "+text(c["unique_id"]))
			}
		}
		for id, r := range s.home.registry(t) {
			platform, _, _ := strings.Cut(r.ID, ".")
			got = append(got, platform+" "+id)
		}
		slices.Sort(want)
		slices.Sort(got)
		return slices.Equal(want, got)
	}) {
		assert.Equal(t, want, got)
		t.Fatal("Home Assistant has other entities than the discovery offers")
	}
}

// checkRegistry compares what does not change with the list. With untouched set
// nobody has enabled anything yet.
func (s *scene) checkRegistry(t *testing.T, level string, untouched bool) {
	t.Helper()
	registry := s.home.registry(t)
	devices := s.home.devices(t)
	require.Len(t, devices, 1)
	for _, e := range all {
		if !e.at(level) {
			continue
		}
		r, found := registry[uniqueID(e.key)]
		if !assert.True(t, found, e.key) {
			continue
		}
		assert.Equal(t, devices[0].ID, r.Device, "device of %s", e.key)
		assert.True(t, strings.HasPrefix(r.ID, e.platform+"."), "%s is %s", e.key, r.ID)
		assert.Equal(t, e.category, deref(r.Category), "category of %s", e.key)
		if untouched {
			assert.Equal(t, map[bool]string{true: "integration"}[e.disabled], deref(r.DisabledBy), "%s is disabled by", e.key)
		}
	}
}

// compared are the differences between what entities show and the messages that
// they come from; nothing when all is well. Home Assistant's states are from one
// moment, and so must the telemetry be that they show.
func (s *scene) compared(t *testing.T, list []expected) []string {
	t.Helper()
	registry, states := s.home.registry(t), s.home.entities(t)
	var wrong []string
	check := func(e expected, m message) (out []string) {
		r, found := registry[uniqueID(e.key)]
		if !found || r.DisabledBy != nil {
			return nil
		}
		state, found := states[r.ID]
		want := e.want(m)
		switch {
		case !found:
			out = append(out, fmt.Sprintf("%s has no state", e.key))
		case m.payload == "" && state.State != unknown: // nothing was said yet
			out = append(out, fmt.Sprintf("%s is %q before anything was said", e.key, state.State))
		case m.payload != "" && !shows(state.State, want):
			out = append(out, fmt.Sprintf("%s is %q, wanted %v", e.key, state.State, want))
		}
		if found {
			for name, want := range map[string]string{"unit_of_measurement": e.unit, "device_class": e.class} {
				if got, _ := state.Attributes[name].(string); got != want && e.platform != "climate" {
					out = append(out, fmt.Sprintf("%s has %s %q, wanted %q", e.key, name, got, want))
				}
			}
		}
		return out
	}
	var live []expected
	for _, e := range list {
		switch {
		case e.want == nil:
		case e.topic == telemetryTopic:
			live = append(live, e)
		default:
			wrong = append(wrong, check(e, s.observer.newest(e.topic))...)
		}
	}
	// The live values must be those of one of the last messages, all of the same.
	best := []string{"no telemetry"}
	for _, m := range slices.Backward(s.observer.seen(telemetryTopic)) {
		var here []string
		for _, e := range live {
			here = append(here, check(e, m)...)
		}
		if best[0] == "no telemetry" || len(here) < len(best) {
			best = here
		}
		if len(best) == 0 {
			break
		}
	}
	return append(wrong, best...)
}

// alike waits until Home Assistant shows what the table says.
func (s *scene) alike(t *testing.T, when string) {
	t.Helper()
	var wrong []string
	if !parts.Await(parts.Patience, func() bool {
		wrong = s.compared(t, all)
		return len(wrong) == 0
	}) {
		t.Fatalf("%s, Home Assistant shows something else than the table says:\n%s\nIts log complains:\n%s", when,
			strings.Join(wrong, "\n"), strings.Join(s.home.complaints(), "\n"))
	}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

package homeassistant

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

// convert: a table in pounds-force shows and sets them, and never asks for more
// than was said. One pound-force is 4.4482216 N.
func (s *scene) convert(t *testing.T) {
	const newtons = 4.4482216152605
	s.table.gateway.End()
	s.table.startGateway(t, "homeassistant", "force_unit", `"lbf"`)
	unit := func(key string) string {
		return text(s.home.entities(t)[s.home.id(t, key)].Attributes["unit_of_measurement"])
	}
	parts.Eventually(t, "pounds", func() bool { return unit("force") == "lbf" && unit("hold_force") == "lbf" })
	if len(s.observer.state(t).Trips) > 0 { // the control process has begun anew
		s.press(t, "acknowledge")
	}
	s.done(t, "select/select_option", "programme", map[string]any{"option": "short"})
	s.observer.until(t, "selected", func(st *tableState) bool { return st.Programme == "short" && st.Settings["hold_n"] == 150 })
	near := func(key string, want float64) bool {
		shown, err := strconv.ParseFloat(s.show(t, key), 64)
		return err == nil && shown > want-0.0006 && shown < want+0.0006
	}
	parts.Eventually(t, "150 N in pounds", func() bool { return near("hold_force", 150/newtons) })

	s.done(t, "number/set_value", "hold_force", map[string]any{"value": 30})
	st := s.observer.until(t, "30 lbf", func(st *tableState) bool { return st.Settings["hold_n"] != 150 })
	assert.LessOrEqual(t, st.Settings["hold_n"], 30*newtons)
	assert.InDelta(t, 30*newtons, st.Settings["hold_n"], 0.001)
	parts.Eventually(t, "30 lbf is shown", func() bool { return near("hold_force", 30) })

	// The largest number that is offered is one that the table takes.
	var most float64
	parts.Eventually(t, "the range of the programme", func() bool {
		most, _ = s.home.entities(t)[s.home.id(t, "hold_force")].Attributes["max"].(float64)
		allowed := s.observer.state(t).Limits["remote_hold_n"].Value
		return allowed != nil && most*newtons <= *allowed+0.001
	})
	require.Greater(t, most, 30.0)
	s.done(t, "number/set_value", "hold_force", map[string]any{"value": most})
	s.observer.until(t, "the most", func(st *tableState) bool { return st.Settings["hold_n"] > 140 })

	s.table.gateway.End()
	s.table.startGateway(t)
	parts.Eventually(t, "newtons again", func() bool { return unit("force") == "N" && unit("hold_force") == "N" })
}

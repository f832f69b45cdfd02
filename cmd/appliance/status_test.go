package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/control/link"
)

// golden compares with testdata/name; UPDATE_GOLDEN=1 writes it anew.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got, name)
}

// trippedState waits for somebody to look and acknowledge.
func trippedState() control.Snapshot {
	s := treatingState()
	s.Mode, s.Phase, s.SwitchProof = control.Tripped, control.NoPhase, false
	s.Force, s.SetPoint, s.Position = 0, 0, 0
	s.Trips = s.Trips.With(control.ILPatientSwitch).With(control.ILSuddenDrop)
	s.Active = s.Active.With(control.ILSuddenDrop).With(control.ILPadTemperature)
	s.Missing = control.MissingAcknowledge | control.MissingSwitch
	s.Switches.Patient = true
	s.Alarm, s.Action = control.High, control.Release
	s.Pad, s.HeatTarget, s.HeatDuty, s.HeatRefused = 0, 0, 0, control.HeatTrip
	return s
}

func TestStatusText(t *testing.T) {
	boot := newPlayedTable().boot
	h := &link.Hello{Boot: boot}
	for name, s := range map[string]control.Snapshot{
		"status_treating.golden": treatingState(), "status_tripped.golden": trippedState(),
	} {
		text := statusText(h, &s)
		golden(t, name, text)
		for _, line := range strings.Split(text, "\n") {
			assert.LessOrEqual(t, textWidth(line), statusWidth, name)
		}
		assert.LessOrEqual(t, strings.Count(text, "\n"), 24, "%s: one screen", name)
	}
}

func TestStatusOverTheSocket(t *testing.T) {
	_, flags := played(t)
	var out bytes.Buffer
	require.NoError(t, (&statusCommand{clientFlags: flags}).run(t.Context(), &out))
	assert.Contains(t, out.String(), "treating, hold, step 3 of 4, cycle 5")

	out.Reset()
	require.NoError(t, (&statusCommand{clientFlags: flags, JSON: true}).run(t.Context(), &out))
	var got map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &got))
	for key, want := range map[string]any{
		"table": "room-2", "boot_id": "c0ffee", "time": "2026-01-02T03:05:07Z", "rev": 42.0, "mode": "treating", "phase": "hold",
		"force_n": 179.4, "set_point_n": 180.0, "position_mm": 51.3, "speed_mm_s": 0.4, "stiffness_n_mm": 5.7,
		"phase_total_s": 7.0, "remaining_s": 46.0, "pad_c": 36.2, "heat_c": 38.0, "heat_duty": 0.45, "late_ms": 0.12,
		"cell": "ok", "cell_rate_hz": 80.0, "trips": []any{}, "missing": []any{},
	} {
		assert.Equal(t, want, got[key], key)
	}
	limits := got["limits"].(map[string]any)
	assert.Equal(t, map[string]any{"value": 230.0, "reason": "programme"}, limits["force_n"])
	assert.Equal(t, map[string]any{"value": 220.0, "reason": "programme"}, limits["set_point_n"])
}

func TestStateJSONHasNullForNothing(t *testing.T) {
	s := control.Snapshot{HeatDuty: math.NaN(), Trips: control.InterlockSet(0).With(control.ILEmergencyStop)}
	raw, err := json.Marshal(newStateJSON(&link.Hello{}, &s))
	require.NoError(t, err)
	for _, key := range []string{"stiffness_n_mm", "phase_total_s", "pad_c", "heat_c", "heat_duty"} {
		assert.Contains(t, string(raw), fmt.Sprintf(`"%s":null`, key))
	}
	assert.Contains(t, string(raw), `"force_n":{"value":null,"reason":"none"}`)
	assert.Contains(t, string(raw), `"id":"emergency-stop","text":"the emergency stop is pressed`)
}

func TestSay(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{sayForce(-40_000_000), "0.0 N"},
		{sayForce(-50_000_000_000), "-50.0 N"},
		{sayLevel(392_266_000_000), "392.3 N"},
		{sayLevel(180_000_000_000), "180 N"},
		{sayClock(59 * time.Second), "0:59"},
		{sayClock(3661 * time.Second), "1:01:01"},
		{sayLeft(1), "0:01"},
		{sayLeft(time.Second), "0:01"},
		{sayLeft(0), "0:00"},
		{sayLeft(-time.Second), "0:00"},
		{sayTemperature(0), "–"},
	} {
		assert.Equal(t, c.want, c.got)
	}
}

func TestWrapText(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  []string
	}{
		{"", 10, nil},
		{"one two three", 7, []string{"one two", "three"}},
		{"one two three", 13, []string{"one two three"}},
		{"a verylongword b", 6, []string{"a", "verylo", "ngword", "b"}},
		{"äöü ß", 3, []string{"äöü", "ß"}},
		{"abc", 0, []string{"a", "b", "c"}},
	} {
		assert.Equal(t, c.want, wrapText(c.text, c.width), "%q %d", c.text, c.width)
	}
}

// Every condition and every interlock has words of its own.
func TestEverythingHasWords(t *testing.T) {
	for bit := range len(control.Missing(0xffff).Names()) {
		assert.NotEqual(t, []string{"it is not ready"}, missingTexts(1<<bit), control.Missing(1<<bit).Names())
	}
	for _, id := range control.InterlockSet(math.MaxUint64).IDs() {
		assert.NotContains(t, tripText(id), "no words for", id)
		assert.NotContains(t, tripText(id), "Trip ", id)
	}
}

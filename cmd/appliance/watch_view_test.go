package main

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
)

// scene is a view with a minute of the demonstration on its chart.
func scene(s control.Snapshot) *view {
	v := &view{table: "room-2", known: true, trace: newTrace(), keys: keyHelp(true)}
	past := treatingState()
	for i := range 620 {
		past.At = time.Duration(i) * 100 * time.Millisecond
		x := past.At.Seconds()
		target := 120 + 60*math.Max(-1, math.Min(1, 3*math.Sin(x*2*math.Pi/17)))
		past.SetPoint = physic.Force(target * float64(physic.Newton))
		past.Force = past.SetPoint + physic.Force(2*math.Sin(x*2)*float64(physic.Newton))
		past.Phase = control.Hold
		if x < 5 {
			past.Phase, past.Force = control.Slack, physic.Newton
		}
		v.trace.add(&past)
	}
	v.state = s
	for i, kind := range []control.EventKind{control.EventSwitchProven, control.EventTreatmentStarted, control.EventPhase, control.EventHeat} {
		v.note(control.Event{Seq: uint64(i + 1), At: time.Duration(i) * time.Second, Kind: kind, Treatment: 1})
	}
	return v
}

// scenes are the states that people see, by name.
func scenes() map[string]*view {
	out := map[string]*view{"treating": scene(treatingState()), "tripped": scene(trippedState())}

	paused := treatingState()
	paused.Mode = control.Paused
	out["paused"] = scene(paused)
	out["paused"].answer = "pause: done, the mode is paused"

	pull := treatingState()
	pull.Phase, pull.PhaseTotal, pull.Step, pull.Steps = control.Pull, 0, 1, 1
	out["pull"] = scene(pull)

	idle := treatingState()
	idle.Mode, idle.Phase, idle.SwitchProof, idle.Programme, idle.Settings = control.Idle, control.NoPhase, false, "", control.Settings{}
	idle.Missing = control.MissingProgramme | control.MissingCell
	idle.Cell, idle.HeatTarget = control.CellSilent, 0
	out["idle"] = scene(idle)

	armed := treatingState()
	armed.Mode, armed.Phase = control.Armed, control.NoPhase
	out["armed"] = scene(armed)

	releasing := treatingState()
	releasing.Mode, releasing.Phase = control.Releasing, control.NoPhase
	out["releasing"] = scene(releasing)

	out["lost"] = scene(treatingState())
	out["lost"].lost, out["lost"].why = 7*time.Second, "link: connection closed: EOF"
	out["nothing"] = &view{trace: newTrace(), keys: keyHelp(true), table: "room-2"}
	return out
}

func TestFrames(t *testing.T) {
	for name, v := range scenes() {
		sizes := [][2]int{{80, 24}}
		if name == "treating" || name == "tripped" {
			sizes = append(sizes, [2]int{120, 40}, [2]int{40, 10})
		}
		for _, size := range sizes {
			golden(t, fmt.Sprintf("watch_%s_%dx%d.golden", name, size[0], size[1]), strings.Join(v.lines(size[0], size[1]), "\n")+"\n")
		}
	}
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

// A frame never exceeds its terminal, whatever its size, and colours change
// nothing but colours.
func TestFramesFit(t *testing.T) {
	for name, v := range scenes() {
		v.answer = strings.Repeat("a long answer ", 20)
		for width := 1; width <= 200; width += 7 {
			for height := 1; height <= 60; height += 3 {
				v.palette = unstyled
				bare := v.lines(width, height)
				require.Len(t, bare, height, "%s %dx%d", name, width, height)
				for _, line := range bare {
					require.LessOrEqual(t, textWidth(line), width, "%s %dx%d %q", name, width, height, line)
				}
				v.palette = colours
				for i, line := range v.lines(width, height) {
					require.Equal(t, bare[i], strings.TrimRight(escapes.ReplaceAllString(line, ""), " "), "%s %dx%d", name, width, height)
				}
			}
		}
	}
}

// What somebody has to do stays when there is hardly any room.
func TestTripsStayOnASmallTerminal(t *testing.T) {
	v := scene(trippedState())
	text := strings.Join(v.lines(60, 9), "\n")
	for _, want := range []string{"TRIPPED", "PATIENT-SWITCH: the person pressed the patient switch", "SUDDEN-DROP", "s or space STOP"} {
		assert.Contains(t, text, want)
	}
}

// An old state is never shown as the present one.
func TestLostContactIsPlain(t *testing.T) {
	v := scenes()["lost"]
	text := strings.Join(v.lines(80, 24), "\n")
	assert.Contains(t, text, "NO CONTACT")
	assert.Contains(t, text, "0:07 old")
	assert.NotContains(t, text, "TREATING")
	assert.True(t, strings.HasPrefix(v.oneLine(), "NO CONTACT for 0:07"))
}

func TestOneLine(t *testing.T) {
	v := scene(treatingState())
	assert.Equal(t, "1:02  treating, hold, step 3 of 4, cycle 5, force 179.4 N, set-point 180.0 N, 0:46 left, limit 230 N (programme)", v.oneLine())
	v.state = trippedState()
	assert.Contains(t, v.oneLine(), "tripped, force 0.0 N, limit 230 N (programme); TRIP patient-switch: the person pressed")
}

func TestPalettes(t *testing.T) {
	colour := regexp.MustCompile(`(^|;)(3|4|9|10)[0-7]`)
	for s := style(1); s < styleCount; s++ {
		assert.NotEmpty(t, colours[s], s)
		assert.NotEmpty(t, monochrome[s], s)
		assert.False(t, colour.MatchString(monochrome[s]), "NO_COLOR: %s", monochrome[s])
	}
	assert.Equal(t, "\x1b[1;31mab\x1b[0m", newLine(&colours, 2).add(alarmStyle, "abc").add(plain, "d").String())
}

func TestTraceKeepsExtremesAndForgets(t *testing.T) {
	tr := newTrace()
	s := treatingState()
	for i, f := range []physic.Force{100, 180, 90, -5} {
		s.At, s.Force = time.Duration(i)*100*time.Millisecond, f*physic.Newton
		tr.add(&s)
	}
	d := tr.at(1)
	require.NotNil(t, d)
	assert.Equal(t, [3]float64{0, 180, 0}, [3]float64{d.low, d.high, d.last}, "a force below zero is drawn at zero")
	assert.Equal(t, 180.0, d.setPoint)

	s.Mode, s.At = control.Releasing, dotTime
	tr.add(&s)
	assert.True(t, math.IsNaN(tr.at(2).setPoint), "no set-point is drawn while releasing")
	assert.Nil(t, tr.at(0))
	assert.Nil(t, tr.at(3))

	s.At = dotTime * traceDots // takes the place of the first
	tr.add(&s)
	assert.Nil(t, tr.at(1))
	assert.NotNil(t, tr.at(traceDots+1))
}

func TestChartPlacesForces(t *testing.T) {
	tr := newTrace()
	s := treatingState()
	for i, f := range []physic.Force{0, 0, 100, 100} {
		s.At, s.Force, s.SetPoint = time.Duration(i)*dotTime, f*physic.Newton, 100*physic.Newton
		tr.add(&s)
	}
	c := newChart(tr, 2, 1, 100)
	// Four dots high, two columns of two: at the bottom, then up and along the top.
	assert.Equal(t, [][]uint8{{0x40 | 0x80, 0x01 | 0x02 | 0x04 | 0x40 | 0x08}}, c.force)
	assert.Equal(t, [][]uint8{{0x01 | 0x08, 0x01 | 0x08}}, c.target)
}

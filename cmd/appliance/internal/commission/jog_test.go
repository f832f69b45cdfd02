package commission

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/cmd/appliance/internal/simulation"
	"traction/control/executive"
	"traction/hw"
	"traction/hw/simtable"
)

// virtualSeat moves in virtual time, in the goroutine that waits.
type virtualSeat struct {
	*executive.Maintenance
	moving int                        // looks at motions so far
	during func(look int) (line bool) // somebody presses Enter, or something else; may be nil
	gone   error
}

func (s *virtualSeat) pass(_ context.Context, d time.Duration, listen bool) (line, ended bool, err error) {
	s.RunFor(d)
	if listen {
		s.moving++
		line = s.during != nil && s.during(s.moving)
	}
	return line, false, s.gone
}

// jog has a session of these lines with a simulated table.
func jog(t *testing.T, s *Simulated, calibrated bool, during func(look int) bool, lines ...string) (said string, err error) {
	t.Helper()
	var out strings.Builder
	j := &Jog{Settings: s.Settings, Bench: s.Bench, Out: &out}
	if calibrated {
		j.Calibration = &s.Calibration
	}
	j.console = newConsole(strings.NewReader(strings.Join(lines, "\n")+"\n"), &out)
	m, err := j.maintenance()
	require.NoError(t, err)
	j.seat = &virtualSeat{Maintenance: m, during: during}
	err = j.session(context.Background())
	return out.String(), errors.Join(err, s.Table.SafeOff())
}

func TestJogFindsTheSettings(t *testing.T) {
	for _, calibrated := range []bool{true, false} {
		s := bench(t, nil)
		s.Settings.Motor.StepsPerMM = 32 // the settings are wrong: half of what is so
		began := s.Sim.Truth().PositionMM
		said, err := jog(t, s, calibrated, nil, "winch", "+40", "measured 20", "speed 10", "slack", "pull", "-10", "quit")
		require.NoError(t, err, said)
		// The bench's motor counts 64 steps for a millimetre, whatever the settings say.
		assert.Contains(t, said, "done, after +40.00 mm")
		assert.Contains(t, said, "motor.steps_per_mm = 64 (in use: 32)")
		assert.Contains(t, said, "the slack end switch opened, after -60")
		assert.Contains(t, said, "the pull end switch opened, after +400")
		// 400 mm between the switches, by a count whose millimetres were half as long.
		assert.Contains(t, said, "the end switches are 200.0 mm apart: table.travel at most 190 mm")
		assert.Contains(t, said, "motor.steps_per_mm = 64\n")
		assert.NotContains(t, said, "WRONG END")
		assert.InDelta(t, 390, s.Sim.Truth().PositionMM, 0.5)
		assert.InDelta(t, 20, began, 0.1)
		assert.Zero(t, s.Sim.Truth().LostSteps+s.Sim.Truth().IgnoredSteps+s.Sim.Truth().TimingViolations)
		assert.ErrorIs(t, s.Table.Apply(0, hw.Actuation{}), hw.ErrOff)
	}
}

func TestJogFindsAReversedMotor(t *testing.T) {
	s := bench(t, nil)
	require.NoError(t, s.Sim.Inject(simtable.Fault{Kind: "dir-wire"}))
	said, err := jog(t, s, true, nil, "winch", "-15", "measured -15", "quit")
	require.NoError(t, err, said)
	assert.InDelta(t, 35, s.Sim.Truth().PositionMM, 0.5, "it has gone the other way")
	assert.Contains(t, said, "It went the other way: motor.reverse = true")
	assert.Contains(t, said, "  motor.reverse = true, unless the end switches are exchanged")
}

func TestJogSaysWhatIsTheMatter(t *testing.T) {
	for name, c := range map[string]struct {
		before func(s *simtable.Sim)
		lines  []string
		says   []string
	}{
		"unknown words":   {nil, []string{"jump", "+", "+51", "+1e9", "speed 11", "speed", "measured 5", "pull 5"}, []string{`"jump" is not known`, "+: allowed: -50 to +50, in mm", "a way of 51 mm", "+1e9: allowed", "speed 11: allowed: above 0 to 10", "speed : allowed", "the last motion went +0.00 mm", `"pull 5" is not known`}},
		"a comma":         {nil, []string{"+2,5"}, []string{"done, after +2.50 mm"}},
		"absurd measures": {nil, []string{"+20", "measured 0", "measured 0.5", "measured 500", "measured NaN"}, []string{"measured 0: allowed: 1.0 to 400", "measured 0.5:", "measured 500:", "measured NaN:"}},
		"patient switch":  {func(s *simtable.Sim) { s.PressPatientSwitch(true) }, []string{"+1"}, []string{"patient switch OPEN", "not moved: emergency stop or patient switch"}},
		"emergency stop":  {func(s *simtable.Sim) { s.PressEmergencyStop(true) }, []string{"+1", "-1", "pull"}, []string{"emergency stop OPEN", "not moved"}},
		"no cell": {func(s *simtable.Sim) { _ = s.Inject(simtable.Fault{Kind: "cell-silent"}) }, []string{"+1"},
			[]string{"(cell: silent)", "the load cell cannot be relied on (silent)"}},
		"tension": {func(s *simtable.Sim) { _ = s.Inject(simtable.Fault{Kind: "zero-jump", Value: 80}) }, []string{"+1", "-2"},
			[]string{"the rope pulls with 8", "only away from force now", "done, after -2.00 mm"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := bench(t, nil)
			if c.before != nil {
				c.before(s.Sim)
			}
			said, err := jog(t, s, true, nil, append(append([]string{"winch"}, c.lines...), "quit")...)
			require.NoError(t, err)
			for _, text := range c.says {
				assert.Contains(t, said, text)
			}
		})
	}
}

func TestJogStopsInTheMiddle(t *testing.T) {
	t.Run("Enter", func(t *testing.T) {
		s := bench(t, nil)
		said, err := jog(t, s, true, func(look int) bool { return look == 40 }, "winch", "pull", "quit")
		require.NoError(t, err)
		assert.Contains(t, said, "stopped, after +7.", "2 s less the warning, at 5 mm/s")
	})
	t.Run("patient switch", func(t *testing.T) {
		s := bench(t, nil)
		said, err := jog(t, s, true, func(look int) bool {
			s.Sim.PressPatientSwitch(look > 40)
			return false
		}, "winch", "pull", "quit")
		require.NoError(t, err)
		assert.Contains(t, said, "stopped: emergency stop, patient switch or motor supply, after +7.")
		assert.False(t, s.Sim.Truth().Energised)
	})
}

func TestJogIsConfirmedOrNothingMoves(t *testing.T) {
	for _, answer := range []string{"", "yes", "Winch"} {
		s := bench(t, nil)
		from := s.Sim.Truth().PositionMM
		_, err := jog(t, s, true, nil, answer, "+1")
		require.ErrorIs(t, err, ErrNotConfirmed)
		assertStill(t, s, from)
	}
	s := bench(t, nil)
	_, err := jog(t, s, true, nil, "winch", "+1") // and then nobody is there any more
	require.ErrorIs(t, err, ErrNoAnswer)
}

// The thread that moves, in real time: what it does is the virtual one's, so
// here only that it begins, obeys and ends.
func TestJogInRealTime(t *testing.T) {
	table, err := simtable.TableByName("winch")
	require.NoError(t, err)
	s, err := NewSimulated(table, simulation.Steady)
	require.NoError(t, err)
	var out strings.Builder
	j := &Jog{Settings: s.Settings, Bench: s.Bench, Calibration: &s.Calibration, Out: &out, In: strings.NewReader("winch\n+1\n\n\nquit\n")}
	require.NoError(t, j.Run(context.Background()), out.String())
	assert.ErrorIs(t, s.Table.Apply(0, hw.Actuation{}), hw.ErrOff)
	assert.Contains(t, out.String(), "jog>")

	// The terminal goes, or somebody interrupts: whoever looks is told that the drive is off, and what was measured.
	out.Reset()
	s, err = NewSimulated(table, simulation.Steady)
	require.NoError(t, err)
	j = &Jog{Settings: s.Settings, Bench: s.Bench, Calibration: &s.Calibration, Out: &out, In: strings.NewReader("winch\n")}
	j.found.stepsPerMM = 62.5
	require.ErrorIs(t, j.Run(context.Background()), ErrNoAnswer)
	assert.Contains(t, out.String(), "The drive is off, and nothing moves any more.\nFor the settings")
	assert.Contains(t, out.String(), "motor.steps_per_mm = 62.5")

	broken := fmt.Errorf("a pin")
	s = bench(t, nil)
	j = &Jog{Settings: s.Settings, Bench: s.Bench, Calibration: &s.Calibration, Out: &out, speed: firstSpeed}
	j.console = newConsole(strings.NewReader("winch\n+1\nquit\n"), &out)
	m, err := j.maintenance()
	require.NoError(t, err)
	j.seat = &virtualSeat{Maintenance: m, gone: broken}
	require.ErrorIs(t, j.session(context.Background()), broken)
}

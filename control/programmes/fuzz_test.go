package programmes

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/quantity"
	"traction/control/quantity/document"
	"traction/test/fuzz"
)

// FuzzProgramme reads any text as a programme. What is accepted is valid, comes
// back the same when it is written again, and is selected by a controller unless
// a limit forbids it; what is wrong is told with file and key.
func FuzzProgramme(f *testing.F) {
	for _, name := range Builtin() {
		data, err := builtin.ReadFile("builtin/" + name + Extension)
		require.NoError(f, err)
		f.Add(string(data))
	}
	f.Add("title = \"x\"\nhold = \"2000 N\"\nhold_time = \"60\"\nforce_limit = \"45 kg\"\nharness = \"arm\"\nspeed = 3\n")
	f.Fuzz(readAny)
}

// FuzzProgrammeValues puts any values where they belong, so that the engine does
// not have to find out how TOML is written.
func FuzzProgrammeValues(f *testing.F) {
	f.Add("lumbar", "400 N", "60 s", "120 N", "20 s", "40 N/s", "30 N/s", "20 min", "470 N", "38 C", 2, 1, 3, 50)
	f.Add("lumbar", "600 N", "60 s", "700 N", "20 s", "0 N/s", "30 N/s", "2 h", "1 kN", "50 C", 20, 0, 0, 5)
	f.Add("lumbar", "400 N", "60 s", "120 N", "20 s", "40 N/s", "30 N/s", "20 min", "400 N", "38 C", 0, 0, 0, 0)
	f.Add("cervical", "25 lbf", "10 s", "5 kgf", "0 s", "1 N/s", "100 N/s", "1m30s", "0 N", "0 K", 0, 0, 0, 0)
	f.Fuzz(func(t *testing.T, harness, hold, holdTime, rest, restTime, up, down, duration, limit, heat string, steps, back, cycles, share int) {
		var b strings.Builder
		keys := []string{"title", "source", "harness", "hold", "hold_time", "rest", "rest_time", "ramp_up", "ramp_down", "duration", "force_limit", "heat"}
		for i, v := range []string{"x", "x", harness, hold, holdTime, rest, restTime, up, down, duration, limit, heat} {
			fmt.Fprintf(&b, "%s = %s\n", keys[i], basic(v))
		}
		fmt.Fprintf(&b, "pause_rests = true\nprogressive = %d\nregressive = %d\nstep_cycles = %d\nstep_rest_percent = %d\n", steps, back, cycles, share)
		readAny(t, b.String())
	})
}

func readAny(t *testing.T, text string) {
	fuzz.Bounded(t, len(text), func() {
		p, err := read(text)
		if err != nil {
			require.Nil(t, p)
			checkErrors(t, err)
			return
		}
		require.NoError(t, p.Validate())
		again, err := read(rewrite(p))
		require.NoError(t, err)
		require.Equal(t, p, again)
		checkSelect(t, p)
	})
}

func read(text string) (*control.Programme, error) {
	d, err := document.Parse("file.toml", []byte(text))
	if err != nil {
		return nil, err
	}
	return bind(d, "file")
}

// checkErrors wants file and key of each problem.
func checkErrors(t *testing.T, err error) {
	var joined interface{ Unwrap() []error }
	all := []error{err}
	if errors.As(err, &joined) {
		all = joined.Unwrap()
	}
	for _, e := range all {
		var p *document.Problem
		require.ErrorAs(t, e, &p)
		require.Equal(t, "file.toml", p.File)
		require.NotEmpty(t, p.Message)
		require.True(t, p.Key != "" || len(all) == 1, "what is it about? %v", p)
	}
}

// rewrite gives a programme as its file would have it.
func rewrite(p *control.Programme) string {
	var b strings.Builder
	text := func(key, v string) { fmt.Fprintf(&b, "%s = %s\n", key, basic(v)) }
	text("title", p.Title)
	text("source", p.Source)
	text("harness", p.Harness.String())
	text("hold", quantity.Format(p.Hold))
	text("hold_time", quantity.Format(p.HoldTime))
	text("rest", quantity.Format(p.Rest))
	text("rest_time", quantity.Format(p.RestTime))
	text("ramp_up", quantity.Format(p.RampUp))
	text("ramp_down", quantity.Format(p.RampDown))
	text("duration", quantity.Format(p.Duration))
	text("force_limit", quantity.Format(p.ForceLimit))
	if p.Heat != 0 {
		text("heat", quantity.Format(p.Heat))
	}
	fmt.Fprintf(&b, "pause_rests = %t\nprogressive = %d\nregressive = %d\nstep_cycles = %d\nstep_rest_percent = %d\n",
		p.PauseRests, p.Progressive, p.Regressive, p.StepCycles, p.StepRest)
	return b.String()
}

// basic is a TOML basic string.
func basic(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < ' ' || r == '"' || r == '\\' || r == 0x7f {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return `"` + b.String() + `"`
}

// checkSelect gives the programme to a controller at the ceilings.
func checkSelect(t *testing.T, p *control.Programme) {
	c, err := control.New(control.Config{
		Table: control.TableLimits{Force: control.CeilingForce, Rise: control.CeilingRise, PullSpeed: control.CeilingSpeed,
			ReleaseSpeed: 3 * control.CeilingSpeed, Travel: control.CeilingTravel, BackDrivable: true},
		Tick: time.Millisecond, SampleRate: 80 * physic.Hertz, HeatTime: time.Minute, FirstRev: 1,
	})
	require.NoError(t, err)
	var in control.Input
	var out control.Output
	in.Now = time.Second
	in.Command = control.Command{Kind: control.CommandSelect, Programme: p, Rev: 1}
	c.Step(&in, &out)
	require.Contains(t, []control.Code{control.Accepted, control.AboveLimit}, out.Reply.Code, "%+v", out.Reply)
	var s control.Snapshot
	c.Snapshot(&s)
	if out.Reply.Code == control.Accepted {
		require.LessOrEqual(t, s.Settings.Hold, s.Limits.MaxSetPoint())
		require.Positive(t, s.Planned)
	} else {
		require.NotEqual(t, control.ReasonNone, out.Reply.Reason)
		require.Empty(t, s.Programme)
	}
}

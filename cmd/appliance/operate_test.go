package main

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
)

// runner is every command that gives one order.
type runner interface {
	run(context.Context, io.Writer) error
}

// ordered gives the command that a command line makes.
func ordered(t *testing.T, f clientFlags, args ...string) runner {
	c := parse(t, append(args, "--socket", f.Socket)...)
	return map[string]runner{"select": &c.Select, "arm": &c.Arm, "start": &c.Start, "pause": &c.Pause, "resume": &c.Resume,
		"hold": &c.Hold,
		"stop": &c.Stop, "set": &c.Set, "heat": &c.Heat, "acknowledge": &c.Acknowledge}[args[0]]
}

func TestOrdersCarryRevAndValues(t *testing.T) {
	for _, c := range []struct {
		args []string
		want control.Command
	}{
		{[]string{"arm", "--no-wait"}, control.Command{Kind: control.CommandArm, Rev: 42}},
		{[]string{"start"}, control.Command{Kind: control.CommandStart, Rev: 42}},
		{[]string{"pause"}, control.Command{Kind: control.CommandPause}},
		{[]string{"hold"}, control.Command{Kind: control.CommandHold, Rev: 42}},
		{[]string{"resume"}, control.Command{Kind: control.CommandResume, Rev: 42}},
		{[]string{"acknowledge"}, control.Command{Kind: control.CommandAcknowledge, Rev: 42}},
		{[]string{"heat", "38 C"}, control.Command{Kind: control.CommandHeat, Rev: 42, Heat: physic.ZeroCelsius + 38*physic.Celsius}},
		{[]string{"heat", "38", "C"}, control.Command{Kind: control.CommandHeat, Rev: 42, Heat: physic.ZeroCelsius + 38*physic.Celsius}},
		{[]string{"heat", "off"}, control.Command{Kind: control.CommandHeat, Rev: 42}},
		{[]string{"set", "--hold", "350 N", "--rest", "120 N", "--hold-time", "45s", "--rest-time", "15s", "--duration", "15m"},
			control.Command{Kind: control.CommandSet, Rev: 42, Set: control.Settings{
				Fields: control.FieldHold | control.FieldRest | control.FieldHoldTime | control.FieldRestTime | control.FieldDuration,
				Hold:   350 * physic.Newton, Rest: 120 * physic.Newton, HoldTime: 45 * time.Second, RestTime: 15 * time.Second, Duration: 15 * time.Minute}}},
		{[]string{"set", "--rest-time=15s"},
			control.Command{Kind: control.CommandSet, Rev: 42, Set: control.Settings{Fields: control.FieldRestTime, RestTime: 15 * time.Second}}},
	} {
		table, flags := played(t)
		var out bytes.Buffer
		require.NoError(t, ordered(t, flags, c.args...).run(t.Context(), &out), "%v", c.args)
		table.with(func(p *playedTable) { assert.Equal(t, []control.Command{c.want}, p.commands, "%v", c.args) })
		assert.Contains(t, out.String(), c.args[0]+": done, the mode is treating", "%v", c.args)
	}
}

func TestSelectNamesProgrammeAndPerson(t *testing.T) {
	table, flags := played(t)
	c := ordered(t, flags, "select", "demo", "--body-weight", "75 kg", "--max-force", "300 N")
	require.NoError(t, c.run(t.Context(), io.Discard))
	table.with(func(p *playedTable) {
		require.Len(t, p.commands, 1)
		got := p.commands[0]
		assert.Equal(t, "demo", got.Programme.Name)
		assert.Equal(t, control.Person{BodyWeight: control.WeightOf(75), MaxForce: 300 * physic.Newton}, got.Person)
	})
	c = ordered(t, flags, "select", "nonsense")
	err := c.run(t.Context(), io.Discard)
	assert.ErrorIs(t, err, errRefused)
	assert.ErrorContains(t, err, "lumbar-60-20", "it lists what there is")
}

func TestValuesNeedUnits(t *testing.T) {
	for _, args := range [][]string{
		{"set", "--hold", "350"}, {"set", "--hold", "350 kg"}, {"set", "--hold-time", "45"},
		{"select", "demo", "--body-weight", "75"}, {"select", "demo", "--body-weight", "75 N"},
	} {
		_, err := parsed(args...)
		assert.ErrorContains(t, err, "unit", "%v", args)
	}
	table, flags := played(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"heat", "38"}, "unit"},
		{[]string{"heat", "0 K"}, "allowed: 25 C to 40 C"},
		{[]string{"heat", "60 C"}, "heat_c: 60 is out of range"},
		{[]string{"set"}, "needs at least one of hold_n"},
		{[]string{"set", "--hold", "5 kN"}, "hold_n: 5000 is out of range"},
	} {
		assert.ErrorContains(t, ordered(t, flags, c.args...).run(t.Context(), io.Discard), c.want, "%v", c.args)
	}
	table.with(func(p *playedTable) { assert.Empty(t, p.commands) })
}

func TestRefusalIsAnErrorWithTheAnswer(t *testing.T) {
	table, flags := played(t)
	table.reply = func(*playedTable, control.Command) control.Reply { return control.Reply{Code: control.WrongMode} }
	var out bytes.Buffer
	err := ordered(t, flags, "resume").run(t.Context(), &out)
	assert.ErrorIs(t, err, errRefused)
	assert.ErrorContains(t, err, "resume is not possible while the mode is treating")
	assert.Empty(t, out.String())
}

func TestStopLooksAtNothing(t *testing.T) {
	table, flags := played(t)
	var out bytes.Buffer
	require.NoError(t, ordered(t, flags, "stop").run(t.Context(), &out))
	assert.Contains(t, out.String(), "stop")
	table.with(func(p *playedTable) {
		assert.Equal(t, 1, p.stops)
		assert.LessOrEqual(t, p.looks, 1, "only the answer's own look at rev and mode")
	})
}

func TestStartTellsTheWholeTime(t *testing.T) {
	_, flags := played(t)
	var out bytes.Buffer
	require.NoError(t, ordered(t, flags, "start").run(t.Context(), &out))
	assert.Contains(t, out.String(), "The treatment takes 1:36, with slack take-up and release about 1:51.")
}

// stopAt ends something once a text was written.
type stopAt struct {
	bytes.Buffer
	text string
	stop func()
}

func (s *stopAt) Write(b []byte) (int, error) {
	n, err := s.Buffer.Write(b)
	if s.stop != nil && bytes.Contains(s.Bytes(), []byte(s.text)) {
		s.stop()
	}
	return n, err
}

func TestArmWaitsForTheProof(t *testing.T) {
	arm := func(then func(*control.Snapshot), out *stopAt) error {
		table, flags := played(t)
		table.state = control.Snapshot{Rev: 7, Mode: control.Idle}
		looks := 0
		table.reply = func(p *playedTable, _ control.Command) control.Reply {
			p.state.Mode, p.state.Rev = control.Armed, 8
			return control.Reply{}
		}
		table.looked = func(p *playedTable) {
			if p.state.Mode == control.Armed {
				looks++
			}
			if looks == 5 && then != nil {
				then(&p.state)
			}
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		if out.text != "" {
			out.stop = stop
		}
		return ordered(t, flags, "arm").run(ctx, out)
	}
	var out stopAt
	require.NoError(t, arm(func(s *control.Snapshot) { s.SwitchProof = true }, &out))
	assert.Contains(t, out.String(), "Let the person press the patient switch")
	assert.Contains(t, out.String(), "is proven")

	require.NoError(t, arm(func(s *control.Snapshot) { s.SwitchProof, s.Rev = true, 9 }, &out), "somebody has set a value meanwhile")

	err := arm(func(s *control.Snapshot) { s.Mode, s.Rev = control.Tripped, 9 }, &stopAt{})
	assert.ErrorContains(t, err, "not armed any more, the mode is tripped")

	err = arm(nil, &stopAt{text: "Let the person press"})
	assert.ErrorContains(t, err, "not proven yet; the table stays armed")
}

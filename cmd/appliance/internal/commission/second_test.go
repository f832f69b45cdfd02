package commission

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/cmd/appliance/internal/simulation"
	"traction/control/calfile"
	"traction/hw/hx711"
	"traction/hw/simtable"
)

func TestACalibrationOfTwoCells(t *testing.T) {
	s := double(t)
	c, said := calibration(t, s, good)
	before := s.Calibration
	before.Date = now.AddDate(-1, 0, 0)
	c.Before = &before
	require.NoError(t, c.Run(context.Background()), said.String())
	f, err := calfile.Load(c.Path, "double", s.Settings.Cell.Capacity)
	require.NoError(t, err)
	want := s.Calibration
	assert.InEpsilon(t, want.Calibration.PerNewton, f.Calibration.PerNewton, 0.0003)
	assert.InEpsilon(t, want.Second.Calibration.PerNewton, f.Second.Calibration.PerNewton, 0.0003)
	assert.InDelta(t, want.Second.Calibration.Zero, f.Second.Calibration.Zero, 60)
	assert.Equal(t, f.Calibration.Capacity, f.Second.Calibration.Capacity)
	require.Len(t, f.Second.Points, 2)
	assert.Equal(t, 196_133_000*physic.MicroNewton, f.Second.Points[0].Force)
	for _, text := range []string{"Two cells are wired", "first cell, zero: ", "second cell, zero: -", "first cell, 196.133 N: +842", "second cell, 196.133 N: +758",
		"Result, first cell:", "Result, second cell:"} {
		assert.Contains(t, said.String(), text)
	}
	assert.NotContains(t, said.String(), "DOUBT")
}

func TestASecondCellWiredTheOtherWayRound(t *testing.T) {
	s := double(t, func(table *simtable.Table) { table.Cell2.SensitivityMVPerV *= -1 })
	c, said := calibration(t, s, good)
	require.NoError(t, c.Run(context.Background()), said.String())
	f, err := calfile.Load(c.Path, "double", s.Settings.Cell.Capacity)
	require.NoError(t, err)
	assert.Negative(t, f.Second.Calibration.PerNewton)
	assert.NotContains(t, said.String(), "DOUBT")
}

func TestOneOfTwoCellsSpoilsTheCalibration(t *testing.T) {
	silent := simtable.Fault{Kind: "second-cell-silent"}
	for name, tc := range map[string]struct {
		change  func(*Calibration, *Simulated)
		answers string
		want    error
		says    string
	}{
		"second one silent": {func(_ *Calibration, s *Simulated) {
			if err := s.Sim.Inject(silent); err != nil {
				panic(err)
			}
		}, strings.Repeat("\n", 9), ErrCell,
			"second cell, the load cell does not deliver: 0 conversions in 3s, expected about 240; silent: the converter is missing"},
		"second one gone under the weight": {func(c *Calibration, s *Simulated) {
			c.Bench.Load = &wrongLoad{Load: c.Bench.Load, change: func(f physic.Force, n int) physic.Force {
				if n == 2 {
					if err := s.Sim.Inject(silent); err != nil {
						panic(err)
					}
				}
				return f
			}}
		}, "\n20 kg\n" + strings.Repeat("\n", 9), ErrCell, "second cell, "},
		"weights wrong for both": {func(c *Calibration, _ *Simulated) {
			c.Bench.Load = &wrongLoad{Load: c.Bench.Load, change: func(f physic.Force, n int) physic.Force {
				return map[bool]physic.Force{true: f * 103 / 100, false: f}[n == 3]
			}}
		}, good, ErrUnfit, "second cell, no calibration comes of this: 98.0665 N reads"},
		"the weight hangs on the second alone": {func(c *Calibration, s *Simulated) { c.Bench.Load = &secondOnly{sim: s.Sim} },
			good, ErrUnfit, "first cell, no calibration comes of this: the weight changed the reading by"},
	} {
		t.Run(name, func(t *testing.T) {
			s := double(t)
			c, said := calibration(t, s, tc.answers)
			tc.change(c, s)
			err := c.Run(context.Background())
			require.ErrorIs(t, err, tc.want, said.String())
			assert.Contains(t, err.Error(), tc.says)
			assert.NoFileExists(t, c.Path, "neither is written")
		})
	}
}

// secondOnly hangs the weights so that the first cell does not feel them.
type secondOnly struct {
	sim *simtable.Sim
	on  physic.Force
}

func (l *secondOnly) Put(f physic.Force) error {
	defer func() { l.on = f }()
	return l.sim.Inject(simtable.Fault{Kind: "second-cell-zero-jump", Value: inNewtons(f - l.on)})
}

func TestADoubtAboutTheSecondCellIsADoubt(t *testing.T) {
	s := double(t)
	c, said := calibration(t, s, good)
	before := s.Calibration
	before.Second.Calibration.PerNewton *= 1.1
	before.Date = now.AddDate(-1, 0, 0)
	c.Before = &before
	require.NoError(t, c.Run(context.Background()), said.String())
	assert.Equal(t, 1, strings.Count(said.String(), "DOUBT"))
	assert.Contains(t, said.String(), "this one -9.1 %")
	assert.Contains(t, said.String(), "There is doubt")
}

func TestTheTableAfterACalibrationOfTwoCellsIsOff(t *testing.T) {
	s := double(t)
	c, _ := calibration(t, s, "")
	require.ErrorIs(t, c.Run(context.Background()), ErrNoAnswer)
	assert.Equal(t, hx711.IO, s.Table.Read(0).Second.Fault)
}

// double is the simulated table with a second cell and a supply monitor.
func double(t *testing.T, changes ...func(*simtable.Table)) *Simulated {
	table, err := simtable.TableByName("double")
	require.NoError(t, err)
	for _, change := range changes {
		change(&table)
	}
	s, err := NewSimulated(table, simulation.Virtual)
	require.NoError(t, err)
	return s
}

func TestAGoodTableWithTwoCellsPasses(t *testing.T) {
	s := double(t)
	r, err := check(s).Run(context.Background())
	require.NoError(t, err)
	seen := verdicts(&r)
	for _, name := range []string{"converter", "second converter", "calibration", "force", "second force", "cells", "noise", "second noise", "supply monitor"} {
		assert.Equal(t, Pass, seen[name], name)
	}
	assert.False(t, r.Failed())
	assert.InDelta(t, 82.4, r.Cell.RateHz, 1)
	assert.InDelta(t, 76.8, r.Second.RateHz, 1)
	assert.InDelta(t, 39, r.Second.NoiseCounts, 6)
	assert.InDelta(t, 0, r.Second.ForceN, 0.2)
	assert.InDelta(t, r.Second.ForceN-r.Cell.ForceN, r.Second.DifferenceN, 1e-9)
	assert.Zero(t, r.Cell.DifferenceN)
	var text strings.Builder
	require.NoError(t, r.WriteText(&text))
	for _, want := range []string{
		"PASS  second converter 76.", "4295.0 and 3865.5 counts for 1 N",
		"PASS  cells            the second reads ", "PASS  supply monitor   closed",
	} {
		assert.Contains(t, text.String(), want)
	}
	assertStill(t, s, s.Sim.Truth().PositionMM)
}

func TestWhatIsWrongWithTwoCellsIsFound(t *testing.T) {
	fault := func(kind string, value float64) func(*Check, *Simulated) {
		return func(_ *Check, s *Simulated) {
			if err := s.Sim.Inject(simtable.Fault{Kind: kind, Value: value}); err != nil {
				panic(err)
			}
		}
	}
	for name, tc := range map[string]struct {
		change  func(*Check, *Simulated)
		finding string
		want    Verdict
		advice  string
	}{
		"first silent":      {fault("cell-silent", 0), "converter", Fail, "missing"},
		"first not there":   {fault("cell-silent", 0), "cells", Skip, ""},
		"second goes on":    {fault("cell-silent", 0), "second converter", Pass, ""},
		"a little apart":    {fault("zero-jump", 8), "cells", Warn, "calibrate both"},
		"little is no fail": {fault("zero-jump", 8), "force", Pass, ""},
		"far apart":         {fault("zero-jump", -20), "cells", Fail, "calibrate both"},
		"brown-out":         {fault("brown-out", 0), "supply monitor", Fail, "supply"},
		"no second calibration": {func(c *Check, s *Simulated) {
			c.Calibration = func() (calfile.File, error) { f := s.Calibration; f.Second = calfile.Second{}; return f, nil }
		}, "calibration", Fail, "appliance calibrate"},
		"second calibrated and not wired": {func(c *Check, _ *Simulated) { c.Settings.Pins.CellData2 = "" }, "calibration", Warn, "pins.cell_data_2"},
	} {
		t.Run(name, func(t *testing.T) {
			s := double(t)
			c := check(s)
			tc.change(c, s)
			r, err := c.Run(context.Background())
			require.NoError(t, err)
			f := find(t, &r, tc.finding)
			assert.Equal(t, tc.want, f.Verdict, "%+v", f)
			assert.Contains(t, f.Advice, tc.advice)
		})
	}
}

func TestASecondCellThatIsMissingIsFound(t *testing.T) {
	s := double(t)
	require.NoError(t, s.Sim.Inject(simtable.Fault{Kind: "second-cell-silent"}))
	r, err := check(s).Run(context.Background())
	require.NoError(t, err)
	f := find(t, &r, "second converter")
	assert.Equal(t, Fail, f.Verdict)
	assert.Contains(t, f.Advice, "the converter is missing")
	assert.Equal(t, Pass, find(t, &r, "converter").Verdict)
	assert.Equal(t, Skip, find(t, &r, "cells").Verdict)
	assert.Positive(t, r.Second.Rejected["silent"])
}

func TestOneCellHasNoSecondFindings(t *testing.T) {
	s := bench(t, nil)
	r, err := check(s).Run(context.Background())
	require.NoError(t, err)
	assert.Nil(t, r.Second)
	for _, f := range r.Findings {
		assert.NotContains(t, f.Check, "second")
		assert.NotContains(t, []string{"cells", "supply monitor"}, f.Check)
	}
}

package commission

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control/calfile"
	"traction/hw"
	"traction/hw/simtable"
)

// calibration answers the dialogue with lines and writes to a file.
func calibration(t *testing.T, s *Simulated, answers string) (c *Calibration, said *strings.Builder) {
	said = &strings.Builder{}
	path := filepath.Join(t.TempDir(), "calibration.toml")
	return &Calibration{Settings: s.Settings, Bench: s.Bench, Path: path,
		Save: func(f calfile.File) error { return calfile.Save(path, f) },
		Now:  func() time.Time { return now }, In: strings.NewReader(answers), Out: said}, said
}

// good are the answers of somebody with two weights.
const good = "\n20 kg\n\n98.0665 N\n\n\nMaria Muster\nyes\n"

func TestACalibrationFindsTheCell(t *testing.T) {
	for name, sensitivity := range map[string]float64{"pull positive": 2, "wired the other way round": -2} {
		t.Run(name, func(t *testing.T) {
			s := bench(t, func(c *simtable.Table) { c.Cell.SensitivityMVPerV = sensitivity })
			from := s.Sim.Truth().PositionMM
			c, said := calibration(t, s, good)
			require.NoError(t, c.Run(context.Background()), said.String())
			f, err := calfile.Load(c.Path, "winch", s.Settings.Cell.Capacity)
			require.NoError(t, err)
			want := s.Calibration.Calibration
			assert.InEpsilon(t, want.PerNewton, f.Calibration.PerNewton, 0.0003)
			assert.InDelta(t, want.Zero, f.Calibration.Zero, 60, "the cell drifts while it warms up")
			assert.Equal(t, "Maria Muster", f.By)
			assert.True(t, now.Equal(f.Date))
			require.Len(t, f.Points, 2)
			assert.Equal(t, 196_133_000*physic.MicroNewton, f.Points[0].Force, "heaviest first")
			assert.Equal(t, 98_066_500*physic.MicroNewton, f.Points[1].Force)
			assert.Contains(t, said.String(), "THIS DRIVE LETS GO WITHOUT POWER")
			assert.Contains(t, said.String(), "the program itself puts the weights on the cell")
			assert.NotContains(t, said.String(), "DOUBT")
			assertStill(t, s, from)
			assert.ErrorIs(t, s.Table.Apply(0, hw.Actuation{}), hw.ErrOff)
		})
	}
}

func TestACalibrationWithoutASecondWeight(t *testing.T) {
	s := bench(t, nil)
	c, said := calibration(t, s, "\n400 N\n\n\n\nMaria\nyes\n")
	require.NoError(t, c.Run(context.Background()))
	assert.Contains(t, said.String(), "non-linearity   not tested")
	f, err := calfile.Load(c.Path, "winch", s.Settings.Cell.Capacity)
	require.NoError(t, err)
	assert.Len(t, f.Points, 1)
}

func TestABowIsMeasured(t *testing.T) {
	s := bench(t, func(c *simtable.Table) { c.Cell.NonlinearityShare = 0.01 })
	c, said := calibration(t, s, "\n450 N\n\n900 N\n\n\nMaria\nyes\n")
	require.NoError(t, c.Run(context.Background()), said.String())
	// 1000 N * 4 * 0.01 * share * (1 - share) is 9.9 N at 450 N and 3.6 N at 900 N;
	// on the line through 900 N it is 459.9 * 900/903.6 - 450 = 8.07 N.
	assert.Contains(t, said.String(), "non-linearity   +8.06", said.String())
	assert.Contains(t, said.String(), "N at 450 N, 0.89")
}

func TestASimulatedCalibrationWritesNothing(t *testing.T) {
	s := bench(t, nil)
	c, said := calibration(t, s, good)
	c.Save = nil
	require.NoError(t, c.Run(context.Background()))
	assert.Contains(t, said.String(), "nothing is written")
	assert.NoFileExists(t, c.Path)
}

// wrongLoad puts another load on the cell than it is told.
type wrongLoad struct {
	Load
	change func(f physic.Force, n int) physic.Force
	n      int
}

func (w *wrongLoad) Put(f physic.Force) error {
	w.n++
	return w.Load.Put(w.change(f, w.n))
}

func TestACalibrationIsRefused(t *testing.T) {
	load := func(change func(f physic.Force, n int) physic.Force) func(*Calibration, *Simulated) {
		return func(c *Calibration, s *Simulated) { c.Bench.Load = &wrongLoad{Load: s.Load, change: change} }
	}
	fault := func(kind string) func(*Calibration, *Simulated) {
		return func(_ *Calibration, s *Simulated) {
			if err := s.Sim.Inject(simtable.Fault{Kind: kind}); err != nil {
				panic(err)
			}
		}
	}
	for name, tc := range map[string]struct {
		table   func(*simtable.Table)
		change  func(*Calibration, *Simulated)
		answers string
		want    error
		says    string
	}{
		"no weight at all": {nil, load(func(physic.Force, int) physic.Force { return 0 }), good, ErrUnfit, "is it on the cell"},
		"second weight wrong": {nil, load(func(f physic.Force, n int) physic.Force {
			return map[bool]physic.Force{true: f * 103 / 100, false: f}[n == 3]
		}), good, ErrUnfit, "one of the weights wrong"},
		"does not come back": {nil, load(func(f physic.Force, n int) physic.Force {
			return f + map[bool]physic.Force{true: 3 * physic.Newton}[n == 4]
		}), good, ErrUnfit, "unloaded it reads +3"},
		"cell off":    {nil, fault("cell-unconnected"), strings.Repeat("\n", 9), ErrNoisy, "counts rms"},
		"cell silent": {nil, fault("cell-silent"), strings.Repeat("\n", 9), ErrCell, "silent: the converter is missing"},
		"drifting":    {func(t *simtable.Table) { t.Cell.ZeroDriftNPerMin = 2 }, nil, strings.Repeat("\n", 9), ErrDrifting, "counts in 3s"},
		"weight upside down": {nil, load(func(f physic.Force, n int) physic.Force {
			return map[bool]physic.Force{true: -f, false: f}[n == 3]
		}), good, ErrUnfit, "one of the weights wrong"},
		"converter at its end": {func(t *simtable.Table) { t.Cell.SensitivityMVPerV, t.Cell.ZeroMVPerV = 3.3, 0.9 }, nil, good, ErrUnfit,
			"the converter is at its end at 911 N, below the cell's 1000 N"},
		"clock never set": {nil, func(c *Calibration, _ *Simulated) { c.Now = func() time.Time { return time.Unix(60, 0) } }, good, ErrNoDate,
			"it says 1970-01-01T00:01:00Z"},
		"not confirmed":         {nil, nil, "\n20 kg\n\n\n\nMaria\ny\n", ErrDeclined, ""},
		"input ends":            {nil, nil, "\n20 kg\n", ErrNoAnswer, ""},
		"a weight without unit": {nil, nil, "\n20\n20\n20\n20\n20\n20\n", nil, "allowed units"},
		"a weight too light":    {nil, nil, "\n4 kg\n4 kg\n4 kg\n4 kg\n4 kg\n", nil, "allowed: 50 N to 1000 N"},
		"a weight too heavy":    {nil, nil, "\n200 kg\n200 kg\n200 kg\n200 kg\n200 kg\n", nil, "allowed: 50 N to 1000 N"},
		"the same weight twice": {nil, nil, "\n20 kg\n\n20 kg\n21 kg\n19 kg\n20 kg\n20 kg\n", nil, "too near"},
		"nobody's name":         {nil, nil, "\n20 kg\n\n\n\n\n\n\n\n\n", nil, "1 to 80 printable characters"},
	} {
		t.Run(name, func(t *testing.T) {
			s := bench(t, tc.table)
			from := s.Sim.Truth().PositionMM
			c, said := calibration(t, s, tc.answers)
			if tc.change != nil {
				tc.change(c, s)
			}
			err := c.Run(context.Background())
			require.Error(t, err, said.String())
			if tc.want != nil {
				assert.ErrorIs(t, err, tc.want, said.String())
			}
			assert.Contains(t, err.Error(), tc.says)
			assert.NoFileExists(t, c.Path)
			assertStill(t, s, from)
			assert.ErrorIs(t, s.Table.Apply(0, hw.Actuation{}), hw.ErrOff)
		})
	}
}

func TestABadReadingIsTakenAgain(t *testing.T) {
	s := bench(t, nil)
	c, said := calibration(t, s, "\n"+good)
	require.NoError(t, s.Sim.Inject(simtable.Fault{Kind: "cell-unconnected", For: 3 * time.Second}))
	require.NoError(t, c.Run(context.Background()), said.String())
	assert.Equal(t, 1, strings.Count(said.String(), ErrNoisy.Error()))
}

// TestDoubtsAreShownAndCanBeOverruled: R-SCALE-DOUBTED.
func TestDoubtsAreShownAndCanBeOverruled(t *testing.T) {
	s := bench(t, nil)
	c, said := calibration(t, s, "\n20 kg\n\n\n\nMaria\nyes\n")
	// Somebody wrote kilograms for pounds: the cell gets 0.4536 of it.
	c.Bench.Load = &wrongLoad{Load: s.Load, change: func(f physic.Force, _ int) physic.Force { return f / 10_000 * 4536 }}
	c.Settings.Cell.Capacity = 500 * physic.Newton
	before := s.Calibration
	before.Date = now.AddDate(-1, 0, 0)
	c.Before = &before
	require.NoError(t, c.Run(context.Background()), said.String())
	assert.Contains(t, said.String(), "would deliver 0.45 mV/V")
	assert.Contains(t, said.String(), "this one -54.6 %")
	assert.Contains(t, said.String(), "There is doubt")
}

func TestACellThatShowsALotUnloadedIsDoubted(t *testing.T) {
	s := bench(t, func(c *simtable.Table) { c.Cell.ZeroMVPerV = 0.5 }) // a quarter of its 2 mV/V
	c, said := calibration(t, s, good)
	require.NoError(t, c.Run(context.Background()), said.String())
	assert.Contains(t, said.String(), "DOUBT: unloaded it shows 25 % of its capacity already")
}

func TestAFileThatCannotBeWrittenIsToldAndNothingIsLeft(t *testing.T) {
	s := bench(t, nil)
	c, _ := calibration(t, s, good)
	full := errors.New("disk full")
	c.Save = func(calfile.File) error { return full }
	assert.ErrorIs(t, c.Run(context.Background()), full)
}

func TestCancellingADialogueEndsIt(t *testing.T) {
	s := bench(t, nil)
	c, _ := calibration(t, s, "")
	in, typist := io.Pipe()
	defer typist.Close()
	c.In = in
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	assert.ErrorIs(t, c.Run(ctx), context.Canceled)
	_, err := os.Stat(c.Path)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestWeights(t *testing.T) {
	for text, want := range map[string]physic.Force{
		"20 kg": 196_133_000 * physic.MicroNewton, "196.1 N": 196_100 * physic.MilliNewton,
		"20 kgf": 196_133_000 * physic.MicroNewton, "100 lbf": 444_822_161_526 * physic.NanoNewton, "100 lb": 444_822_161_526 * physic.NanoNewton,
	} {
		got, err := parseWeight(text, 1000*physic.Newton)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "20", "20,5 kg", "NaN N", "20 mm", "-20 kg", "1e2 N"} {
		_, err := parseWeight(text, 1000*physic.Newton)
		assert.Error(t, err, text)
	}
}

func TestSeries(t *testing.T) {
	var s series
	for i := range 240 {
		y := 1e6 + 5*float64(i)/80 // 5 counts a second
		if i%2 == 0 {
			y += 2
		} else {
			y -= 2
		}
		s.add(time.Duration(i)*time.Second/80, y)
	}
	assert.InDelta(t, 1e6+5*239.0/160, s.mean(), 1e-6)
	assert.InDelta(t, 5, s.slope(), 0.02)
	assert.InDelta(t, 5*239.0/80, s.drift(), 0.05)
	assert.InDelta(t, 2, s.noise(), 0.02)
	var none series
	assert.Equal(t, []float64{0, 0, 0, 0}, []float64{none.mean(), none.slope(), none.drift(), none.noise()})
	none.add(time.Second, 7)
	assert.Equal(t, 7.0, none.mean())
	assert.False(t, math.IsNaN(none.noise()+none.drift()))
}

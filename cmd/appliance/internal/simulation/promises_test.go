package simulation

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/hw/simtable"
)

// calm are the shipped patients without coughs and getting up.
func calm(t testing.TB) []simtable.Patient {
	var out []simtable.Patient
	for _, n := range simtable.Patients() {
		p, err := simtable.PatientByName(n)
		require.NoError(t, err)
		if n != "cougher" && n != "gets-up" {
			out = append(out, p)
		}
	}
	return out
}

func table(t testing.TB, name string) simtable.Table {
	tab, err := simtable.TableByName(name)
	require.NoError(t, err)
	return tab
}

func patient(t testing.TB, name string) simtable.Patient {
	p, err := simtable.PatientByName(name)
	require.NoError(t, err)
	return p
}

// cycles is a lumbar programme of hold newtons, 60:20 s.
func cycles(hold physic.Force, d time.Duration) *control.Programme {
	return &control.Programme{Name: "test", Title: "test", Source: "test", Hold: hold, HoldTime: 60 * time.Second,
		Rest: max(hold*3/10, control.MinRest), RestTime: 20 * time.Second,
		RampUp: 40 * control.NewtonPerSecond, RampDown: 40 * control.NewtonPerSecond, Duration: d}
}

func treat(t testing.TB, run Run) Result {
	t.Helper()
	res, _, err := Treat(run)
	require.NoError(t, err)
	return res
}

func TestForceIsHeldOnEveryPatient(t *testing.T) {
	worst := map[string]float64{}
	note := func(what string, v float64) { worst[what] = math.Max(worst[what], v) }
	least, leastAt50 := 1.0, 1.0
	tables, holds := []string{"winch", "worm"}, []physic.Force{50, 150, 300, 400, 450}
	if testing.Short() { // the race detector makes it ten times slower
		tables, holds = tables[1:], holds[3:4]
	}
	for _, tab := range tables {
		for _, p := range calm(t) {
			for _, hold := range holds {
				prog := cycles(hold*physic.Newton, 200*time.Second)
				res := treat(t, Run{Options: Options{Table: table(t, tab), Patient: p, Seed: 7}, Programme: prog})
				require.True(t, res.Completed, "%s %s %d: %+v", tab, p.Name, hold, res)
				over := math.Max(5, 0.02*float64(hold))
				assert.LessOrEqual(t, res.WorstOvershootN, over, "%s %s %d N", tab, p.Name, hold)
				assert.LessOrEqual(t, res.PeakForceN, res.LimitN)
				assert.Zero(t, res.LostSteps, "%s %s %d N", tab, p.Name, hold)
				note("overshoot over the promise", res.WorstOvershootN/over)
				if hold == 50 { // 5 % are 2.5 N here, and one person in ten misses the 99 %
					leastAt50 = math.Min(leastAt50, res.HoldWithin5pct)
				} else {
					assert.GreaterOrEqual(t, res.HoldWithin5pct, 0.99, "%s %s %d N", tab, p.Name, hold)
					least = math.Min(least, res.HoldWithin5pct)
				}
				if hold != 400 {
					continue
				}
				if p.BreathingN <= 10 {
					assert.LessOrEqual(t, res.MeanHoldErrorN, 0.8, "%s %s", tab, p.Name)
					note("hold error, breathing 10 N", res.MeanHoldErrorN)
				} else {
					note("hold error, strong breathing", res.MeanHoldErrorN)
				}
				still := treat(t, Run{Options: Options{Table: table(t, tab), Patient: p.WithoutBreathing(), Seed: 7}, Programme: prog})
				assert.LessOrEqual(t, still.MeanHoldErrorN, 0.2, "%s %s without breathing", tab, p.Name)
				note("hold error, no breathing", still.MeanHoldErrorN)
			}
		}
	}
	t.Logf("worst of all: %v; least share within 5 %%: %.4f, at 50 N: %.4f", worst, least, leastAt50)
}

// pressAt presses the patient switch at a time of the treatment and watches
// what follows at every tick.
type pressAt struct {
	at        time.Duration
	pressed   time.Duration
	lastUp    time.Duration // last tick with a step towards force
	below20   time.Duration
	wasX      physic.Distance
	forceThen float64
}

func (w *pressAt) each(r *Rig, in *control.Input, out *control.Output) {
	up := in.Motion.Position > w.wasX
	w.wasX = in.Motion.Position
	if w.pressed == 0 {
		if in.Now >= w.at {
			w.pressed, w.forceThen = in.Now, r.Sim.Truth().ForceN
			r.Sim.PressPatientSwitch(true)
		}
		return
	}
	if up {
		w.lastUp = in.Now
	}
	if w.below20 == 0 && r.Sim.Truth().ForceN < 20 {
		w.below20 = in.Now
	}
}

func TestPatientSwitchAt450N(t *testing.T) {
	patients := []string{"median", "softest", "stiffest"}
	if !testing.Short() {
		patients = simtable.Patients()
	}
	for _, tab := range []string{"winch", "worm"} {
		for _, name := range patients {
			w := &pressAt{at: 60 * time.Second}
			run := Run{Options: Options{Table: table(t, tab), Patient: patient(t, name), Seed: 3},
				Programme: cycles(450*physic.Newton, 5*time.Minute), Each: w.each}
			res := treat(t, run)
			if res.End != "tripped" || w.forceThen < 400 {
				continue // a cough or getting up came first
			}
			assert.Contains(t, res.Trips, "patient-switch")
			assert.LessOrEqual(t, w.lastUp-w.pressed, 2*Tick, "%s %s: motion towards force", tab, name)
			d := w.below20 - w.pressed
			most := 5 * time.Second
			if name == "median" {
				most = 2 * time.Second
			}
			assert.Positive(t, d)
			assert.LessOrEqual(t, d, most, "%s %s", tab, name)
			t.Logf("%s %s: %.0f N, motion towards force ended after %v, below 20 N after %v", tab, name, w.forceThen, max(w.lastUp-w.pressed, 0), d)
		}
	}
}

func TestSilentCellEndsMotionAndReleasesByPosition(t *testing.T) {
	for _, tab := range []string{"winch", "worm"} {
		for _, p := range []string{"median", "softest", "stiffest"} {
			// 5 s after the start every one of them is still being pulled.
			const at = 8 * time.Second
			var lastGood, lastUp time.Duration
			var wasX physic.Distance
			tripped := false
			run := Run{Options: Options{Table: table(t, tab), Patient: patient(t, p), Seed: 3,
				Faults: []simtable.Fault{{Kind: "cell-silent", At: at, For: time.Hour}}},
				Programme: cycles(450*physic.Newton, 5*time.Minute),
				Each: func(r *Rig, in *control.Input, out *control.Output) {
					if in.Motion.Position > wasX {
						lastUp = in.Now
					}
					wasX, lastGood = in.Motion.Position, in.Load.At
					tripped = tripped || out.Entry.Mode == control.Tripped
				}}
			res := treat(t, run)
			assert.Contains(t, res.Trips, "cell-lost")
			assert.LessOrEqual(t, lastUp-lastGood, 40*time.Millisecond, "%s %s", tab, p)
			require.NotNil(t, res.TimeTo20NS, "%s %s: released by position", tab, p)
			t.Logf("%s %s: motion towards force ended %v after the last sample; below 20 N after %.2f s", tab, p, lastUp-lastGood, *res.TimeTo20NS)
		}
	}
}

func TestBodyWeightLimits(t *testing.T) {
	p := patient(t, "light")
	_, _, err := Treat(Run{Options: Options{Table: table(t, "winch"), Patient: p}, Programme: cycles(400*physic.Newton, time.Minute), Person: PatientPerson(p)})
	require.ErrorIs(t, err, ErrRefused)
	assert.ErrorContains(t, err, "patient")
}

// BenchmarkTreatment is a treatment of 25 minutes through the pins.
func BenchmarkTreatment(b *testing.B) {
	run := Run{Options: Options{Table: table(b, "winch"), Patient: patient(b, "median")}, Programme: cycles(392*physic.Newton, 25*time.Minute)}
	for b.Loop() {
		_, _, err := Treat(run)
		require.NoError(b, err)
	}
}

// TestTickDoesNotAllocate runs the executive through slack, pull and hold with
// everything it does in a tick, the journal included.
func TestTickDoesNotAllocate(t *testing.T) {
	op := &operator{programme: cycles(392*physic.Newton, 25*time.Minute)}
	o := Options{Table: table(t, "winch"), Patient: patient(t, "median")}
	o.Exec.Each = func(in *control.Input, out *control.Output) { op.act(in, out) }
	r, clock, err := NewVirtual(o)
	require.NoError(t, err)
	op.rig = r
	r.Exec.RunUntil(2*time.Second, func() bool { return false })
	ticks := 0
	done := func() bool { ticks++; return ticks%1000 == 0 }
	n := testing.AllocsPerRun(60, func() { r.Exec.RunUntil(clock.Now()+time.Minute, done) })
	assert.Zero(t, n)
}

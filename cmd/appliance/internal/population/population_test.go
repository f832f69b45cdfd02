package population

import (
	"context"
	"errors"
	"math"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/cmd/appliance/internal/simulation"
	"traction/control"
	"traction/hw/simtable"
)

// few cuts a number of cases down where time is short: the race detector makes
// them ten times slower.
func few(n int) int {
	if testing.Short() {
		return max(2, n/15)
	}
	return n
}

func TestNoInvariantIsBroken(t *testing.T) {
	for _, faults := range []int{1, 3} {
		r, err := Run(context.Background(), Config{Cases: few(30), Seed: 11, Faults: faults})
		require.NoError(t, err)
		for _, f := range r.Failures {
			t.Errorf("%s: %v", f.Replay, f.Violations)
		}
		assert.Equal(t, r.Treatments, r.Completed+r.Tripped+r.Stopped+r.PauseOver+r.Killed+r.NotStarted+r.Refused)
		if !testing.Short() {
			assert.Positive(t, r.Tripped)
		}
		assert.Less(t, r.Worst.DrivenN, 10.0, "what the drive adds above a limit")
	}
}

func TestWorkersDoNotMatter(t *testing.T) {
	var first *Report
	for _, workers := range []int{1, 3} {
		r, err := Run(context.Background(), Config{Cases: few(12), Seed: 5, Faults: 2, Workers: workers})
		require.NoError(t, err)
		r.WallS, r.Workers = 0, 0
		if first == nil {
			first = r
		}
		assert.Equal(t, first, r)
	}
}

func TestCaseReplaysExactly(t *testing.T) {
	c, again := Draw(9, 4, 2), Draw(9, 4, 2)
	require.Equal(t, c, again)
	assert.Equal(t, "appliance simulate --population-case 9:4 --faults-each 2", c.Replay())
	var traces [2]simulation.Trace
	a, err := Play(&c, &traces[0])
	require.NoError(t, err)
	b, err := Play(&again, &traces[1])
	require.NoError(t, err)
	assert.Equal(t, a, b)
	assert.Equal(t, traces[0], traces[1])
	assert.NotEmpty(t, traces[0].Entries)
	without, err := Play(&c, nil)
	require.NoError(t, err)
	assert.Equal(t, a, without, "a trace changes nothing")
}

// Whatever is drawn can be played, and every kind of fault comes.
func TestDrawsAreValid(t *testing.T) {
	median, err := simtable.PatientByName("median")
	require.NoError(t, err)
	table, err := simtable.TableByName("winch")
	require.NoError(t, err)
	sim, err := simtable.New(table, median, simtable.NewVirtualClock(), 1)
	require.NoError(t, err)
	kinds, acts, ends := map[string]int{}, map[ActKind]int{}, map[control.Mode]int{}
	for i := range 1500 {
		c := Draw(3, i, 2)
		require.NoError(t, c.Programme.Validate(), "case %d", i)
		require.NoError(t, c.Table.Validate(), "case %d", i)
		require.NoError(t, c.Patient.Validate(), "case %d", i)
		assert.GreaterOrEqual(t, c.Programme.Duration, 5*time.Minute)
		assert.LessOrEqual(t, c.Programme.Duration, 15*time.Minute)
		for _, f := range c.Faults {
			kinds[f.Kind]++
			ends[f.When.Mode]++
			require.NoError(t, sim.Inject(simtable.Fault{Kind: f.Kind, At: 20 * time.Hour, For: f.For, Value: f.Value}), "case %d: %v", i, f)
		}
		for _, a := range c.Acts {
			acts[a.Kind]++
		}
	}
	for _, k := range simtable.FaultKinds() {
		assert.Positive(t, kinds[k.Name], "%s is never drawn", k.Name)
		assert.Contains(t, profiles, k.Name, "what does this fault take away?")
	}
	for name := range profiles {
		assert.Contains(t, kinds, name, "the simulated table does not know this fault")
	}
	for k := range actKinds {
		assert.Positive(t, acts[k], "%v is never drawn", k)
	}
	for _, m := range []control.Mode{control.Idle, control.Armed, control.Treating, control.Paused, control.Releasing} {
		assert.Positive(t, ends[m], "no fault in %v", m)
	}
}

// A cell that drifts ten newtons a minute, of which nobody has told the checker:
// a table whose limit does not hold in truth.
func TestSabotagedLimitIsFound(t *testing.T) {
	c := calm(Draw(1, 1, 0))
	c.Table.Cell.ZeroDriftNPerMin = -10
	p, err := newPlayer(&c, nil)
	require.NoError(t, err)
	p.check.f.cells[0].driftPerMin = 0
	o, err := p.run()
	require.NoError(t, err)
	require.NotEmpty(t, o.Violations)
	assert.Equal(t, InvLimit, o.Violations[0].ID, "%v", o.Violations)
	assert.Positive(t, o.Violations[0].AtS)
}

// calm is a case in which nothing happens but a treatment of 200 N.
func calm(c Case) Case {
	c.Acts, c.Faults = nil, nil
	c.Table, _ = simtable.TableByName("winch")
	c.Patient, _ = simtable.PatientByName("median")
	c.Person = control.Person{}
	c.Programme = &control.Programme{Name: "calm", Title: "Calm", Source: "test", Hold: newtons(200), HoldTime: time.Minute, Rest: newtons(60),
		RestTime: 10 * time.Second, RampUp: rate(40), RampDown: rate(40), Duration: 10 * time.Minute}
	return c
}

// A table from which nothing leads back to idle: a self-locking drive without
// power, which nobody repairs, keeps its tension.
func TestNoWayBackIsFound(t *testing.T) {
	c := calm(Draw(1, 2, 0))
	c.Table, _ = simtable.TableByName("worm")
	c.Programme.Duration = time.Minute
	p, err := newPlayer(&c, nil)
	require.NoError(t, err)
	require.NoError(t, p.rig.Sim.Inject(simtable.Fault{Kind: "drive-fault", At: 20 * time.Second}))
	o, err := p.run()
	require.NoError(t, err)
	require.NotEmpty(t, o.Violations)
	assert.Equal(t, InvEnd, o.Violations[len(o.Violations)-1].ID, "%v", o.Violations)
	assert.Equal(t, "tripped", o.End)
}

func TestConfigIsChecked(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want []string
	}{
		{Config{Cases: 0}, []string{"cases", "0", "1 to 1000000"}},
		{Config{Cases: -1, Faults: 11, Workers: -1, Seed: math.MaxUint64}, []string{"cases", "faults", "11", "0 to 10", "workers", "seed", "9007199254740991"}},
	} {
		_, err := Run(context.Background(), c.cfg)
		require.Error(t, err)
		for _, w := range c.want {
			assert.ErrorContains(t, err, w)
		}
	}
}

func TestShareStopsAtAnError(t *testing.T) {
	var done [100]bool
	err := share(context.Background(), 2, len(done), func(i int) error {
		done[i] = true
		if i == 3 {
			return errors.New("three")
		}
		return nil
	})
	require.ErrorContains(t, err, "three")
	assert.True(t, done[3])
}

// The page for people names every invariant, and none that does not exist.
func TestInvariantsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/population.md")
	require.NoError(t, err)
	named := map[string]bool{}
	for _, id := range regexp.MustCompile(`INV-[A-Z]+`).FindAllString(string(page), -1) {
		named[id] = true
	}
	for i := range invariants {
		assert.True(t, named[i.String()], "%v is not in docs/population.md", i)
		delete(named, i.String())
	}
	assert.Empty(t, named)
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Run(ctx, Config{Cases: 1000})
	require.ErrorIs(t, err, context.Canceled)
}

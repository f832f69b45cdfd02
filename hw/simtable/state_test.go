package simtable

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
)

// morning is when the first process of a test begins.
var morning = time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)

// keep opens a state file whose wall clock stood at a time when the rig's clock stood at 0, and resumes.
func (r *rig) keep(path string, began time.Time) (*StateFile, bool) {
	r.t.Helper()
	f, err := OpenState(path)
	require.NoError(r.t, err)
	r.t.Cleanup(func() { assert.NoError(r.t, f.Close()) })
	f.wall = func() time.Time { return began.Add(r.clock.Now()) }
	resumed, err := r.Keep(f)
	require.NoError(r.t, err)
	return f, resumed
}

// first is a table in its first process; its state is kept in the file that is returned.
func first(t *testing.T, table, patient string, change func(*Table, *Patient)) (*rig, string) {
	r := newRig(t, table, patient, change)
	path := filepath.Join(t.TempDir(), "state")
	_, resumed := r.keep(path, morning)
	require.False(t, resumed)
	return r, path
}

// next is the same table in a process that begins so long after r has died. Its clock has another beginning.
func (r *rig) next(path string, after time.Duration, faults ...Fault) *rig {
	r.t.Helper()
	clock := NewVirtualClock()
	clock.Spend(3 * time.Second)
	s, err := New(r.table, r.patient, clock, 99)
	require.NoError(r.t, err)
	require.NoError(r.t, s.Inject(faults...))
	n := &rig{Sim: s, t: r.t, clock: clock, p: s.Pins()}
	_, resumed := n.keep(path, morning.Add(r.clock.Now()+after-clock.Now()))
	require.True(r.t, resumed)
	return n
}

func TestTheTableGoesOnWhileNobodyRunsIt(t *testing.T) {
	for _, c := range []struct {
		table  string
		enable gpio.Level
		holds  bool
	}{
		{"worm", gpio.High, true}, {"worm", gpio.Low, true}, // locks itself
		{"winch", gpio.High, false}, // has lost its charge pump
		{"plain", gpio.High, true},  // nothing takes its power away
		{"plain", gpio.Low, false},
	} {
		for _, gap := range []time.Duration{0, 3 * time.Millisecond, 2 * time.Second, 50 * time.Second} {
			r, path := first(t, c.table, "median", quiet)
			r.pullTo(300)
			_ = r.p.Heat.Out(gpio.High)
			r.inject("rope-slip", 5, 100*time.Millisecond)
			r.wait(5 * time.Second)
			require.NoError(t, r.Inject(Fault{Kind: "cough", At: r.clock.Now(), Value: 50, For: 3 * time.Second}))
			r.wait(100 * time.Millisecond)
			_ = r.p.Enable.Out(c.enable)
			n := r.next(path, gap)
			r.clock.Spend(gap) // what would have been without the restart

			want, got := r.Truth(), n.Truth()
			assert.InDelta(t, want.ForceN, got.ForceN, 1e-6, "%+v after %v", c, gap)
			assert.InDelta(t, want.PositionMM, got.PositionMM, 1e-9)
			assert.InDelta(t, want.ReelMM, got.ReelMM, 1e-9)
			assert.InDelta(t, want.LongerMM, got.LongerMM, 1e-9)
			assert.InDelta(t, want.PelvisMM, got.PelvisMM, 1e-9)
			assert.InDelta(t, want.CreepMM, got.CreepMM, 1e-9)
			assert.InDelta(t, want.PadC, got.PadC, 1e-3)
			assert.InDelta(t, want.SkinC, got.SkinC, 1e-3)
			assert.Equal(t, want.Energised, got.Energised)
			assert.Equal(t, want.Heating, got.Heating)
			if gap >= 2*time.Second {
				assert.Equal(t, gpio.Low, n.p.CellData.Read(), "the converter never lost its power")
				assert.Equal(t, c.holds, got.ForceN > 250, "%+v after %v: %v N", c, gap, got.ForceN)
			}
		}
	}
}

// What cleans up after the dead process sets the outputs low, and says so in the file.
func TestQuietState(t *testing.T) {
	r, path := first(t, "plain", "median", quiet)
	r.pullTo(300)
	r.wait(time.Second)
	n := r.next(path, 10*time.Second)
	assert.Greater(t, n.Truth().ForceN, 250.0, "ENABLE was left high")

	f, err := openState(path, os.O_RDWR)
	require.NoError(t, err)
	_ = f.Close()
	require.NoError(t, QuietState(path))
	g, err := openState(path, os.O_RDWR)
	require.NoError(t, err)
	defer g.Close()
	assert.NotZero(t, g.last.quiet)
	g.last.quiet = f.last.quiet
	assert.Equal(t, f.last, g.last, "nothing else has changed")
}

// The outputs are as they were left until somebody cleans up, and low from then on.
func TestOutputsAreLeftUntilTheyAreMadeQuiet(t *testing.T) {
	force := func(quietAfter, gap time.Duration) float64 {
		r, path := first(t, "plain", "median", quiet)
		r.pullTo(300)
		r.wait(time.Second)
		f, err := openState(path, os.O_RDWR)
		require.NoError(t, err)
		f.last.quiet = morning.Add(r.clock.Now() + quietAfter).UnixNano()
		f.write()
		require.NoError(t, f.Close())
		n := r.next(path, gap)
		assert.False(t, n.Truth().Energised)
		assert.False(t, n.kept.last.quiet != 0, "somebody runs it again")
		return n.Truth().ForceN
	}
	assert.Less(t, force(0, 10*time.Second), 20.0)
	assert.Less(t, force(5*time.Second, 10*time.Second), 20.0)
	assert.Greater(t, force(10*time.Second, 10*time.Second), 250.0, "just now")
	assert.Less(t, force(-time.Hour, 10*time.Second), 20.0, "a clock that was set")
}

func TestQuietStateAgainKeepsTheFirstTime(t *testing.T) {
	r, path := first(t, "plain", "median", quiet)
	r.wait(time.Second)
	quietAt := func() int64 {
		require.NoError(t, QuietState(path))
		f, err := OpenState(path)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		return f.last.quiet
	}
	assert.Equal(t, quietAt(), quietAt())

	none := filepath.Join(t.TempDir(), "none")
	require.ErrorIs(t, QuietState(none), fs.ErrNotExist)
	require.NoError(t, os.WriteFile(none, nil, 0o600))
	require.NoError(t, QuietState(none), "a table that has never run")
	f, err := OpenState(none)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	assert.False(t, f.found)
}

// A process that makes its table safe and ends leaves that, and not the levels of a moment before.
func TestTheLastLevelsAreKept(t *testing.T) {
	r, path := first(t, "plain", "median", quiet)
	r.pullTo(300)
	_ = r.p.Heat.Out(gpio.High)
	r.wait(time.Second)
	_ = r.p.Enable.Out(gpio.Low)
	_ = r.p.Heat.Out(gpio.Low)
	n := r.next(path, time.Second)
	assert.Less(t, n.Truth().ForceN, 20.0)
	assert.False(t, n.Truth().Heating)
}

func TestStateIsNeverOld(t *testing.T) {
	r, path := first(t, "worm", "median", nil)
	for range 200 {
		r.clock.Spend(4700 * time.Microsecond)
		r.p.EndPull.Read()
		f, err := OpenState(path)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		old := morning.Add(r.clock.Now()).UnixNano() - f.last.wall
		assert.LessOrEqual(t, time.Duration(old), keepEvery+grid)
		assert.GreaterOrEqual(t, old, int64(0))
		assert.Equal(t, morning.Add(f.last.age).UnixNano(), f.last.wall, "the time when it stood so")
	}
	was := r.kept.sequence
	r.clock.Spend(time.Minute)
	r.look()
	assert.LessOrEqual(t, r.kept.sequence, was+2, "what is past is not written")
}

func TestAbsenceIsBounded(t *testing.T) {
	creep := func(gap time.Duration) float64 {
		r, path := first(t, "worm", "median", quiet)
		r.pullTo(300)
		r.wait(time.Second)
		n := r.next(path, gap)
		return n.Truth().CreepMM
	}
	assert.InDelta(t, creep(time.Minute), creep(24*time.Hour), 1e-9)
	assert.Greater(t, creep(time.Minute), creep(59*time.Second))
	assert.InDelta(t, creep(0), creep(-time.Hour), 1e-4, "a clock that was set back, give or take the 5 ms")
}

func TestFaultsGoOn(t *testing.T) {
	faults := []Fault{
		{Kind: "jam", At: time.Second},
		{Kind: "patient-switch-open", At: 2 * time.Second, For: 10 * time.Second},
		{Kind: "start-stuck", At: time.Second, For: time.Second},
		{Kind: "zero-jump", At: time.Second, Value: 50},
		{Kind: "harness-slip", At: time.Second, Value: 5},
		{Kind: "drive-fault", At: 30 * time.Second},
		{Kind: "stall", At: time.Second, Value: 100},
	}
	r, path := first(t, "worm", "median", func(tb *Table, pa *Patient) {
		quiet(tb, pa)
		pa.Slips = []Slip{{AboveN: 100, MM: 3}, {AboveN: 400, MM: 3}}
		pa.CoughsPerMinute = 20
	})
	r.pullTo(150)
	began := r.clock.Now()
	for i := range faults {
		faults[i].At += began
	}
	require.NoError(t, r.Inject(faults...))
	r.wait(5 * time.Second)
	require.InDelta(t, 8, r.Truth().SlippedMM, 1e-9)

	n := r.next(path, 2*time.Second, faults...)
	assert.InDelta(t, 8, n.Truth().SlippedMM, 1e-9, "once")
	assert.InDelta(t, r.chip.zeroN, n.chip.zeroN, 1e-9)
	assert.InDelta(t, 50, n.chip.zeroN, 1)
	assert.True(t, n.motor.jammed)
	assert.Equal(t, gpio.High, n.p.PatientSwitch.Read())
	assert.Equal(t, gpio.High, n.p.StartButton.Read(), "was over before")
	assert.Len(t, n.events.slips, 1, "the one that still waits for its force")
	assert.Equal(t, n.clock.Now()+grid, n.Wake(n.clock.Now()+grid), "no second stall")
	n.clock.Spend(5*time.Second + 10*time.Millisecond)
	assert.Equal(t, gpio.Low, n.p.PatientSwitch.Read(), "over 12 s after the first beginning")
	assert.Equal(t, gpio.Low, n.p.DriveFault.Read())
	n.clock.Spend(18 * time.Second)
	assert.Equal(t, gpio.High, n.p.DriveFault.Read(), "still to come")
	coughs := 0
	for range 600 {
		n.clock.Spend(100 * time.Millisecond)
		n.look()
		coughs += n.events.moving
	}
	assert.Positive(t, coughs, "coughs go on")
}

func TestSwitchesAndHarnessAfterARestart(t *testing.T) {
	r, path := first(t, "worm", "median", quiet)
	r.PressEmergencyStop(true)
	r.PressPatientSwitch(true)
	r.PressStart(true)
	r.SetHarness(false)
	r.wait(time.Second)
	n := r.next(path, time.Second)
	assert.Equal(t, gpio.High, n.p.EmergencyStop.Read(), "stays pressed")
	assert.Equal(t, gpio.Low, n.p.PatientSwitch.Read(), "let go")
	assert.Equal(t, gpio.High, n.p.StartButton.Read(), "let go")
	assert.False(t, n.Truth().HarnessWorn)
}

// busy is a table of which no field of its state is zero.
func busy(t *testing.T) (*rig, string) {
	r, path := first(t, "double", "cougher", nil)
	r.pullTo(200)
	require.NoError(t, r.Inject(
		Fault{Kind: "rope-slip", Value: 0.5}, Fault{Kind: "shift", Value: 2}, Fault{Kind: "pad-folded", Value: 0.3},
		Fault{Kind: "cell-unconnected"}, Fault{Kind: "second-cell-unconnected"}))
	r.wait(2 * time.Second)
	r.PressEmergencyStop(true)
	now := r.clock.Now()
	for i := range maxMoves {
		require.NoError(t, r.Inject(Fault{Kind: []string{"cough", "getting-up", "shift"}[i%3], At: now, For: 10 * time.Second, Value: 3}))
	}
	r.wait(100 * time.Millisecond)
	_ = r.p.CellClock.Out(gpio.High)
	r.clock.Spend(10 * time.Millisecond)
	r.look()
	return r, path
}

func zeros(path string, v reflect.Value, list *[]string) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			zeros(path+"."+v.Type().Field(i).Name, v.Field(i), list)
		}
	case reflect.Array:
		for i := range v.Len() {
			zeros(path, v.Index(i), list)
		}
	default:
		if v.IsZero() {
			*list = append(*list, path)
		}
	}
}

func TestEveryFieldSurvives(t *testing.T) {
	r, path := busy(t)
	st := r.kept.last
	st.quiet, st.stalled, st.sliding, st.padOpen, st.lag, st.rotorSpeed = 1, true, true, true, 0.1, 2
	for i := range st.moves {
		if st.moves[i].kind == 0 {
			st.moves[i].kind = faultCough
		}
	}
	var empty []string
	zeros("state", reflect.ValueOf(st), &empty)
	require.Empty(t, empty, "a field that is zero proves nothing")

	var buf [slotSize]byte
	out := codec{buf: buf[:]}
	st.code(&out)
	assert.Less(t, out.at+20, slotSize-sealSize, "room in a slot")
	in, got := codec{buf: buf[:], reading: true}, state{}
	got.code(&in)
	assert.Equal(t, st, got, "through the codec")

	f, err := OpenState(path)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	assert.Equal(t, r.kept.last, f.last, "through the file")

	st = r.kept.last
	st.worn, st.stalled, st.sliding, st.padOpen, st.lag, st.rotorSpeed = false, true, true, true, 0.1, 2
	st.pad = 45 // where the thermal switch stays as it was
	n := newRig(t, "double", "cougher", nil)
	n.inject("pad-folded", 0.3, 0)
	n.put(&st, n.clock.Now())
	again := state{identity: st.identity, wall: st.wall}
	n.take(&again)
	assert.Equal(t, st, again, "through a table")
}

func TestTornState(t *testing.T) {
	r, path := first(t, "worm", "median", quiet)
	r.pullTo(100)
	r.wait(time.Second)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Len(t, whole, slots*slotSize)
	newest := r.kept.sequence
	load := func(data []byte) (*StateFile, error) {
		require.NoError(t, os.WriteFile(path, data, 0o600))
		f, err := OpenState(path)
		if err == nil {
			require.NoError(t, f.Close())
		}
		return f, err
	}
	f, err := load(whole)
	require.NoError(t, err)
	assert.Equal(t, newest, f.sequence)
	for slot := range slots {
		for at := range slotSize {
			one := append([]byte(nil), whole[slot*slotSize:(slot+1)*slotSize]...)
			one[at] ^= 0x40
			_, _, ok := decodeSlot(one)
			require.False(t, ok, "slot %d, byte %d", slot, at)
		}
		for _, at := range []int{0, 5, 100, slotSize - 1} {
			torn := append([]byte(nil), whole...)
			torn[slot*slotSize+at] ^= 0x40
			f, err := load(torn)
			require.NoError(t, err)
			want := newest
			if newest%slots == uint64(slot) {
				want--
			}
			require.Equal(t, want, f.sequence, "slot %d, byte %d", slot, at)
		}
	}
	both := append([]byte(nil), whole...)
	both[100] ^= 1
	both[slotSize+100] ^= 1
	for name, data := range map[string][]byte{"both": both, "short": whole[:100], "text": []byte("not a state\n")} {
		_, err = load(data)
		require.ErrorIs(t, err, ErrState, name)
		assert.ErrorContains(t, err, path)
	}
	f, err = load(nil)
	require.NoError(t, err, "an empty file holds no state yet")
	assert.False(t, f.found)
}

// A copy that is whole and says what cannot be is none.
func TestImpossibleState(t *testing.T) {
	_, path := first(t, "worm", "median", nil)
	for moving, want := range map[int]bool{0: true, maxMoves: true, maxMoves + 1: false, -1: false} {
		f, err := OpenState(path)
		require.NoError(t, err)
		f.last.moving = moving
		f.write()
		_, _, ok := decodeSlot(f.buf[:])
		assert.Equal(t, want, ok, "%d movements", moving)
		require.NoError(t, f.Close())
	}
}

func TestStateOfAnotherTable(t *testing.T) {
	_, path := first(t, "worm", "median", nil)
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, other := range []*rig{newRig(t, "winch", "median", nil), newRig(t, "worm", "heavy", nil)} {
		f, err := OpenState(path)
		require.NoError(t, err)
		_, err = other.Keep(f)
		require.ErrorIs(t, err, ErrState)
		other.wait(time.Second)
		require.NoError(t, f.Close())
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, before, after, "left alone")
	}
	_, err = OpenState(filepath.Join(path, "x"))
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrState)
}

func TestAStateThatCannotBeWrittenIsTold(t *testing.T) {
	r := newRig(t, "worm", "median", nil)
	f, err := OpenState(filepath.Join(t.TempDir(), "state"))
	require.NoError(t, err)
	require.NoError(t, f.file.Close())
	_, err = r.Keep(f)
	require.ErrorIs(t, err, os.ErrClosed)
	require.ErrorIs(t, f.Close(), os.ErrClosed)
}

func TestKeepingAllocatesNothing(t *testing.T) {
	r, _ := first(t, "worm", "median", nil)
	n := testing.AllocsPerRun(20, func() {
		for range 100 {
			r.clock.Spend(time.Millisecond)
			r.p.EndPull.Read()
		}
	})
	assert.Zero(t, n)
}

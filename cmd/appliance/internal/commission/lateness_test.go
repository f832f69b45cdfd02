package commission

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/cmd/appliance/internal/settings"
	"traction/control"
)

// us and ms shorten the tables.
const (
	us = time.Microsecond
	ms = time.Millisecond
)

// judge lets so many wake-ups be late, the others be punctual.
func judge(t *testing.T, s settings.Settings, late time.Duration, many int) (Finding, *LatenessFigures) {
	c := &Check{Settings: s}
	l := lateness{limits: latenessLimits(&s)}
	for i := range 1000 {
		d := time.Duration(0)
		if i < many {
			d = late
		}
		l.add(time.Duration(i)*tick+d, d)
	}
	var r Report
	c.lateness(&r, &l, true)
	return find(t, &r, "lateness"), r.Lateness
}

// The default table: 60 mm/s at 64 steps/mm is a step in 260 us; 20 mm/s one in 781,
// and 30 mm/s, from which the motor starts, one in 521.
func TestLatenessIsJudgedByWhatTheTableNeeds(t *testing.T) {
	for name, tc := range map[string]struct {
		late time.Duration
		many int
		want Verdict
		says string
	}{
		"punctual":                   {0, 0, Pass, ""},
		"all a little":               {100 * us, 1000, Pass, ""},
		"one in a hundred":           {150 * us, 10, Pass, ""},
		"more than half a step":      {150 * us, 11, Warn, "11 later than 130 us (allowed 10): steps of a release are uneven"},
		"more than a step":           {280 * us, 11, Fail, "11 later than 260 us (allowed 10): a release loses time"},
		"seldom more than a step":    {280 * us, 2, Warn, "begins its ramp anew"},
		"very seldom":                {280 * us, 1, Pass, ""},
		"more than a step of a pull": {800 * us, 2, Warn, "a pull is uneven"},
		"a tick":                     {1100 * us, 1, Warn, "a tick of the control loop is left out"},
		"nearly the dead-man":        {20 * ms, 1, Warn, "a tick of the control loop"},
		"the dead-man":               {20*ms + us, 1, Fail, "the motor stops, tick-late freezes"},
		"the end of a treatment":     {301 * ms, 1, Fail, "the treatment ends with a quick release"},
	} {
		t.Run(name, func(t *testing.T) {
			s := settings.Default()
			f, _ := judge(t, s, tc.late, tc.many)
			assert.Equal(t, tc.want, f.Verdict, f.Found)
			assert.Contains(t, f.Found, tc.says)
			if tc.want == Pass {
				assert.NotContains(t, f.Found, "later than")
			}
			s.Control.AllowNoRealtime = true
			f, _ = judge(t, s, tc.late, tc.many)
			assert.NotEqual(t, Fail, f.Verdict, "where nobody lies on the table")
		})
	}
}

func TestTheLimitsFollowTheSettings(t *testing.T) {
	s := settings.Default()
	_, f := judge(t, s, 0, 0)
	limitsUS := func(f *LatenessFigures) (all []int64) {
		for _, l := range f.Limits {
			all = append(all, l.LimitUS)
			assert.NotEmpty(t, l.From)
			assert.NotEmpty(t, l.Costs)
		}
		return all
	}
	assert.Equal(t, []int64{130, 260, 260, 781, 1000, 20_000, 300_000}, limitsUS(f))
	assert.Equal(t, "a step at table.release_speed: 60 mm/s x 64 steps/mm, 3840 steps a second", f.Limits[1].From)

	s.Motor.StepsPerMM = 16 // four times as long between steps
	s.Table.Limits.ReleaseSpeed = 30 * control.MilliMetrePerSecond
	_, f = judge(t, s, 0, 0)
	assert.Equal(t, []int64{1000, 1041, 2083, 3125, 20_000, 300_000}, limitsUS(f), "no ramp above motor.start_stop_speed")

	s.Table.Limits.ReleaseSpeed = 120 * control.MilliMetrePerSecond
	_, f = judge(t, s, 0, 0)
	assert.Equal(t, []int64{260, 520, 1000, 1562, 3125, 20_000, 300_000}, limitsUS(f), "2083 us after the last step the ramp begins anew")
}

// TestTheInterlocksAreThoseOfTheSafetyPage: the page is compared with the code.
func TestTheInterlocksAreThoseOfTheSafetyPage(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/safety.md")
	require.NoError(t, err)
	assert.Equal(t, []time.Duration{20 * ms, 300 * ms}, []time.Duration{letGo, missed})
	assert.Contains(t, string(page), "`tick-late` | a tick was more than 20 ms late")
	assert.Contains(t, string(page), "`tick-missed` | a tick was more than 300 ms late")
	assert.Contains(t, string(page), "the motor ramps to zero 20 ms after the last speed")
}

func TestWhatTheKernelRefuses(t *testing.T) {
	c := &Check{Settings: settings.Default()}
	c.Settings.Control.CPU = 7
	var r Report
	c.realTime(&r, &burdens{}, grant{asked: true, fifo: errors.New("not permitted"), cpu: errors.New("no such")}, &lateness{})
	assert.Equal(t, map[string]Verdict{"priority": Fail, "memory": Pass, "cpu": Fail, "lateness": Skip}, verdicts(&r))
	assert.NotContains(t, find(t, &r, "memory").Found, "root")
	c.Settings.Control.AllowNoRealtime, c.Machine.Superuser = true, true
	r = Report{}
	c.realTime(&r, &burdens{}, grant{asked: true, fifo: errors.New("not permitted")}, &lateness{})
	assert.Equal(t, Warn, find(t, &r, "priority").Verdict)
	assert.Contains(t, find(t, &r, "memory").Found, "root is bound by no limit")
}

func TestLatenessCountsWhatWasLeftOut(t *testing.T) {
	var l lateness
	l.add(ms, 0)
	l.add(2*ms+300*us, 300*us)
	l.add(7*ms, 0) // 3 to 6 are missing
	f := l.figures(false, Fail)
	assert.Equal(t, uint64(4), f.Missed)
	assert.Equal(t, uint64(3), f.Ticks)
	assert.Equal(t, int64(300), f.WorstUS)
	assert.Equal(t, 10, len(f.Buckets), "up to 512 us")
	assert.False(t, f.UnderLoad)
}

func TestCollectingLatenessAllocatesNothing(t *testing.T) {
	s := settings.Default()
	l := lateness{limits: latenessLimits(&s)}
	assert.Zero(t, testing.AllocsPerRun(1000, func() { l.add(ms, 30*us) }))
}

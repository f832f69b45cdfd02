package stepper

import (
	"time"

	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
)

const mmps = physic.MilliMetrePerSecond

// step is one rising edge as the motor driver sees it.
type step struct {
	at    time.Duration
	dir   int
	setup time.Duration // since DIR changed
	high  time.Duration // how long STEP stayed high
	limit float64       // the speed that the ramp allowed it
}

// rig is a Driver on pins that write down what happens, in virtual time.
type rig struct {
	*Driver
	now        time.Duration
	steps      []step
	dir        gpio.Level
	dirChanged time.Duration
	enable     gpio.Level
	level      gpio.Level
	late       func() time.Duration // how late the thread comes to an edge
	fail       map[string]error     // by pin
	disabled   int                  // steps while not enabled
	keep       bool                 // write steps down
}

type pin struct {
	gpio.PinOut
	name string
	r    *rig
}

func (p *pin) Out(l gpio.Level) error {
	r := p.r
	if err := r.fail[p.name]; err != nil {
		return err
	}
	switch p.name {
	case "step":
		if bool(l && !r.level) {
			r.rise()
		} else if r.keep && bool(!l && r.level) {
			r.steps[len(r.steps)-1].high = r.now - r.steps[len(r.steps)-1].at
		}
		r.level = l
	case "dir":
		if l != r.dir {
			r.dir, r.dirChanged = l, r.now
		}
	case "enable":
		r.enable = l
	}
	return nil
}

func (r *rig) rise() {
	if !r.enable {
		r.disabled++
	}
	if !r.keep {
		return
	}
	dir := -1
	if r.dir == gpio.High {
		dir = 1
	}
	r.steps = append(r.steps, step{at: r.now, dir: dir, setup: r.now - r.dirChanged, limit: r.high})
}

// config is the winch of the tests: 64 steps/mm, so 1920 and 5120 steps/s.
func config() Config {
	return Config{
		StepsPerMM: 64, MaxSpeed: 80 * mmps, StartStopSpeed: 30 * mmps, Acceleration: 1000,
		DirSetup: 5 * time.Microsecond, PulseWidth: 3 * time.Microsecond, EnableSettle: 2 * time.Millisecond,
	}
}

func newRig(t require.TestingT, cfg Config) *rig {
	r := &rig{keep: true, late: func() time.Duration { return 0 }, now: time.Second}
	cfg.Delay = func(d time.Duration) { r.now += d }
	d, err := New(Pins{Step: &pin{name: "step", r: r}, Dir: &pin{name: "dir", r: r}, Enable: &pin{name: "enable", r: r}}, cfg)
	require.NoError(t, err)
	r.Driver = d
	return r
}

// enabled is a rig whose driver is enabled and settled.
func enabled(t require.TestingT, cfg Config) *rig {
	r := newRig(t, cfg)
	require.NoError(t, r.Enable(r.now))
	r.now += 10 * time.Millisecond
	return r
}

// until takes the edges that are due before a time, each as late as the rig
// says, and goes there.
func (r *rig) until(t require.TestingT, end time.Duration) {
	for {
		at, ok := r.NextEdge()
		if !ok || at >= end {
			break
		}
		r.now = max(r.now, at+r.late())
		require.NoError(t, r.Edge(r.now))
	}
	r.now = max(r.now, end)
}

// drive runs a velocity for a time at 1 kHz.
func (r *rig) drive(t require.TestingT, v physic.Speed, d time.Duration) {
	for end := r.now + d; r.now < end; {
		require.NoError(t, r.SetVelocity(r.now, v))
		r.until(t, min(r.now+time.Millisecond, end))
	}
}

// rates are the speeds between consecutive steps in the same direction.
func (r *rig) rates() []float64 {
	var out []float64
	for i := 1; i < len(r.steps); i++ {
		out = append(out, float64(time.Second)/float64(r.steps[i].at-r.steps[i-1].at))
	}
	return out
}

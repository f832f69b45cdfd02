package control

import (
	"time"

	"periph.io/x/conn/v3/physic"
)

// TableLimits is what a table was commissioned for.
type TableLimits struct {
	// Force at which the table trips, whatever the programme.
	Force physic.Force
	// Rise of the set-point.
	Rise ForceRate
	// PullSpeed is the fastest rope speed towards force. It must not exceed the
	// motor's start-stop speed, so that motion towards force can end within a tick.
	PullSpeed physic.Speed
	// ReleaseSpeed is the rope speed away from force in a release. It decides how
	// long letting go takes: travel / speed.
	ReleaseSpeed physic.Speed
	// Travel of the rope from where slack began.
	Travel physic.Distance
	// BackDrivable: the drive lets go when it is disabled. A self-locking one keeps
	// the tension and must unwind.
	BackDrivable bool
}

// Calibration turns counts into force.
type Calibration struct {
	// Zero is the code without load.
	Zero int32
	// PerNewton is counts for one newton of pull, never 0; its sign is the cell's
	// direction.
	PerNewton float64
	// Capacity of the cell; readings beyond 110 % of it are implausible.
	Capacity physic.Force
}

// Valid tells whether the calibration can be used at all.
func (c *Calibration) Valid() bool {
	p := c.PerNewton
	if p < 0 {
		p = -p
	}
	return p >= 1 && p < 1e6 && c.Capacity > 0 && c.Zero > -1<<23 && c.Zero < 1<<23
}

// force converts counts to newtons.
func (c *Calibration) force(counts int32) float64 { return float64(counts-c.Zero) / c.PerNewton }

// Config is all that a Controller needs to know before its first tick. It is
// checked where it is read; New refuses what would be unsafe.
type Config struct {
	Table       TableLimits
	Calibration Calibration
	// Tick is the period of Step, 1 ms.
	Tick time.Duration
	// SampleRate the load cell is configured for, 10 or 80 Hz.
	SampleRate physic.Frequency
	// Remote is what commands from the gateway may do.
	Remote Permission
	// HeatTime is the longest time of heat in one go.
	HeatTime time.Duration
	// FirstRev is random at each boot, so that no rev of an earlier boot fits.
	FirstRev uint64
}

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
	// Second is that of the second cell; PerNewton 0 = none is fitted.
	Second Calibration
	// Tick is the period of Step, 1 ms.
	Tick time.Duration
	// SampleRate the load cell is configured for, 10 or 80 Hz.
	SampleRate physic.Frequency
	// Remote is what commands from the gateway may do.
	Remote Permission
	// Signed: what needs FullRemote needs a signature as well (R-SIGNED).
	Signed bool
	// GatewayLost is what happens to a treatment that was started over the network
	// when nothing is heard of the gateway any more.
	GatewayLost GatewayPolicy
	// ProofOfRelease is how long a proof of release lasts; 0 = none is asked for.
	ProofOfRelease time.Duration
	// HeatTime is the longest time of heat in one go.
	HeatTime time.Duration
	// FirstRev is random at each boot, so that no rev of an earlier boot fits.
	FirstRev uint64
}

// GatewayPolicy is what becomes of a treatment that was started over the network
// once nothing is heard of the gateway.
type GatewayPolicy uint8

const (
	GatewayRelease GatewayPolicy = iota // end it: who started it can neither see nor stop it
	GatewayPause                        // hold or rest as the programme's pause says
	GatewayGoOn                         // warn only
)

var gatewayPolicyNames = [...]string{"release", "pause", "go-on"}

// String returns the policy's name as it appears in the settings.
func (g GatewayPolicy) String() string { return name(gatewayPolicyNames[:], uint8(g)) }

// MarshalText implements encoding.TextMarshaler.
func (g GatewayPolicy) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (g *GatewayPolicy) UnmarshalText(b []byte) error {
	return parse(gatewayPolicyNames[:], "gateway policy", b, (*uint8)(g))
}

const (
	// softest is the stiffness (N/mm) of the softest harness and body of the
	// published range (facts of Tadano 2019 and the loop's prototype: 1.9 to 20).
	softest = 1.9
	// letGoMost is how long letting go of a table's largest force may take.
	letGoMost = 5 * time.Second
	// letGoRamp is lost to the motor's ramp and to a quick release's slower beginning.
	letGoRamp = 500 * time.Millisecond
)

// LargestForce is the most force that a table may be commissioned for: what it
// lets go of within 5 s from the softest person, the motor's ramps included, at
// this release speed. At 60 mm/s that is 513 N.
func LargestForce(release physic.Speed) physic.Force {
	return newtons(softest * inMillimetresPerSecond(release) * (letGoMost - letGoRamp).Seconds())
}

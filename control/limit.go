package control

import (
	"math"
	"time"

	"periph.io/x/conn/v3/physic"
)

// ForceRate is a rate of change of force in nanonewtons per second.
type ForceRate int64

// Impulse is force x time, in nanonewton seconds.
type Impulse int64

// NewtonSecond is the unit of Impulse.
const NewtonSecond Impulse = Impulse(physic.Newton)

// NewtonPerSecond is the unit of ForceRate.
const NewtonPerSecond ForceRate = ForceRate(physic.Newton)

// Reason says which link of the limits chain won.
type Reason uint8

const (
	ReasonNone      Reason = iota
	ReasonCeiling          // compiled in, cannot be configured away
	ReasonTable            // what the table was commissioned for
	ReasonHarness          // what the harness kind allows
	ReasonPatient          // the person's share of body weight, or own cap
	ReasonProgramme        // what the programme itself needs, and no more
	ReasonOperator         // set by the operator
)

var reasonNames = [...]string{"none", "ceiling", "table", "harness", "patient", "programme", "operator"}

// String returns the reason's name as it appears in every interface.
func (r Reason) String() string { return name(reasonNames[:], uint8(r)) }

// MarshalText implements encoding.TextMarshaler.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Reason) UnmarshalText(b []byte) error {
	return parse(reasonNames[:], "limit reason", b, (*uint8)(r))
}

// Bound is a largest allowed value and the link of the chain that set it.
type Bound[T ~int64] struct {
	Value  T
	Reason Reason
}

// Tighten lowers the bound to v if v is lower, and then takes over its reason.
// A v of 0 or less says nothing, so a missing link never loosens or blocks.
func (b *Bound[T]) Tighten(v T, why Reason) {
	if v > 0 && (b.Reason == ReasonNone || v < b.Value) {
		b.Value, b.Reason = v, why
	}
}

// Limits are the bounds in force, each with its reason.
type Limits struct {
	// Force at which the treatment is tripped. Set-points stay below it: see MaxSetPoint.
	Force Bound[physic.Force]
	// Rise of the set-point, and with it of the force.
	Rise Bound[ForceRate]
	// Speed of the rope towards force.
	Speed Bound[physic.Speed]
	// Travel from where slack began.
	Travel Bound[physic.Distance]
	// Duration of the treatment itself.
	Duration Bound[time.Duration]
	// Impulse is force x time of the whole treatment, pauses included.
	Impulse Bound[Impulse]
	// Temperature of the heat pad's set-point.
	Temperature Bound[physic.Temperature]
}

// The compiled ceilings: no file and no command can raise them.
const (
	// CeilingForce: commercial units end at 900 to 1000 N (Enraf-Nonius, Chattanooga).
	CeilingForce = 900 * physic.Newton
	// CeilingRise is the fastest rise of force that any programme may ask for.
	CeilingRise = 100 * NewtonPerSecond
	// CeilingSpeed of the rope towards force.
	CeilingSpeed = 40 * MilliMetrePerSecond
	// CeilingTravel of the rope under force.
	CeilingTravel = 600 * physic.MilliMetre
	// CeilingDuration: static traction on commercial units ends at 99 min.
	CeilingDuration = 60 * time.Minute
	// CeilingImpulse is what the largest hold for the longest duration may come to.
	CeilingImpulse = Impulse(MaxHold/physic.Newton) * Impulse((CeilingDuration*impulseShare/100+impulseSpare)/time.Second) * NewtonSecond
	// CeilingTemperature: applied parts stay under 41 C in single fault (IEC 60601-1).
	CeilingTemperature = 40*physic.Celsius + physic.ZeroCelsius
	// PadTrip is the pad temperature that ends heating at once.
	PadTrip = 41*physic.Celsius + physic.ZeroCelsius
)

// MilliMetrePerSecond is a unit of physic.Speed.
const MilliMetrePerSecond = physic.MetrePerSecond / 1000

// Harness is the kind of harness a programme is written for.
type Harness uint8

const (
	Lumbar Harness = iota
	Cervical
)

var harnessNames = [...]string{"lumbar", "cervical"}

// String returns the harness's name as it appears in every interface.
func (h Harness) String() string { return name(harnessNames[:], uint8(h)) }

// MarshalText implements encoding.TextMarshaler.
func (h Harness) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Harness) UnmarshalText(b []byte) error {
	return parse(harnessNames[:], "harness", b, (*uint8)(h))
}

// Person is what the controller knows of the person on the table.
type Person struct {
	// BodyWeight as a force; 0 = not given, then no share of it limits.
	BodyWeight physic.Force
	// MaxForce is the person's own cap; 0 = none.
	MaxForce physic.Force
}

const (
	// lumbarShare: survey and trials use up to 50 % of body weight; more has no
	// source. In percent, margin for breathing included.
	lumbarShare = 60
	// cervicalShare: 10 % is best tolerated, 11 to 20 kgf separates. In percent.
	cervicalShare = 25
	// cervicalForce is the most a cervical harness may see: 20 kgf and a margin.
	cervicalForce = 230 * physic.Newton
)

// forceHeadroom is how far a set-point stays below the tripping force, so that
// breathing does not trip: 4 %, at least 10 N.
func forceHeadroom(limit physic.Force) physic.Force { return max(10*physic.Newton, limit/25) }

// programmeMargin is how far above a programme's largest hold its own limit
// lies: 15 %, at least 50 N, so that a cough moves the drive away but an
// over-pull trips.
func programmeMargin(hold physic.Force) physic.Force {
	return max(50*physic.Newton, hold*15/100)
}

const (
	// impulseShare (percent) of hold x duration may be given in all: the set-point
	// is kept within 5 %, breathing included.
	impulseShare = 110
	// impulseSpare is added for slack take-up, ramps, and as much pause at hold as
	// one pause may last: many pauses are no way to a longer treatment.
	impulseSpare = time.Minute + pauseMost
)

// programmeImpulse is the most force x time that a treatment of this hold and
// duration may come to.
func programmeImpulse(hold physic.Force, duration time.Duration) Impulse {
	s := (duration*impulseShare/100 + impulseSpare).Seconds()
	return Impulse(math.Round(float64(hold) * s))
}

// MaxSetPoint is the largest force that may be asked for under these limits.
func (l *Limits) MaxSetPoint() physic.Force {
	return l.Force.Value - forceHeadroom(l.Force.Value)
}

// chain folds ceiling, table, harness, person, programme and operator into the
// limits in force. Order does not matter: a later link can only tighten
// (R-LIMIT-TIGHTENS, R-CEILING, R-HARNESS-CAP, R-WEIGHT-CAP).
func chain(t *TableLimits, p *Programme, who *Person, largestHold physic.Force, duration time.Duration) Limits {
	var l Limits
	l.Force.Tighten(CeilingForce, ReasonCeiling)
	l.Rise.Tighten(CeilingRise, ReasonCeiling)
	l.Speed.Tighten(CeilingSpeed, ReasonCeiling)
	l.Travel.Tighten(CeilingTravel, ReasonCeiling)
	l.Duration.Tighten(CeilingDuration, ReasonCeiling)
	l.Impulse.Tighten(CeilingImpulse, ReasonCeiling)
	l.Temperature.Tighten(CeilingTemperature, ReasonCeiling)

	l.Force.Tighten(t.Force, ReasonTable)
	l.Rise.Tighten(t.Rise, ReasonTable)
	l.Speed.Tighten(t.PullSpeed, ReasonTable)
	l.Travel.Tighten(t.Travel, ReasonTable)

	share := physic.Force(lumbarShare)
	if p != nil && p.Harness == Cervical {
		share = cervicalShare
		l.Force.Tighten(cervicalForce, ReasonHarness)
	}
	l.Force.Tighten(who.BodyWeight/100*share, ReasonPatient)
	l.Force.Tighten(who.MaxForce, ReasonPatient)

	if p != nil {
		l.Force.Tighten(p.ForceLimit, ReasonProgramme)
		l.Temperature.Tighten(p.Heat, ReasonProgramme)
		l.Rise.Tighten(max(p.RampUp, p.RampDown), ReasonProgramme)
		if largestHold > 0 {
			l.Force.Tighten(largestHold+programmeMargin(largestHold), ReasonProgramme)
			l.Impulse.Tighten(programmeImpulse(largestHold, duration), ReasonProgramme)
		}
	}
	return l
}

// standardGravity in nanonewtons a kilogram (9.80665 m/s2, exactly).
const standardGravity = 9_806_650_000

// WeightOf is the weight of a body's mass in kilograms.
func WeightOf(kg float64) physic.Force { return physic.Force(kg * standardGravity) }

package simtable

import "math"

// Figures of the mechanics that no table or patient sets.
const (
	// slideTime is how fast a pelvis that slips comes to rest: well damped, some tens of milliseconds in all. The
	// displacement at the pelvis follows force without phase lag, so mass is left out.
	slideTime = 0.01 // s

	// stickSpeed is where a slide ends and static friction holds again.
	stickSpeed = 0.5 // mm/s
)

// person is rope, harness and patient, quasi-static. From the drum on:
//
//	drum - lost motion - rope and harness spring - pelvis on the table (friction) - body spring - creep - trunk
//
// All lengths in mm, positive towards force; all forces in N.
type person struct {
	line       float64 // rope and harness in series, N/mm
	body       float64 // N/mm
	series     float64 // all in series, N/mm
	taut       float64 // position of the reel at which the rope becomes taut
	kinetic    float64 // friction
	static     float64
	mobility   float64 // mm in one step of the physics per N of excess force
	stick      float64 // N of excess force at which a slide ends
	creepPerN  float64
	creepShare float64 // of the way to the end of the creep, in one step of the physics

	worn    bool
	broken  bool    // the rope
	offset  float64 // slips and shifts so far
	longer  float64 // rope that slipped off the drum or stretched for good
	pelvis  float64
	creep   float64
	sliding bool
	stretch float64 // of rope and harness; negative is loose rope
	rope    float64 // force at the rope

	slides uint64 // times that static friction gave way
	peak   float64
}

func newPerson(t Table, p Patient) person {
	line := 1 / (1/t.Rope.StiffnessNPerMM + 1/p.HarnessStiffnessNPerMM)
	drag := slideTime * (line + p.BodyStiffnessNPerMM) // N s/mm
	return person{
		line: line, body: p.BodyStiffnessNPerMM, series: 1 / (1/line + 1/p.BodyStiffnessNPerMM),
		taut:    t.Drive.ParkMM + p.HarnessSlackMM,
		kinetic: p.FrictionN, static: p.FrictionN * p.FrictionStaticRatio,
		mobility: gridS / drag, stick: stickSpeed * drag,
		creepPerN: p.CreepMM / p.CreepReferenceN, creepShare: gridS / p.CreepTimeConstantS,
		worn: true,
	}
}

// step moves the person on by one step of the physics. The reel is where the drum has wound the rope to; sway is the
// way that breath and movement pull at the harness.
func (p *person) step(reel, sway float64) {
	p.stretch = reel - p.taut - p.offset - p.pelvis + sway
	p.rope = 0
	if p.stretch > 0 && p.worn && !p.broken {
		p.rope = p.line * p.stretch
		if p.rope > p.peak {
			p.peak = p.rope
		}
	}
	inBody := p.body * (p.pelvis - p.creep)
	p.creep += (p.creepPerN*inBody - p.creep) * p.creepShare
	p.slide(p.rope - inBody)
}

// slide is Coulomb friction with a static peak: the pelvis sticks until the force exceeds static friction, then slides
// against the kinetic one until it has nearly stopped.
func (p *person) slide(force float64) {
	push := math.Abs(force)
	if !p.sliding {
		if push <= p.static {
			return
		}
		p.sliding = true
		if p.static > 0 {
			p.slides++
		}
	}
	push -= p.kinetic
	if push > 0 {
		p.pelvis += math.Copysign(push*p.mobility, force)
	}
	p.sliding = push > p.stick
}

// sway converts an alternating force at the rope, held still, into the movement of the body that makes it. As far as
// friction holds the pelvis only rope and harness give; beyond that the body gives as well.
func (p *person) sway(amplitude float64) float64 {
	held := min(amplitude, p.kinetic)
	return held/p.line + (amplitude-held)/p.series
}

// jerk converts a single pull, which starts with the pelvis at rest anywhere within friction.
func (p *person) jerk(force float64) float64 {
	held := min(force, 2*p.kinetic)
	return held/p.line + (force-held)/p.series
}

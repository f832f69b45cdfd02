package control

import (
	"time"

	"periph.io/x/conn/v3/physic"
)

// R-PROOF-OF-RELEASE: before the first treatment of the day the table pulls to a
// small force against its frame or an assistant's hands, the patient switch is
// pressed, and the rope must be slack within its time. Commercial units ask for
// the same once a day (Eltrac 471: 500 N against the frame).

// proofProgramme pulls to 50 N, and waits up to a minute for the switch.
var proofProgramme = Programme{
	Name: "proof-of-release", Title: "Proof of release",
	Source: "daily test of commercial units, at a tenth of their force", Harness: Lumbar,
	Hold: 50 * physic.Newton, HoldTime: time.Minute, Rest: 20 * physic.Newton,
	RampUp: 25 * NewtonPerSecond, RampDown: 25 * NewtonPerSecond, Duration: time.Minute,
}

// releaseProof is a release that was tried and timed.
type releaseProof struct {
	proven  bool
	at      time.Duration // when
	running bool
	pulled  bool // the hold was reached
	// What was selected before.
	programme *Programme
	settings  Settings
}

// holds tells whether the proof is still good at time now.
func (p *releaseProof) holds(c *Controller) bool {
	return c.cfg.ProofOfRelease == 0 || p.proven && c.now-p.at < c.cfg.ProofOfRelease
}

// decideProve starts a proof of release.
func (c *Controller) decideProve(in *Input, out *Output) Reply {
	if c.mode != Armed {
		return Reply{Code: WrongMode}
	}
	if m := c.whyNot(in) &^ MissingReleaseProof; m != 0 {
		return Reply{Code: NotReady, Missing: m}
	}
	c.release = releaseProof{running: true, programme: c.programme, settings: c.settings}
	p := proofProgramme // a lighter one where the person on the table may have less
	most := chain(&c.cfg.Table, &p, &c.person, p.Hold, p.Duration)
	p.Hold = min(p.Hold, most.MaxSetPoint())
	p.Rest = min(p.Rest, p.Hold)
	c.programme, c.settings = &p, settingsOf(&p)
	c.limits = chain(&c.cfg.Table, c.programme, &c.person, c.settings.Hold, c.settings.Duration)
	c.startTreatment(Table, out)
	return Reply{}
}

// judgeProof looks at the report of a proof and puts back what was selected. A
// proof that failed leaves its trip latched.
func (c *Controller) judgeProof(r *Report, out *Output) {
	p := &c.release
	p.running = false
	c.programme, c.settings = p.programme, p.settings
	pressed := r.Trips == InterlockSet(0).With(ILPatientSwitch)
	if !p.pulled || !pressed || r.End != EndTripped || r.TimeToSlack == 0 || r.TimeToSlack > letGoMost {
		return
	}
	p.proven, p.at = true, c.now
	r.End = EndProven
	c.guard.latched = c.guard.latched.Without(ILPatientSwitch) // it was asked for
	c.emit(out, Event{Kind: EventReleaseProven, End: EndProven})
}

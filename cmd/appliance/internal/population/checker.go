package population

import (
	"fmt"
	"math"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/cmd/appliance/internal/simulation"
	"traction/control"
	"traction/hw/simtable"
)

// tick is all that a checker sees of one tick, after it was applied.
type tick struct {
	in    *control.Input
	out   *control.Output
	state *control.Snapshot // as this tick has left it
	truth *simtable.Truth
	// open: the patient switch's contact is open, by hand or by a fault; cut: so is
	// that of the emergency stop.
	open, cut bool
	// claims that faults take away now, and the most (N) by which each cell shows
	// too little.
	claims claim
	lie    [2]float64
}

// cells is how many cells the controller has.
func (t *tick) cells() int {
	if t.in.Second.Seq != 0 {
		return 2
	}
	return 1
}

// deceived tells whether no cell can be believed.
func (t *tick) deceived() bool {
	return t.claims&cellLies != 0 && (t.cells() == 1 || t.claims&secondLies != 0)
}

// figures are what a case's table, person and programme promise.
type figures struct {
	cells    [2]cellFigures
	line     float64 // N/mm, rope and harness: what one millimetre brings at most
	step     physic.Distance
	fullStep float64 // mm
	release  float64 // mm/s
	pull     float64 // mm/s
	travel   float64 // mm
	rampDown float64 // N/s
	remote   control.Permission
}

// cellFigures are those of a load cell and its converter.
type cellFigures struct {
	filter      float64       // conversions that the converter averages
	period      time.Duration // of a conversion
	driftPerMin float64       // N, of the zero
	errs        float64       // N, all other errors at most
}

func figuresOf(c *Case) figures {
	drive := &c.Table.Drive
	limits := simulation.Commission(&c.Table)
	f := figures{
		cells: [2]cellFigures{figuresOfCell(&c.Table.Cell), figuresOfCell(&c.Table.Cell2)},
		line:  1 / (1/c.Table.Rope.StiffnessNPerMM + 1/c.Patient.HarnessStiffnessNPerMM),
		step:  physic.Distance(float64(physic.MilliMetre) / drive.StepsPerMM), fullStep: drive.Microsteps / drive.StepsPerMM,
		release: float64(limits.ReleaseSpeed) * 1e-6, pull: float64(limits.PullSpeed) * 1e-6, travel: inMM(limits.Travel),
		rampDown: float64(c.Programme.RampDown) * 1e-9, remote: c.Remote,
	}
	// The set-point falls no faster than the drive follows, with a share of its
	// speed and on the softest person that the controller may take this one for.
	f.rampDown = math.Min(f.rampDown, 0.6*f.pull)
	return f
}

func figuresOfCell(c *simtable.Cell) cellFigures {
	return cellFigures{
		filter: float64(c.FilterConversions), period: seconds(1 / (c.RatePerS * c.TrueRateFactor)),
		driftPerMin: math.Abs(c.ZeroDriftNPerMin),
		// Warming, bow and ten times the converter's noise (0.009 N rms).
		errs: math.Abs(c.ZeroDriftNPerC*c.WarmUpC) + math.Abs(c.NonlinearityShare)*c.CapacityN + 0.1,
	}
}

// checker watches one case. Its rules are in the files rules_*.go; each looks at
// this tick and at what the last one has left.
type checker struct {
	violations
	f     figures
	first bool // no tick since the start of the control process
	was   memory

	motion  motionRules
	release releaseRules
	alarms  alarmRules
	heat    heatRules
	worst   Worst
}

// memory is what the last tick has left behind.
type memory struct {
	now      time.Duration
	position physic.Distance // counted
	reel     float64         // mm, in truth
	mode     control.Mode
	action   control.Action
	rev      uint64
	force    physic.Force // measured
	limit    physic.Force
	speed    physic.Speed // limit towards force
	goodAt   time.Duration
	start    bool
}

// Worst gathers figures that are no violations but worth knowing.
type Worst struct {
	// OverN is the true force above the limit while a cell tells the truth and the
	// drive does as it is told: a person's doing.
	OverN float64 `json:"over_n"`
	// DrivenN is what the drive has wound while the true force was above the limit,
	// times the stiffness of rope and harness: its own share at most.
	DrivenN float64 `json:"driven_n"`
	// RunawayN is the true force above the limit by a drive that moves by itself or
	// the wrong way.
	RunawayN float64 `json:"runaway_n"`
	// LetGoS is the time from a trip or a stop to less than 25 N.
	LetGoS float64 `json:"let_go_s"`
	// SkinC is the skin's temperature.
	SkinC float64 `json:"skin_c"`
}

// String says it in one line.
func (w *Worst) String() string {
	return fmt.Sprintf("%.1f N above a limit, of which the drive wound %.1f N; %.1f N with a drive that ran away; %.2f s to less than %.0f N; skin %.1f C",
		w.OverN, w.DrivenN, w.RunawayN, w.LetGoS, tense, w.SkinC)
}

func (w *Worst) merge(o *Worst) {
	w.OverN, w.DrivenN = math.Max(w.OverN, o.OverN), math.Max(w.DrivenN, o.DrivenN)
	w.RunawayN = math.Max(w.RunawayN, o.RunawayN)
	w.LetGoS, w.SkinC = math.Max(w.LetGoS, o.LetGoS), math.Max(w.SkinC, o.SkinC)
}

func newChecker(f figures) *checker { return &checker{f: f, first: true} }

// restart forgets what a restart of the control process makes void.
func (k *checker) restart() {
	k.first = true
	k.motion, k.alarms = motionRules{}, alarmRules{}
	k.release.idleAt, k.release.armX, k.release.by = 0, 0, 0
}

// tick applies every rule. It allocates nothing unless one is broken.
func (k *checker) tick(t *tick) {
	if !k.first {
		k.checkMotion(t)
		k.checkLimit(t)
		k.checkSwitch(t)
		k.checkOrders(t)
		k.checkFall(t)
	} else if m := t.state.Mode; m != control.Idle {
		k.add(t.in.Now, InvResume, "mode %v at the start of the control process", m)
	}
	k.checkPower(t)
	k.checkReleased(t)
	k.checkTension(t)
	k.checkHeat(t)
	k.checkTrips(t)
	k.checkLamps(t)
	k.checkBounds(t)
	k.checkSequence(t)
	k.remember(t)
}

func (k *checker) remember(t *tick) {
	k.first = false
	s := t.state
	k.was = memory{
		now: t.in.Now, position: t.in.Motion.Position, reel: t.truth.ReelMM, mode: s.Mode, action: s.Action, rev: s.Rev,
		force: s.Force, limit: s.Limits.Force.Value, speed: s.Limits.Speed.Value, goodAt: k.was.goodAt, start: t.in.Switches.Start,
	}
	if t.in.Load.Seq != 0 {
		k.was.goodAt = t.in.Load.At
	}
}

// quiet modes: nothing moves.
func quiet(m control.Mode) bool {
	return m == control.Idle || m == control.Armed || m == control.Tripped
}

// pulling modes: those in which the drive may move towards force.
func pulling(m control.Mode) bool { return m == control.Treating || m == control.Paused }

// lettingGo modes: the motor unwinds.
func lettingGo(m control.Mode) bool { return m == control.Releasing || m == control.Recovering }

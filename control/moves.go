package control

import "math"

// watch looks at the last moments of force and rope together. What the rope's
// motion explains is the drive's doing; the rest is the person's, the harness's
// or the rope's. Relaxation is slow, a cough comes back, a slip stays.
type watch struct {
	force, x [watchSamples]float64
	n        int

	rising     bool    // force rises faster than the limits allow
	restless   bool    // force has changed as the rope's motion does not explain
	quietAfter float64 // s until the person counts as quiet again

	before  moment  // the person moved
	settled bool    // and what is left of that has been judged
	slipped float64 // mm, in this treatment
}

const (
	// watchSamples is a quarter of a second at 80 Hz.
	watchSamples = 20
	// stepSamples is a tenth of a second.
	stepSamples = 8
	// riseShare of the limit and riseSpare (N) above it in a quarter of a second:
	// breathing of 25 N at 0.35 Hz makes 14 N, a ramp at the limit 25 N.
	riseShare = 1.2
	riseSpare = 30.0
	// stepLeast (N) in a tenth of a second that motion does not explain; friction
	// that gives way makes 12 N, breathing 6 N.
	stepLeast = 25.0
	// stepDoubt is the share of what the motion explains that may be wrong: the
	// stiffness is an estimate.
	stepDoubt = 0.5
	// quietTime (s) without a further move, before the drive may pull again: a
	// cough is over, and who gets up is up.
	quietTime = 0.5
	// slipLeast (mm): a step in the free length below this is noise of the estimate.
	slipLeast = 4.0
	// slipMost (mm) in a treatment: a harness that has given way so far does not
	// sit where it was put.
	slipMost = 25.0
)

// start forgets the last treatment.
func (w *watch) start() { *w = watch{settled: true} }

// sample takes over a fresh sample; dt is the time since the last one in seconds.
func (w *watch) sample(c *Controller) {
	k, dt := c.stiff.value(), math.Min(math.Max(c.cell.dt, 0), 0.1)
	f, x := c.cell.force, c.x
	oldest, step := w.n%watchSamples, (w.n+watchSamples-stepSamples)%watchSamples
	w.rising = w.n >= watchSamples && f-w.force[oldest] > riseShare*inNewtonsPerSecond(c.limits.Rise.Value)*0.25+riseSpare
	moved := false
	if w.n >= watchSamples {
		explained := k * (x - w.x[step])
		moved = math.Abs(f-w.force[step]-explained) > stepLeast+stepDoubt*math.Abs(explained)
	}
	if moved && !w.restless {
		w.before, w.settled = moment{w.force[oldest], w.x[oldest], c.treat.setPoint, c.treat.reached}, false
	}
	w.force[oldest], w.x[oldest] = f, x
	w.n++
	switch {
	case moved || w.rising:
		w.quietAfter = quietTime
	case w.quietAfter > 0:
		w.quietAfter -= dt
	}
	w.restless = w.quietAfter > 0
	if !w.restless && !w.settled {
		w.settled = true
		w.slipped = math.Max(w.slipped+w.slip(c, f, x), 0) // who lies back takes a slip back
	}
}

// moment is the rope at one time.
type moment struct {
	force, x, setPoint float64
	reached            bool // the set-point was there, and the force with it
}

// slip is by how much (mm) the rope's free length has grown since before the
// person moved: way that the rope has taken and that its force does not explain.
// A harness that slips keeps it, a cough does not. On a ramp the stiffness is still
// being learned, and nothing is judged.
func (w *watch) slip(c *Controller, f, x float64) float64 {
	stretch := (f - w.before.force) / c.stiff.ramped()
	d := x - w.before.x - stretch
	if !w.before.reached || c.treat.setPoint != w.before.setPoint || math.Abs(d) < slipLeast+stepDoubt*math.Abs(stretch) {
		return 0
	}
	return d
}

// ends remembers where the end switches opened, to compare switch and count.
type ends struct {
	slackX, pullX         float64 // mm
	slackKnown, pullKnown bool
	slackWas, pullWas     bool
	mismatch              bool
}

// endTolerance (mm): a switch opens and closes within a few millimetres, and
// the motor runs on for some at release speed.
const endTolerance = 15.0

// update takes over the switches of a tick.
func (e *ends) update(c *Controller, in *Input) {
	if !in.Motion.Enabled && c.cfg.Table.BackDrivable {
		// Whoever pulls at the rope moves the drive, and nobody counts.
		*e = ends{slackWas: in.Switches.EndSlack, pullWas: in.Switches.EndPull}
		return
	}
	s, p := in.Switches.EndSlack, in.Switches.EndPull
	if s && !e.slackWas {
		if e.slackKnown && math.Abs(c.x-e.slackX) > endTolerance {
			e.mismatch = true
		}
		e.slackX, e.slackKnown = c.x, true
	}
	if p && !e.pullWas {
		e.pullX, e.pullKnown = c.x, true
	}
	e.slackWas, e.pullWas = s, p
	if e.slackKnown && !s && c.x < e.slackX-endTolerance || e.pullKnown && !p && c.x > e.pullX+endTolerance {
		e.mismatch = true
	}
}

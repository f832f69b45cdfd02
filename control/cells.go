package control

import "math"

// Two cells on the same rope read the same force. The first one is regulated
// with; where a second one is fitted, nothing is believed that it contradicts,
// and what it says counts wherever the larger force is the safer answer.

const (
	// disagreeLeast (N) and disagreeShare of the larger reading: two calibrated
	// cells of class C2 stay within a few newtons; a sample between their
	// conversions makes another 5 N in a cough.
	disagreeLeast = 15.0
	disagreeShare = 0.05
	// disagreeMost: this many samples in a row that differ end the treatment.
	disagreeMost = 3
)

// paired tells whether a second cell is fitted.
func (c *Controller) paired() bool { return c.cfg.Second.PerNewton != 0 }

// pair holds the comparison of two cells.
type pair struct {
	apart int // samples in a row that differ by too much
}

// compare looks at each new sample of the second cell next to the newest of the first.
func (p *pair) compare(c *Controller) {
	if !c.second.fresh || !c.cell.good(c.now) || !c.second.good(c.now) {
		return
	}
	a, b := c.cell.force, c.second.force
	if math.Abs(a-b) <= math.Max(disagreeLeast, disagreeShare*math.Max(math.Abs(a), math.Abs(b))) {
		p.apart = 0
		return
	}
	p.apart++
}

// most is the largest force (N) that a cell which can be believed reads; where
// none can, what the first one said last.
func (c *Controller) most() float64 {
	switch {
	case !c.paired() || !c.second.good(c.now):
		return c.cell.force
	case !c.cell.good(c.now):
		return c.second.force
	}
	return math.Max(c.cell.force, c.second.force)
}

// least is the smallest force (N) that a cell which can be believed reads.
func (c *Controller) least() float64 {
	if c.paired() && c.cell.good(c.now) && c.second.good(c.now) {
		return math.Min(c.cell.force, c.second.force)
	}
	return c.most()
}

// seen: a cell tells the force now.
func (c *Controller) seen() bool {
	return c.cell.good(c.now) || c.paired() && c.second.good(c.now)
}

// mostFresh: this tick brought a sample that most can be from.
func (c *Controller) mostFresh() bool { return c.cell.fresh || c.paired() && c.second.fresh }

// blind: no cell tells the force any more.
func (c *Controller) blind() bool {
	first := c.cell.lost(c.now) || !c.cell.cal.Valid()
	return first && (!c.paired() || c.second.lost(c.now) || !c.second.cal.Valid())
}

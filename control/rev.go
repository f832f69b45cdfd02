package control

import "periph.io/x/conn/v3/physic"

// lastRev is what held when the rev was last looked at.
type lastRev struct {
	rev      uint64
	settings Settings
	heat     physic.Temperature
	held     bool
	latched  InterlockSet
}

// revise gives what was lessened, and what was latched, a new rev (R-REV): whoever
// asked for more force or heat, or acknowledged, before that was seen, finds it
// changed. To ask for more again and again needs no new look.
func (c *Controller) revise() {
	now := lastRev{settings: c.settings, heat: c.heat.target, held: c.mode == Paused && c.treat.held, latched: c.guard.latched}
	was, s, n := &c.revised, &c.revised.settings, &now.settings
	less := n.Hold < s.Hold || n.Rest < s.Rest || n.HoldTime < s.HoldTime || n.Duration < s.Duration || n.RestTime > s.RestTime ||
		now.heat < was.heat || was.held && !now.held || now.latched&^was.latched != 0
	if less && c.rev == was.rev {
		c.rev++
	}
	now.rev = c.rev
	c.revised = now
}

package control

import (
	"time"
)

// stopEvery is how often a stop that changes nothing is told: a flood of stops
// must not push the treatment's events out of the journal.
const stopEvery = time.Second

// obey answers the stop flag first and then at most one command (R-STOP-ALWAYS).
func (c *Controller) obey(in *Input, out *Output) {
	if in.Stop {
		rev := c.rev
		c.stop(in.StopOrigin, out)
		if rev != c.rev || c.stopTold == 0 || c.now-c.stopTold >= stopEvery {
			c.stopTold = c.now
			c.emit(out, Event{Kind: EventCommand, Command: CommandStop, Origin: in.StopOrigin})
		}
	}
	cmd := &in.Command
	if cmd.Kind == NoCommand {
		return
	}
	r := c.decide(in, cmd, out)
	c.revise()
	r.Ticket, r.Kind, r.Mode, r.Rev = cmd.Ticket, cmd.Kind, c.mode, c.rev
	out.Reply = r
	kind := EventCommand
	if r.Code != Accepted {
		if kind = EventRefused; cmd.Origin == Remote && !c.refusals.tell(c.now) {
			return
		}
	}
	c.emit(out, Event{Kind: kind, Command: cmd.Kind, Origin: cmd.Origin, Code: r.Code})
}

// refusals bounds how many refused commands of remote users are told, so that a
// flood of them cannot push the treatment's events out of the journal: its 4096
// events are then those of half an hour at least. Each is answered all the same.
type refusals struct {
	used float64
	at   time.Duration
}

const (
	// refusalsBurst at once after a quiet time, refusalsRate a second on average.
	refusalsBurst = 20
	refusalsRate  = 2
)

func (r *refusals) tell(now time.Duration) bool {
	r.used, r.at = max(0, r.used-refusalsRate*(now-r.at).Seconds()), now
	if r.used+1 > refusalsBurst {
		return false
	}
	r.used++
	return true
}

// decide checks a command as if nobody had checked it before: what can raise force
// or start motion needs the rev of this very state (R-REV).
func (c *Controller) decide(in *Input, cmd *Command, out *Output) Reply {
	if cmd.Kind == CommandStop {
		c.stop(cmd.Origin, out)
		return Reply{}
	}
	if code := c.allowed(cmd); code != Accepted {
		return Reply{Code: code}
	}
	if in.Stop && cmd.Kind.NeedsRev() {
		return Reply{Code: StaleRev} // decided before the stop
	}
	if cmd.Kind.NeedsRev() && cmd.Rev != c.rev {
		return Reply{Code: StaleRev}
	}
	switch cmd.Kind {
	case CommandPause, CommandHold:
		if c.mode == Paused && c.treat.held && cmd.Kind == CommandPause {
			c.treat.held = false // R-HOLD-ENDS: who asks for a pause wants no more force than a pause keeps
			return Reply{}
		}
		if c.mode != Treating {
			return Reply{Code: WrongMode}
		}
		c.pause(out)
		c.treat.held = cmd.Kind == CommandHold
		return Reply{}
	case CommandResume:
		return c.decideResume(cmd.Origin, out)
	case CommandSelect:
		return c.decideSelect(cmd)
	case CommandArm:
		return c.decideArm(in, out)
	case CommandProve:
		return c.decideProve(in, out)
	case CommandSilence:
		c.alarm.silence(c.now)
		c.emit(out, Event{Kind: EventSilenced})
		return Reply{}
	case CommandStart:
		return c.decideStart(in, cmd.Origin, out)
	case CommandSet:
		return c.decideSet(cmd)
	case CommandHeat:
		return c.decideHeat(in, cmd)
	case CommandAcknowledge:
		if cmd.Origin != Table && c.mayPull() {
			return Reply{Code: OnlyAtTable} // it would start a release
		}
		return c.decideAcknowledge(out)
	}
	return Reply{Code: Malformed}
}

// allowed is the permission level of remote users, and the signature where one is
// asked for (R-SIGNED). R-ARM-AT-TABLE: some things are for who stands at the table,
// whatever the level.
func (c *Controller) allowed(cmd *Command) Code {
	if cmd.Kind == CommandReport || cmd.Kind == CommandUnpublish {
		return NotHere
	}
	if cmd.Origin == Table {
		return Accepted
	}
	need := FullRemote
	switch cmd.Kind {
	case CommandArm, CommandProve, CommandSilence:
		return OnlyAtTable
	case CommandPause:
		need = StopOnly
	case CommandResume, CommandHold, CommandSet, CommandHeat, CommandAcknowledge:
		need = Adjust
	}
	if c.cfg.Remote < need {
		return NotAllowed
	}
	if need == FullRemote && c.cfg.Signed && !cmd.Signed {
		return Unsigned
	}
	return Accepted
}

// stop releases whatever is under tension; where nothing is, it disarms. Tension
// that is left over while nothing runs is released only on the word of somebody
// who stands at the table (R-TENSION-AT-TABLE).
func (c *Controller) stop(from Origin, out *Output) {
	switch c.mode {
	case Treating, Paused:
		c.endTreatment(EndStopped, quick, out)
	case Releasing, Recovering:
		c.hurry()
	case Armed, Idle, Tripped:
		c.disarm(out)
		if from == Table && c.mayPull() && c.guard.action < Disable {
			c.rel = release{kind: slow}
			c.beginRelease(out)
		}
	}
	c.heat.off(HeatEnded)
}

// disarm leaves Armed. Somebody may lie in the harness by then.
func (c *Controller) disarm(out *Output) {
	if c.mode != Armed {
		return
	}
	c.proof.reset()
	c.guard.slack.harnessed = true
	c.setMode(Idle, out)
}

// mayPull: the rope is under tension, or nobody can tell and it was pulled.
func (c *Controller) mayPull() bool {
	return c.tension() || c.blind() && c.cell.cal.Valid() && c.guard.slack.unknown()
}

// tension tells whether the rope is not slack, by a good sample of either cell.
func (c *Controller) tension() bool { return c.seen() && c.most() >= slackForce }

func (c *Controller) decideArm(in *Input, out *Output) Reply {
	if c.mode != Idle {
		return Reply{Code: WrongMode}
	}
	if m := c.whyNot(in); m != 0 {
		return Reply{Code: NotReady, Missing: m}
	}
	c.treat.armX, c.treat.endX, c.armedAt = c.x, c.x, c.now
	c.guard.badForce, c.guard.pair = 0, pair{} // of another time
	c.guard.slack.harnessed = false            // slack, so nobody hangs on it from before
	c.alarm.ended = false
	c.proof.reset()
	c.setMode(Armed, out)
	return Reply{}
}

func (c *Controller) decideStart(in *Input, from Origin, out *Output) Reply {
	if c.mode != Armed {
		return Reply{Code: WrongMode}
	}
	if m := c.whyNot(in); m != 0 {
		return Reply{Code: NotReady, Missing: m}
	}
	c.startTreatment(from, out)
	return Reply{}
}

func (c *Controller) decideResume(from Origin, out *Output) Reply {
	if c.mode != Paused {
		return Reply{Code: WrongMode}
	}
	c.treat.remote = from == Remote // who goes on with it is who answers for it
	c.resume(out)
	return Reply{}
}
func (c *Controller) decideHeat(in *Input, cmd *Command) Reply {
	if cmd.Heat == 0 {
		c.heat.off(HeatEnded)
		return Reply{}
	}
	if !in.Pad.Present {
		return Reply{Code: NotReady, Missing: MissingPad}
	}
	if c.mode == Tripped || c.mode == Releasing || c.mode == Recovering || c.release.running {
		return Reply{Code: WrongMode}
	}
	most := c.limits.Temperature
	switch {
	case cmd.Heat < MinHeat || cmd.Heat > CeilingTemperature:
		return Reply{Code: OutOfRange, Value: int64(cmd.Heat), Min: int64(MinHeat), Max: int64(most.Value)}
	case cmd.Heat > most.Value:
		return Reply{Code: AboveLimit, Value: int64(cmd.Heat), Min: int64(MinHeat), Max: int64(most.Value), Reason: most.Reason}
	case c.guard.latched != 0:
		return Reply{Code: NotReady, Missing: MissingAcknowledge}
	}
	c.heat.want(c.now, cmd.Heat)
	return Reply{}
}

// decideAcknowledge clears what can be cleared. With tension still on the rope
// the way back to Idle leads through a slow release.
func (c *Controller) decideAcknowledge(out *Output) Reply {
	switch c.mode {
	case Idle, Tripped, Armed:
	default:
		return Reply{Code: WrongMode}
	}
	c.alarm.ended = false
	if left := c.guard.acknowledge(c, out); left != 0 {
		return Reply{Code: Contradicted, Interlock: left.IDs()[0]}
	}
	if c.mode != Tripped {
		return Reply{}
	}
	if c.mayPull() {
		c.rel = release{kind: slow}
		c.beginRelease(out)
		return Reply{}
	}
	c.setMode(Idle, out)
	return Reply{}
}

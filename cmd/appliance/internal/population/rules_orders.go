package population

import "traction/control"

// checkOrders: what begins treating or arming, and what commands may do.
func (k *checker) checkOrders(t *tick) {
	if t.in.Command.Kind != control.NoCommand && t.out.Reply.Code == control.Accepted {
		k.checkCommand(t)
	}
	if t.state.Mode == k.was.mode {
		return
	}
	w, asked := &k.was, t.in.Command.Kind
	if t.out.Reply.Code != control.Accepted {
		asked = control.NoCommand
	}
	switch t.state.Mode {
	case control.Treating:
		start := w.mode == control.Armed && (asked == control.CommandStart || asked == control.CommandProve || k.pressed(t))
		resume := w.mode == control.Paused && asked == control.CommandResume
		if !start && !resume {
			k.add(t.in.Now, InvResume, "treating from %v with command %v", w.mode, asked)
		}
	case control.Armed:
		if w.mode != control.Idle || asked != control.CommandArm && !k.pressed(t) {
			k.add(t.in.Now, InvResume, "armed from %v with command %v", w.mode, asked)
		}
	case control.Recovering:
		if asked != control.NoCommand && t.in.Command.Origin != control.Table {
			k.add(t.in.Now, InvCommand, "a remote %v has begun a motion", asked)
		}
	}
}

// checkCommand judges a command that was obeyed.
func (k *checker) checkCommand(t *tick) {
	c := &t.in.Command
	if c.Kind.NeedsRev() && c.Rev != k.was.rev {
		k.add(t.in.Now, InvCommand, "%v was obeyed with rev %d, the state's was %d", c.Kind, c.Rev, k.was.rev)
	}
	if c.Origin == control.Table {
		return
	}
	if onlyAtTable(c.Kind) || permissionFor(c.Kind) > k.f.remote {
		k.add(t.in.Now, InvCommand, "a remote %v was obeyed with permission %v", c.Kind, k.f.remote)
	}
}

// onlyAtTable: what no remote user may do, whatever the permission.
func onlyAtTable(c control.CommandKind) bool {
	return c == control.CommandArm || c == control.CommandProve || c == control.CommandSilence
}

// permissionFor is the level from which on remote users may give a command.
func permissionFor(c control.CommandKind) control.Permission {
	switch c {
	case control.CommandStop:
		return control.Monitor // always obeyed
	case control.CommandPause:
		return control.StopOnly
	case control.CommandResume, control.CommandSet, control.CommandHeat, control.CommandAcknowledge:
		return control.Adjust
	}
	return control.FullRemote
}

package link

import (
	"context"
	"errors"
	"strings"
	"time"

	"traction/control"
)

// act does one request and answers it. Remotely, the same id is done once
// (R-ONE-ACTION) and requests are limited in number. Pause is exempt from both, as
// it always acts; a stop has acted before it comes here (R-STOP-ALWAYS).
func (d *door) act(r *Request) Response {
	if d.origin == control.Table || r.Command == control.CommandPause {
		response, _ := d.submit(r)
		return response
	}
	// By id and contents: two clients may choose the same id for different things.
	response, err := d.memory.once(d.ctx, string(r.append(nil)), func() (Response, bool) {
		if !d.requestLimit.take(time.Now()) {
			return d.refuse(r, control.QueueFull), false
		}
		return d.submit(r)
	})
	if err != nil { // Serve ends
		return d.refuse(r, control.Unanswered)
	}
	return response
}

// submit hands the command to the executive. acted is false when it certainly
// did nothing.
func (d *door) submit(r *Request) (response Response, acted bool) {
	c, err := d.command(r)
	if err != nil {
		return d.withState(Refusal(r.ID, err)), false
	}
	ctx, cancel := context.WithTimeout(d.ctx, submitWait)
	defer cancel()
	reply, err := d.src.Submit(ctx, c)
	switch {
	case errors.Is(err, ErrQueueFull):
		return d.refuse(r, control.QueueFull), false
	case err != nil:
		d.note("command not answered", "command", r.Command.String(), "why", err.Error())
		return d.refuse(r, control.Unanswered), true
	}
	return Answer(r.ID, reply), true
}

// command makes the controller's command of a request, whose values are in their
// ranges; whether they may act is the controller's judgement.
func (d *door) command(r *Request) (control.Command, error) {
	c := control.Command{Kind: r.Command, Origin: d.origin, Set: r.settings(), Signed: r.Signature.by(d.key)}
	if r.Rev != nil {
		c.Rev = *r.Rev
	}
	if r.Heat != nil {
		c.Heat = *r.Heat
	}
	if r.Command != control.CommandSelect {
		return c, nil
	}
	p, err := d.lib.Programme(r.Programme)
	if err != nil {
		var bad problems
		bad.outOfRange("programme", "%s: %v; allowed: %s", excerpt(r.Programme), err, strings.Join(d.lib.Programmes(), ", "))
		return c, &bad
	}
	own := *p // the controller keeps it, the library may change it
	c.Programme = &own
	if r.BodyWeight != nil {
		c.Person.BodyWeight = weight(*r.BodyWeight)
	}
	if r.MaxForce != nil {
		c.Person.MaxForce = *r.MaxForce
	}
	return c, nil
}

// refuse answers without the controller.
func (d *door) refuse(r *Request, code control.Code) Response {
	return d.withState(Answer(r.ID, control.Reply{Kind: r.Command, Code: code}))
}

// withState adds the present rev and mode.
func (d *door) withState(r Response) Response {
	s := d.src.Snapshot()
	r.Rev, r.Mode = s.Rev, s.Mode
	return r
}

// note logs, but not more than a few lines a second: a client must not be able
// to fill the log.
func (d *door) note(what string, args ...any) {
	if d.noteLimit.take(time.Now()) {
		d.log.With("origin", d.origin.String()).Warn("link: "+what, args...)
	}
}

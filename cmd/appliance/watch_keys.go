package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"traction/control"
	"traction/control/link"
)

// ctrlC is what a terminal in raw mode sends in place of an interrupt.
const ctrlC = 3

// readKeys hands out what is typed. Where a terminal cannot be asked to give up a
// read, the last one outlives the view and ends with the next key.
func (w *watcher) readKeys(ctx context.Context, in *os.File) <-chan byte {
	keys := make(chan byte)
	context.AfterFunc(ctx, func() { _ = in.SetReadDeadline(time.Now()) })
	w.guard(func() {
		var b [16]byte
		for {
			n, err := in.Read(b[:])
			if err != nil {
				return // no keyboard any more; the view goes on
			}
			for _, k := range plainKeys(b[:n]) {
				select {
				case keys <- k:
				case <-ctx.Done():
					return
				}
			}
		}
	})
	return keys
}

// plainKeys leaves out the sequences of arrow and function keys (ECMA-48: escape,
// "[" or "O", and on to a letter or tilde), whose letters are none of ours.
func plainKeys(b []byte) []byte {
	var keys []byte
	for i := 0; i < len(b); i++ {
		if b[i] != 0x1b {
			keys = append(keys, b[i])
			continue
		}
		if i+1 == len(b) || b[i+1] != '[' && b[i+1] != 'O' {
			continue // the escape key itself, or held down with a letter
		}
		for i += 2; i < len(b) && (b[i] < '@' || b[i] > '~'); i++ {
		}
	}
	return keys
}

// press obeys a key and tells whether it was the one to leave.
func (w *watcher) press(ctx context.Context, key byte) (leave bool) {
	switch key {
	case 'p':
		w.ask(ctx, control.CommandPause)
	case 'r':
		w.ask(ctx, control.CommandResume)
	case 's', 'S', ' ':
		w.ask(ctx, control.CommandStop)
	case 'a':
		w.ask(ctx, control.CommandAcknowledge)
	case 'm':
		w.ask(ctx, control.CommandSilence)
	case 'q', 'Q':
		return w.opts.quit
	case ctrlC:
		w.opts.interrupt()
	}
	return false
}

// ask sends a command beside, decided on the state that is shown. One of each
// kind is under way at most.
func (w *watcher) ask(ctx context.Context, kind control.CommandKind) {
	if w.asking[kind] {
		return
	}
	client := w.client
	if client == nil && kind != control.CommandStop {
		w.say(fmt.Sprintf("%s: there is no contact with the control process", kind), true)
		return
	}
	if kind.NeedsRev() && w.view.lost > 0 {
		w.say(fmt.Sprintf("%s: what is shown is old, look again", kind), true)
		return
	}
	w.asking[kind] = true
	rev := w.view.state.Rev
	r := link.Request{Command: kind}
	if kind.NeedsRev() {
		r.Rev = &rev
	}
	// Leaving does not take back what was asked for; link bounds the time.
	ctx = context.WithoutCancel(ctx)
	w.asks.Add(1)
	w.guard(func() {
		defer w.asks.Done()
		a := answer{kind: kind}
		a.response, a.err = w.send(ctx, client, r)
		w.answers <- a // has room for one of each kind
	})
}

// send asks over the connection; a stop makes its own where there is none.
func (w *watcher) send(ctx context.Context, c *link.Client, r link.Request) (link.Response, error) {
	if c == nil {
		own, err := link.Dial(ctx, w.socket)
		if err != nil {
			return link.Response{}, err
		}
		defer own.Close() //nolint:errcheck // nothing is left to say to it
		c = own
	}
	return c.Request(ctx, r)
}

// answered shows an answer.
func (w *watcher) answered(a answer) {
	w.asking[a.kind] = false
	switch {
	case a.err != nil && a.kind == control.CommandStop:
		w.say("STOP MAY NOT HAVE ARRIVED: press the patient switch or the emergency stop now ("+a.err.Error()+")", true)
	case a.err != nil:
		w.say(fmt.Sprintf("%s: %v", a.kind, a.err), true)
	default:
		w.say(a.response.Message, a.response.Status != link.StatusOK)
	}
}

// say shows a text for a while.
func (w *watcher) say(text string, refused bool) {
	w.view.answer, w.view.refused, w.told = text, refused, time.Now()
}

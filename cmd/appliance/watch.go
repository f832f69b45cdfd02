package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"

	"traction/control"
	"traction/control/link"
)

// watchCommand shows the treatment live.
type watchCommand struct{ clientFlags }

func (c *watchCommand) Run(ctx context.Context) error {
	return runWatch(ctx, c.Socket, os.Stdout, os.Stdin, watchOptions{quit: true})
}

// watchOptions are what differs between those who watch.
type watchOptions struct {
	// quit lets q leave, and reconnects for as long as it takes.
	quit bool
	// until ends the view once a state that it is true for was shown; may be nil.
	until func(control.Snapshot) bool
	// interrupt is what Ctrl-C does; nil = it interrupts this process.
	interrupt func()
}

// liveView shows a treatment until ctx ends or a state that until is true for was
// shown. It can pause, resume, stop and acknowledge, but not be left before.
func liveView(ctx context.Context, socket string, until func(control.Snapshot) bool) error {
	return runWatch(ctx, socket, os.Stdout, os.Stdin, watchOptions{until: until})
}

// runWatch shows the table behind socketPath: on a terminal as a picture that
// moves, else as a line a second. Leaving it never stops a treatment.
func runWatch(ctx context.Context, socketPath string, out io.Writer, in *os.File, opts watchOptions) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	flags := clientFlags{Socket: socketPath}
	first, err := flags.dial(ctx)
	if err != nil {
		return err
	}
	w := newWatcher(socketPath, opts)
	var d display = &lineLog{out: out}
	var keys <-chan byte
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		s, err := openScreen(f, in)
		if err != nil {
			return errors.Join(fmt.Errorf("watch: %w", err), first.Close())
		}
		defer func() { err = errors.Join(err, s.close()) }() // on a panic too
		w.view.palette, d = s.palette, s
		if s.raw != nil {
			w.view.keys = keyHelp(opts.quit)
			keys = w.readKeys(ctx, in)
		}
	}
	return w.run(ctx, first, d, keys)
}

// keyHelp is the line that explains the keys; the one for stopping is there on the
// narrowest terminal.
func keyHelp(quit bool) string {
	if quit {
		return "s or space STOP  p pause  r resume  a acknowledge  m mute  q quit, it goes on"
	}
	return "s or space STOP  p pause  r resume  a acknowledge  m mute  Ctrl-C stop and end"
}

// display shows views, one every so often.
type display interface {
	every() time.Duration
	show(*view) error
}

// watcher follows the control process and hands what it learns to a display. Its
// fields belong to the goroutine of run.
type watcher struct {
	opts   watchOptions
	socket string
	view   view

	news    chan news
	answers chan answer
	failed  chan any // what another goroutine has panicked with

	client *link.Client // nil while there is no connection
	boot   string
	seen   time.Time // of the newest state
	told   time.Time // of the newest answer
	asking map[control.CommandKind]bool
	asks   sync.WaitGroup
}

// answer to a key.
type answer struct {
	kind     control.CommandKind
	response link.Response
	err      error
}

const (
	// answerShown is how long an answer stays on the screen.
	answerShown = 10 * time.Second
	// staleAfter is the age from which a state is not shown as the present one: many
	// times the interval at which it is told.
	staleAfter = 1500 * time.Millisecond
	// contactMost ends a view that cannot be left by a key.
	contactMost = 15 * time.Second
)

// errNoContact: the control process has gone for good.
var errNoContact = errors.New("watch: no contact with the control process any more")

func newWatcher(socket string, opts watchOptions) *watcher {
	if opts.interrupt == nil {
		opts.interrupt = func() { _ = syscall.Kill(os.Getpid(), syscall.SIGINT) } // to itself: never fails
	}
	return &watcher{opts: opts, socket: socket, view: view{trace: newTrace()}, news: make(chan news),
		answers: make(chan answer, control.CommandSilence+1), failed: make(chan any, 1),
		asking: map[control.CommandKind]bool{}, seen: time.Now()}
}

// run shows what happens until ctx ends, a key leaves or the end was shown.
func (w *watcher) run(ctx context.Context, first *link.Client, d display, keys <-chan byte) error {
	ctx, cancel := context.WithCancel(ctx)
	following := make(chan struct{})
	w.guard(func() { defer close(following); follow(ctx, w.socket, first, w.news) })
	defer func() {
		w.asks.Wait() // a stop that was asked for is sent before leaving; 5 s at most
		cancel()
		<-following
	}()
	ticker := time.NewTicker(d.every())
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case p := <-w.failed:
			panic(p)
		case n := <-w.news:
			if w.take(n); w.over() {
				w.age(time.Now())
				return d.show(&w.view)
			}
		case a := <-w.answers:
			w.answered(a)
		case k := <-keys:
			if w.press(ctx, k) {
				return nil
			}
		case now := <-ticker.C:
			w.age(now)
			if err := d.show(&w.view); err != nil {
				return fmt.Errorf("watch: %w", err)
			}
			if !w.opts.quit && now.Sub(w.seen) > contactMost {
				return errNoContact
			}
		}
	}
}

// guard runs f beside; its panic becomes one of run, which restores the terminal.
func (w *watcher) guard(f func()) {
	go func() {
		defer func() {
			if p := recover(); p != nil {
				w.failed <- p
			}
		}()
		f()
	}()
}

// take notes what the control process has told.
func (w *watcher) take(n news) {
	v := &w.view
	switch {
	case n.lost != nil:
		w.client, v.why = nil, n.lost.Error()
	case n.client != nil:
		h := n.client.Hello()
		w.client, v.why, v.table = n.client, "", h.Table
		if h.ID != w.boot { // times and numbers of another boot mean nothing here
			w.boot, v.known, v.events, v.trace = h.ID, false, nil, newTrace()
		}
	case n.update.Snapshot != nil:
		v.state, v.known = *n.update.Snapshot, true
		v.trace.add(&v.state)
		w.seen = time.Now()
	default:
		for _, e := range n.update.Events {
			v.note(e)
		}
	}
}

// over tells whether the state is there that the view was to last until.
func (w *watcher) over() bool {
	return w.opts.until != nil && w.view.known && w.view.lost == 0 && w.opts.until(w.view.state)
}

// age brings the view's times up to now.
func (w *watcher) age(now time.Time) {
	v := &w.view
	if v.lost = max(now.Sub(w.seen), 0); v.lost < staleAfter && w.client != nil {
		v.lost = 0
	}
	if v.answer != "" && now.Sub(w.told) > answerShown {
		v.answer = ""
	}
}

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/control/link"
)

// onFrame is a display that a test looks at.
type onFrame func(*view) error

func (f onFrame) every() time.Duration { return time.Millisecond }
func (f onFrame) show(v *view) error   { return f(v) }

// watching runs a watcher until look cancels, fails, or the view ends by itself.
func watching(t *testing.T, f clientFlags, opts watchOptions, keys <-chan byte, look func(v *view, cancel func()) error) error {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // only a broken watcher takes as long
	defer cancel()
	first, err := f.dial(ctx)
	require.NoError(t, err)
	ended := false
	err = newWatcher(f.Socket, opts).run(ctx, first, onFrame(func(v *view) error {
		return look(v, func() { ended = true; cancel() })
	}), keys)
	if !ended {
		require.NoError(t, ctx.Err(), "it never came to its end")
	}
	return err
}

func TestKeysGiveCommands(t *testing.T) {
	table, flags := played(t)
	keys := make(chan byte, 1)
	script := []struct {
		key  byte
		want string
	}{
		{'p', "pause: done"}, {'r', "resume: done"}, {'a', "acknowledge: done"}, {' ', "stop: "}, {'q', ""},
	}
	step, pressed := 0, false
	require.NoError(t, watching(t, flags, watchOptions{quit: true}, keys, func(v *view, _ func()) error {
		switch s := script[step]; {
		case !v.known:
		case !pressed:
			keys <- s.key
			pressed = true
		case s.want != "" && strings.HasPrefix(v.answer, s.want):
			assert.False(t, v.refused)
			step, pressed = step+1, false
		}
		return nil
	}))
	assert.Equal(t, len(script)-1, step)
	table.with(func(p *playedTable) {
		var got []control.CommandKind
		for _, c := range p.commands {
			got = append(got, c.Kind)
			assert.Equal(t, c.Kind != control.CommandPause, c.Rev == 42, "%v carries the rev that was shown", c.Kind)
		}
		assert.Equal(t, []control.CommandKind{control.CommandPause, control.CommandResume, control.CommandAcknowledge}, got)
		assert.Equal(t, 1, p.stops)
	})
}

// Who stops and leaves at once has still stopped; who only leaves has not.
func TestQuitting(t *testing.T) {
	for typed, want := range map[string]int{"sq": 1, "q": 0} {
		table, flags := played(t)
		keys := make(chan byte, 2)
		sent := false
		require.NoError(t, watching(t, flags, watchOptions{quit: true}, keys, func(v *view, _ func()) error {
			if v.known && !sent {
				sent = true
				for _, k := range []byte(typed) {
					keys <- k
				}
			}
			return nil
		}))
		table.with(func(p *playedTable) { assert.Equal(t, want, p.stops, typed) })
	}
}

func TestRefusalIsShown(t *testing.T) {
	table, flags := played(t)
	table.reply = func(*playedTable, control.Command) control.Reply { return control.Reply{Code: control.WrongMode} }
	keys := make(chan byte, 1)
	pressed := false
	require.NoError(t, watching(t, flags, watchOptions{quit: true}, keys, func(v *view, cancel func()) error {
		if v.known && !pressed {
			pressed = true
			keys <- 'p'
		}
		if v.refused {
			assert.Contains(t, v.answer, "pause is not possible")
			cancel()
		}
		return nil
	}))
}

func TestCtrlCInterrupts(t *testing.T) {
	_, flags := played(t)
	keys := make(chan byte, 2)
	keys <- 'q' // does not leave a view that waits for the end of a treatment
	keys <- ctrlC
	interrupted := false
	require.NoError(t, watching(t, flags, watchOptions{interrupt: func() { interrupted = true }}, keys, func(_ *view, cancel func()) error {
		if interrupted {
			cancel()
		}
		return nil
	}))
	assert.True(t, interrupted)
}

// The view ends with a frame that shows the end.
func TestViewLastsUntilTheEnd(t *testing.T) {
	table, flags := played(t)
	shown := control.Treating
	frames := 0
	opts := watchOptions{until: func(s control.Snapshot) bool { return s.Mode == control.Idle }}
	require.NoError(t, watching(t, flags, opts, nil, func(v *view, _ func()) error {
		if v.known {
			shown = v.state.Mode
			frames++
		}
		if frames == 3 {
			table.with(func(p *playedTable) { p.state.Mode, p.state.Rev = control.Idle, 43 })
		}
		return nil
	}))
	assert.Equal(t, control.Idle, shown)
}

// A control process that restarts is found again, as another boot.
func TestReconnects(t *testing.T) {
	old := newPlayedTable()
	old.events = []control.Event{{Seq: 1, Kind: control.EventTreatmentStarted, Treatment: 1}}
	socket := filepath.Join(t.TempDir(), operatorSocket)
	end := old.serve(t, socket)
	renewed := newPlayedTable()
	renewed.boot.ID = "another"
	renewed.state = control.Snapshot{At: time.Second, Rev: 7, Mode: control.Idle}
	renewed.events = []control.Event{{Seq: 1, Kind: control.EventBoot}}

	var over sync.Once
	gone, refused, back := false, false, false
	keys := make(chan byte, 1)
	err := watching(t, clientFlags{Socket: socket}, watchOptions{quit: true}, keys, func(v *view, cancel func()) error {
		switch {
		case v.known && len(v.events) == 1 && v.lost == 0 && v.state.Rev == 42 && !gone:
			over.Do(func() { go end() })
			gone = v.why != ""
		case v.lost > 0 && !refused:
			assert.NotEmpty(t, v.why)
			assert.Equal(t, " NO CONTACT ", firstOf(v.badge()))
			if v.answer == "" {
				select {
				case keys <- 'r':
				default:
				}
				return nil
			}
			assert.Contains(t, v.answer, "no contact")
			refused = true
			end() // it has ended by now; the socket is free
			renewed.serve(t, socket)
		case refused && v.known && v.state.Rev == 7 && len(v.events) == 1:
			back = true
			assert.Equal(t, control.EventBoot, v.events[0].Kind, "nothing of the other boot is left")
			assert.Nil(t, v.trace.at(int64(62*time.Second/dotTime)+1))
			cancel()
		}
		return nil
	})
	require.NoError(t, err)
	assert.True(t, back)
}

func firstOf[A, B any](a A, _ B) A { return a }

// With nobody to ask, a stop says what else there is.
func TestStopWithoutContact(t *testing.T) {
	w := newWatcher(filepath.Join(t.TempDir(), "none.sock"), watchOptions{quit: true})
	assert.False(t, w.press(t.Context(), 's'))
	w.answered(<-w.answers)
	assert.True(t, w.view.refused)
	assert.Contains(t, w.view.answer, "STOP MAY NOT HAVE ARRIVED: press the patient switch or the emergency stop now")
	assert.False(t, w.asking[control.CommandStop], "the key works again")
}

// A view that no key can leave ends when the control process is gone for good.
func TestNoContactEndsALiveView(t *testing.T) {
	_, flags := played(t)
	w := newWatcher(flags.Socket, watchOptions{})
	first, err := flags.dial(t.Context())
	require.NoError(t, err)
	require.NoError(t, first.Close())
	flags.Socket = filepath.Join(t.TempDir(), "none.sock")
	w.socket = flags.Socket
	w.seen = time.Now().Add(-contactMost)
	assert.ErrorIs(t, w.run(t.Context(), first, onFrame(func(*view) error { return nil }), nil), errNoContact)
}

func TestAgeing(t *testing.T) {
	w := newWatcher("", watchOptions{})
	w.client = new(link.Client)
	for _, c := range []struct{ age, want time.Duration }{
		{-time.Second, 0}, {staleAfter - 1, 0}, {staleAfter, staleAfter}, {time.Minute, time.Minute},
	} {
		w.age(w.seen.Add(c.age))
		assert.Equal(t, c.want, w.view.lost)
	}
	w.client = nil
	w.age(w.seen.Add(time.Millisecond))
	assert.Equal(t, time.Millisecond, w.view.lost, "without a connection nothing is present")

	w.say("pause: done", false)
	w.age(w.told.Add(answerShown))
	assert.NotEmpty(t, w.view.answer)
	w.age(w.told.Add(answerShown + 1))
	assert.Empty(t, w.view.answer)
}

func TestDisplayThatFails(t *testing.T) {
	_, flags := played(t)
	gone := errors.New("gone")
	err := watching(t, flags, watchOptions{quit: true}, nil, func(*view, func()) error { return gone })
	assert.ErrorIs(t, err, gone)
}

func TestPanicBesideReachesRun(t *testing.T) {
	_, flags := played(t)
	first, err := flags.dial(t.Context())
	require.NoError(t, err)
	w := newWatcher(flags.Socket, watchOptions{quit: true})
	w.guard(func() { panic("beside") })
	assert.PanicsWithValue(t, "beside", func() {
		_ = w.run(t.Context(), first, onFrame(func(*view) error { return nil }), nil)
	})
}

// Without a terminal there are lines to read.
func TestLinesForAPipe(t *testing.T) {
	_, flags := played(t)
	var out stopAt
	ctx, cancel := context.WithCancel(t.Context())
	out.text, out.stop = "treating, hold", cancel
	require.NoError(t, runWatch(ctx, flags.Socket, &out, os.Stdin, watchOptions{quit: true}))
	assert.NotContains(t, out.String(), "\x1b")
	assert.Contains(t, out.String(), "force 179.4 N, set-point 180.0 N, 0:46 left, limit 230 N (programme)\n")

	r, w, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, r.Close())
	t.Cleanup(func() { _ = w.Close() })
	assert.Error(t, runWatch(t.Context(), flags.Socket, w, nil, watchOptions{quit: true}), "the reader has gone")
	assert.NoError(t, (&lineLog{out: io.Discard}).show(scene(treatingState())))
}

func TestPlainKeys(t *testing.T) {
	for _, c := range []struct{ typed, want string }{
		{"s", "s"}, {"p r", "p r"}, {"\x1b[A", ""}, {"\x1bOP", ""}, {"\x1b[15~q", "q"}, {"\x1b", ""}, {"\x1bs", "s"},
		{"\x1b[1;5A s", " s"}, {"\x1b[", ""}, {"\x03", "\x03"},
	} {
		assert.Equal(t, c.want, string(plainKeys([]byte(c.typed))), "%q", c.typed)
	}
}

func FuzzPlainKeys(f *testing.F) {
	f.Add([]byte("\x1b[1;5A s"))
	f.Fuzz(func(t *testing.T, typed []byte) {
		keys := plainKeys(typed)
		assert.LessOrEqual(t, len(keys), len(typed))
		assert.NotContains(t, string(keys), "\x1b")
		if !bytes.ContainsRune(typed, 0x1b) {
			assert.Equal(t, string(typed), string(keys), "a plain key is never lost")
		}
	})
}

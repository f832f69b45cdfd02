//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"traction/control"
)

// pseudo is a terminal of 80x24 whose screen a test reads.
type pseudo struct {
	terminal, keyboard *os.File
	mu                 sync.Mutex
	seen               bytes.Buffer
	until              map[string]func()
	done               chan struct{}
}

func newPseudo(t *testing.T) *pseudo {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	fd := int(master.Fd())
	require.NoError(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	require.NoError(t, err)
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}))
	p := &pseudo{terminal: slave, keyboard: master, until: map[string]func(){}, done: make(chan struct{})}
	go p.read()
	t.Cleanup(func() { _ = master.Close() })
	return p
}

// read collects what is written to the terminal until that is closed.
func (p *pseudo) read() {
	defer close(p.done)
	b := make([]byte, 4096)
	for {
		n, err := p.keyboard.Read(b)
		p.mu.Lock()
		p.seen.Write(b[:n])
		for text, f := range p.until {
			if bytes.Contains(p.seen.Bytes(), []byte(text)) {
				delete(p.until, text)
				f()
			}
		}
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// when calls f once text was written.
func (p *pseudo) when(text string, f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until[text] = f
}

// text is all that was written; the terminal is closed with it.
func (p *pseudo) text(t *testing.T) string {
	// A read that the view has left behind ends with the next line typed.
	_, err := p.keyboard.WriteString("\n")
	require.NoError(t, err)
	require.NoError(t, p.terminal.Close())
	<-p.done
	return p.seen.String()
}

func TestTerminalIsGivenBack(t *testing.T) {
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	for _, c := range []struct {
		name string
		end  func(p *pseudo, cancel func(), opts *watchOptions)
	}{
		{"q", func(p *pseudo, _ func(), _ *watchOptions) {
			p.when("TREATING", func() { _, _ = p.keyboard.WriteString("q") })
		}},
		{"Ctrl-C", func(p *pseudo, cancel func(), opts *watchOptions) {
			opts.interrupt = cancel
			p.when("TREATING", func() { _, _ = p.keyboard.Write([]byte{ctrlC}) })
		}},
		{"signal", func(p *pseudo, cancel func(), _ *watchOptions) { p.when("TREATING", cancel) }},
		{"panic", func(_ *pseudo, _ func(), opts *watchOptions) {
			opts.until = func(control.Snapshot) bool { panic("in the middle") }
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, flags := played(t)
			p := newPseudo(t)
			before, err := term.GetState(int(p.terminal.Fd()))
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			opts := watchOptions{quit: true}
			c.end(p, cancel, &opts)
			if c.name == "panic" {
				assert.PanicsWithValue(t, "in the middle", func() { _ = runWatch(ctx, flags.Socket, p.terminal, p.terminal, opts) })
			} else {
				require.NoError(t, runWatch(ctx, flags.Socket, p.terminal, p.terminal, opts))
			}
			after, err := term.GetState(int(p.terminal.Fd()))
			require.NoError(t, err)
			assert.Equal(t, before, after)
			text := p.text(t)
			assert.Contains(t, text, enterScreen)
			assert.Contains(t, text, leaveScreen)
			if c.name != "panic" {
				assert.Contains(t, text, "\x1b[1;30;42m TREATING ")
				assert.Contains(t, text, leaveScreen+"The table is treating, force 179.4 N, 0:46 left; the treatment goes on.")
			}
		})
	}
}

// A frame is drawn anew when the terminal changes its size, and else only where
// it differs.
func TestScreenFollowsTheSize(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	p := newPseudo(t)
	s, err := openScreen(p.terminal, nil)
	require.NoError(t, err)
	v := scene(treatingState())
	v.palette = s.palette
	assert.Equal(t, monochrome, s.palette)
	require.NoError(t, s.show(v))
	assert.Len(t, s.shown, 24)
	require.NoError(t, unix.IoctlSetWinsize(int(p.terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 120}))
	require.NoError(t, s.show(v))
	assert.Len(t, s.shown, 40)
	first := len(s.shown)
	v.state.Mode = control.Paused
	require.NoError(t, s.show(v))
	assert.Equal(t, first, len(s.shown))
	require.NoError(t, s.close())
	require.NoError(t, s.close(), "twice does no harm")
	text := p.text(t)
	assert.Equal(t, 3, bytes.Count([]byte(text), []byte("\x1b[2J")), "on entering and for each size")
	assert.Equal(t, 2, bytes.Count([]byte(text), []byte("\x1b[20;1H")), "line 20 has not changed with the mode")
	assert.Equal(t, 1, bytes.Count([]byte(text), []byte(leaveScreen)))
}

package parts

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// shown is how much of a process's output, at its end, a failed test logs: 32 KiB.
const shown = 32 << 10

// outlive is how long a process's output may stay open after its end, because
// another one that it has started still holds it.
const outlive = 10 * time.Second

// Output collects what processes say; it can be read while they run.
type Output struct {
	mu     sync.Mutex
	b      bytes.Buffer
	logged int // length when it was last logged
}

// Write takes what a process says.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

// String is all so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// Log puts the end of it, at most 32 KiB, into a failed test's log, but never twice
// the same. Who has said it is told there.
func (o *Output) Log(t testing.TB, who string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if said := o.b.String(); len(said) > o.logged {
		o.logged = len(said)
		t.Logf("%s said at last:\n%s", who, said[max(0, len(said)-shown):])
	}
}

// Process is a program that runs. Its methods are for one goroutine, but for Alive.
type Process struct {
	Cmd *exec.Cmd
	// Said is what it has said: on both ways, or on standard error if the command was
	// given another place for its standard output.
	Said *Output

	t    testing.TB
	gone chan struct{} // closed once it has ended
	err  error         // how, afterwards
}

// Start runs a command until End, Kill or the end of the test t, which may be the
// parent of the one that runs. If the test failed, what it said is logged. An
// *Output may be given to the command as its standard error, to collect what
// several say. A command that cannot be started fails the test, and has ended.
func Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{Cmd: cmd, t: t, gone: make(chan struct{})}
	var given bool
	if p.Said, given = cmd.Stderr.(*Output); !given {
		p.Said = new(Output)
		cmd.Stderr = p.Said
	}
	if cmd.Stdout == nil {
		cmd.Stdout = p.Said
	}
	cmd.WaitDelay = outlive
	if p.err = cmd.Start(); p.err != nil {
		t.Errorf("%s: %v", cmd.Path, p.err) // no more: to end a parent test is not allowed
		close(p.gone)
		return p
	}
	go func() {
		p.err = cmd.Wait()
		close(p.gone)
	}()
	t.Cleanup(func() {
		p.End()
		if t.Failed() {
			p.Said.Log(t, p.String())
			if out, ours := cmd.Stdout.(*Output); ours {
				out.Log(t, p.String())
			}
		}
	})
	return p
}

// String is its command.
func (p *Process) String() string {
	return fmt.Sprintf("%s %q", filepath.Base(p.Cmd.Path), p.Cmd.Args[1:])
}

// Alive tells whether it has not ended yet.
func (p *Process) Alive() bool {
	select {
	case <-p.gone:
		return false
	default:
		return true
	}
}

// Signal sends one; that it has ended before fails the test.
func (p *Process) Signal(t testing.TB, s os.Signal) {
	t.Helper()
	if !p.Alive() {
		t.Fatalf("%s has ended before %v: %v", p, s, p.err)
	}
	if err := p.Cmd.Process.Signal(s); err != nil {
		t.Fatalf("%s: %v", p, err)
	}
}

// Kill ends it without a word, unless it has ended.
func (p *Process) Kill() {
	if p.Alive() {
		_ = p.Cmd.Process.Kill() // it may just have ended
		<-p.gone
	}
}

// End asks it to end, unless it has, and waits for that; Wait tells how it ended. One
// that does not within Patience is killed, and the test that it was started for fails.
func (p *Process) End() {
	p.t.Helper()
	if p.Alive() {
		_ = p.Cmd.Process.Signal(syscall.SIGTERM) // it may just have ended
	}
	select {
	case <-p.gone:
	case <-time.After(Patience):
		p.t.Errorf("%s did not end when it was asked to", p)
		p.Kill()
	}
}

// Wait waits until it has ended and returns how. One that does not within Patience
// ends the test.
func (p *Process) Wait(t testing.TB) error {
	t.Helper()
	select {
	case <-p.gone:
	case <-time.After(Patience):
		t.Fatalf("%s did not end", p)
	}
	return p.err
}

// Succeed waits until a program that ends by itself has ended well.
func (p *Process) Succeed(t testing.TB) {
	t.Helper()
	if err := p.Wait(t); err != nil {
		t.Fatalf("%s: %v", p, err)
	}
}

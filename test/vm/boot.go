//go:build linux

package vm

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Guest says what is to be booted.
type Guest struct {
	Memory int           // MiB; 0 means 256
	Limit  time.Duration // after which it is killed; 0 means 2 min
	Append string        // further words of the kernel's command line
	Args   []string      // further arguments of QEMU
	// Counted lets the guest's time pass by the instructions that its one processor
	// takes, a nanosecond each, so that it never stands still because the machine
	// has other things to do, and shows the same times on every machine.
	Counted bool
	// Fill puts everything but the console into the initramfs, /init included.
	Fill func(*Archive)
}

// Machine is a guest that runs.
type Machine struct {
	t       testing.TB
	console string
	lines   chan string
	seen    []string // of lines, for Dump
	end     error    // how QEMU ended, once lines is closed
	stop    context.CancelFunc
	done    chan struct{}
}

// waitDelay is how long QEMU's output may outlive it.
const waitDelay = 5 * time.Second

// backlog is how many lines of the report may wait for the test before the
// guest has to.
const backlog = 10_000

// Boot starts a guest. It has ended, or is killed, when the test ends; if the
// test failed the report's and the console's last lines are logged.
func (p Parts) Boot(t testing.TB, g Guest) *Machine {
	t.Helper()
	dir := t.TempDir()
	initramfs := filepath.Join(dir, "initramfs")
	if err := pack(initramfs, g.Fill); err != nil {
		t.Fatal(err)
	}
	limit := g.Limit
	if limit == 0 {
		limit = 2 * time.Minute
	}
	ctx, stop := context.WithTimeout(context.Background(), limit)
	m := &Machine{
		t: t, console: filepath.Join(dir, "console"), lines: make(chan string, backlog), stop: stop, done: make(chan struct{}),
	}
	cmd := exec.CommandContext(ctx, p.QEMU, g.args(p.Kernel, initramfs, m.console)...)
	cmd.WaitDelay = waitDelay
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // should the test itself be killed
	var errors strings.Builder
	cmd.Stderr = &errors
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		stop()
		t.Fatalf("%s: %v", p.QEMU, err)
	}
	go func() {
		defer close(m.done)
		defer close(m.lines)
		scanner := bufio.NewScanner(out)
		for scanner.Scan() {
			select {
			case m.lines <- strings.TrimSuffix(scanner.Text(), "\r"):
			case <-ctx.Done():
			}
		}
		m.end = ended(ctx, cmd.Wait(), limit, errors.String())
	}()
	t.Cleanup(m.close)
	return m
}

// args is QEMU's command line. KVM is not used: guests crashed under it where
// machines are virtual themselves.
func (g Guest) args(kernel, initramfs, console string) []string {
	memory := g.Memory
	if memory == 0 {
		memory = 256
	}
	line := strings.TrimSpace("console=ttyS0 panic=-1 quiet mitigations=off " + g.Append)
	processors := []string{"-accel", "tcg,thread=multi", "-smp", "2"}
	if g.Counted { // more than one processor does not boot so
		processors = []string{"-accel", "tcg,thread=single", "-smp", "1", "-icount", "shift=0,sleep=off"}
	}
	return slices.Concat(processors, []string{
		"-M", "q35", "-m", fmt.Sprint(memory),
		"-nodefaults", "-display", "none", "-no-reboot",
		"-serial", "file:" + console, "-chardev", "stdio,id=report,signal=off", "-serial", "chardev:report",
		"-kernel", kernel, "-initrd", initramfs, "-append", line,
	}, g.Args)
}

func pack(file string, fill func(*Archive)) error {
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("vm: initramfs: %w", err)
	}
	a := NewArchive(f)
	fill(a)
	return errors.Join(a.Close(), f.Close())
}

func ended(ctx context.Context, err error, limit time.Duration, text string) error {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("vm: the guest was killed after %s", limit)
	case err != nil:
		return fmt.Errorf("vm: QEMU: %w: %s", err, strings.TrimSpace(text))
	}
	return nil
}

// Next returns the report's next line; ok is false when the guest has ended.
func (m *Machine) Next() (line string, ok bool) {
	line, ok = <-m.lines
	if ok {
		m.seen = append(m.seen, line)
	}
	return line, ok
}

// Until reads the report up to a line that begins so, and returns it and the
// lines before it. The test ends when the guest does before that.
func (m *Machine) Until(prefix string) (line string, before []string) {
	m.t.Helper()
	for {
		line, ok := m.Next()
		if !ok {
			m.t.Fatalf("the guest ended (%v) before it reported %q", m.end, prefix)
		}
		if strings.HasPrefix(line, prefix) {
			return line, before
		}
		before = append(before, line)
	}
}

// Wait reads the rest of the report, until the guest has powered off, and
// returns it. The error says how the guest ended otherwise.
func (m *Machine) Wait() (rest []string, err error) {
	for line, ok := m.Next(); ok; line, ok = m.Next() {
		rest = append(rest, line)
	}
	return rest, m.end
}

// Console is what the kernel's console has shown so far.
func (m *Machine) Console() string {
	text, err := os.ReadFile(m.console)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// shown is how many lines of report and console a failure shows.
const shown = 200

func (m *Machine) close() {
	m.stop()
	for range m.lines { // empties it, so that the reader can end
	}
	<-m.done
	if m.t.Failed() {
		m.t.Logf("the report's last lines:\n%s\nthe console's:\n%s", last(m.seen), last(strings.Split(m.Console(), "\n")))
	}
}

func last(lines []string) string {
	return strings.Join(lines[max(0, len(lines)-shown):], "\n")
}

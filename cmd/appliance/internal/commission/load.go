package commission

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// burdens are processes of ordinary priority that keep the computer busy while
// lateness is measured. They are killed whatever happens: by stop, by the end of
// their input when this process dies in any way, and by their own clock.
type burdens struct {
	running []*burden
	folder  string // that the disk is written in
	failed  []string
}

// burden is one of them.
type burden struct {
	kind     string
	cmd      *exec.Cmd
	lifeline io.Closer
	said     bytes.Buffer
	ended    chan error
}

// beyond is how long a burden outlives what it was started for, at most.
const beyond = 30 * time.Second

// burden starts all kinds for d; what cannot be started is told in the finding.
func (m *Machine) burden(d time.Duration, folders ...string) *burdens {
	b := &burdens{folder: writable(folders...)}
	for _, kind := range Burdens {
		if kind == "disk" && b.folder == "" {
			b.failed = append(b.failed, "disk: no folder can be written to")
			continue
		}
		one, err := startBurden(kind, m.Probe("burden", "--kind="+kind, "--folder="+b.folder, "--for="+(d+beyond).String()))
		if err != nil {
			b.failed = append(b.failed, fmt.Sprintf("%s: %v", kind, err))
			continue
		}
		b.running = append(b.running, one)
	}
	return b
}

func startBurden(kind string, cmd *exec.Cmd) (*burden, error) {
	one := &burden{kind: kind, cmd: cmd, ended: make(chan error, 1)}
	cmd.Stderr = &one.said
	lifeline, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	one.lifeline = lifeline
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, lifeline.Close())
	}
	go func() { one.ended <- cmd.Wait() }()
	return one, nil
}

// stop kills all of them and waits for that. One that has ended before is a
// failure. It may be called twice.
func (b *burdens) stop() {
	for _, one := range b.running {
		select {
		case err := <-one.ended:
			b.failed = append(b.failed, fmt.Sprintf("%s: ended early: %v %s", one.kind, err, lastLine(one.said.String())))
			continue
		default:
		}
		_ = one.cmd.Process.Kill() // no process can refuse it
		<-one.ended
		_ = one.lifeline.Close() // Wait has closed it
	}
	b.running = nil
}

// finding tells what the computer was busy with.
func (b *burdens) finding(r *Report, d time.Duration) {
	if len(b.failed) > 0 {
		r.add("load", Warn, "mend that, and check again: lateness without load says little", "not all of it: %s", strings.Join(b.failed, "; "))
		return
	}
	r.add("load", Pass, "", "%s of %s at ordinary priority, flushed in %s, and ended", d, strings.Join(Burdens, ", "), b.folder)
}

// writable is the first of the folders, or of those above each, in which a file
// can be made; "" when there is none.
func writable(folders ...string) string {
	for _, folder := range append(folders, os.TempDir()) {
		for {
			if CanWrite(folder) == nil {
				return folder
			}
			above := filepath.Dir(folder)
			if above == folder || above == "/" {
				break
			}
			folder = above
		}
	}
	return ""
}

// CanWrite tries to make, flush and remove a small file in a folder: permission,
// room and a disk that takes what is written to it.
func CanWrite(folder string) error {
	f, err := os.CreateTemp(folder, ".appliance-check-*")
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, 4096))
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

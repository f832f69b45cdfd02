package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// terminate asks a child for an orderly end.
var terminate os.Signal = syscall.SIGTERM

// ownGroup keeps the terminal's Ctrl-C away from a child.
func ownGroup(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// child is one of the appliance's processes.
type child struct {
	name   string
	cmd    *exec.Cmd
	log    *os.File
	exited chan struct{}
	err    error
	once   sync.Once
}

// spawn starts this very program with other arguments. Its output goes to a log
// in dir. Ctrl-C does not reach it: the demo releases first.
func spawn(dir string, args ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, args[0]+".log"))
	if err != nil {
		return nil, err
	}
	c := &child{name: args[0], cmd: exec.Command(self, args...), log: log, exited: make(chan struct{})}
	c.cmd.Stdout, c.cmd.Stderr = log, log
	ownGroup(c.cmd)
	if err := c.cmd.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.exited)
	}()
	return c, nil
}

// failed tells how the process ended, or nil while it runs.
func (c *child) failed() error {
	select {
	case <-c.exited:
	default:
		return nil
	}
	said, _ := os.ReadFile(c.log.Name())
	lines := bytes.Split(bytes.TrimSpace(said), []byte("\n"))
	return fmt.Errorf("%s ended: %v: %s", c.name, c.err, lines[len(lines)-1])
}

// end asks the process to end and waits; one that does not is killed.
func (c *child) end() (err error) {
	if c == nil {
		return nil
	}
	c.once.Do(func() {
		_ = c.cmd.Process.Signal(terminate) // it may have ended by itself
		select {
		case <-c.exited:
			err = c.err
		case <-time.After(releaseMost):
			err = errors.Join(fmt.Errorf("%s did not end and was killed", c.name), c.cmd.Process.Kill())
		}
		err = errors.Join(err, c.log.Close())
	})
	return err
}

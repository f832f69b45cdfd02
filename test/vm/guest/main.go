//go:build linux

// The first process of a guest: it loads the modules, makes the chips, runs
// what the plan says, reports all of it on the second serial port, and powers
// the guest off.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"traction/test/vm/gpiosim"
	"traction/test/vm/plan"
)

func main() {
	report, err := start()
	if err != nil {
		fmt.Printf("%s%v\n", plan.Broken, err) // on the console, as there is no report
	} else {
		run(report)
	}
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

// start mounts what every program expects and opens the report.
func start() (*os.File, error) {
	for _, m := range []struct{ kind, at string }{{"devtmpfs", "/dev"}, {"proc", "/proc"}, {"sysfs", "/sys"}, {"tmpfs", "/tmp"}} {
		if err := mount(m.kind, m.at); err != nil {
			return nil, err
		}
	}
	report, err := os.OpenFile(plan.Report, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	_, err = term.MakeRaw(int(report.Fd())) // a line is a line, and control characters are what they are
	return report, err
}

func mount(kind, at string) error {
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(kind, at, kind, 0, ""); err != nil {
		return fmt.Errorf("mount %s at %s: %w", kind, at, err)
	}
	return nil
}

func run(report *os.File) {
	say := func(format string, args ...any) { fmt.Fprintf(report, "\n"+format+"\n", args...) }
	p, err := prepare()
	if err != nil {
		say("%s%v", plan.Broken, err)
		return
	}
	for _, s := range p.Steps {
		say("%s%s", plan.Begin, s.Name)
		say("%s%s: %s", plan.End, s.Name, take(s, report))
	}
	say(plan.Done)
}

// prepare reads the plan and loads its modules. configfs can be mounted only
// once its module is there.
func prepare() (p plan.Plan, err error) {
	data, err := os.ReadFile(plan.File)
	if err == nil {
		err = json.Unmarshal(data, &p)
	}
	for _, name := range p.Modules {
		if err == nil {
			err = load(filepath.Join(plan.Modules, name))
		}
	}
	for _, m := range []struct{ kind, at string }{{"configfs", "/sys/kernel/config"}, {"tracefs", "/sys/kernel/tracing"}} {
		if err == nil {
			err = mount(m.kind, m.at)
		}
	}
	return p, err
}

func load(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.FinitModule(int(f.Fd()), "", 0); err != nil {
		return fmt.Errorf("module %s: %w", file, err)
	}
	return nil
}

// take carries out a step and says how its program ended.
func take(s plan.Step, report io.Writer) string {
	for _, name := range s.Gone {
		if err := gpiosim.Remove(name); err != nil {
			return err.Error()
		}
	}
	for _, c := range s.Chips {
		if _, err := c.Make(); err != nil {
			return err.Error()
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.Limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.Args[0], s.Args[1:]...)
	cmd.Stdout, cmd.Stderr = report, report
	cmd.Dir = "/tmp"
	cmd.Env = append([]string{"PATH=/bin:/usr/bin", "HOME=/tmp"}, s.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: s.User, Gid: s.User}}
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return fmt.Sprintf("killed after %s", s.Limit)
	case err != nil:
		return strings.TrimPrefix(err.Error(), "exit status ")
	}
	return "0"
}

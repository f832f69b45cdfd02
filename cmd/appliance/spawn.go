package main

import (
	"os"
	"os/exec"
	"syscall"
)

// terminate asks a child for an orderly end.
var terminate os.Signal = syscall.SIGTERM

// ownGroup keeps the terminal's Ctrl-C away from a child.
func ownGroup(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

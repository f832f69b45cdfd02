package main

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/cmd/appliance/internal/health"
	"traction/test/parts"
)

// standIn writes a program of one line of shell.
func standIn(t *testing.T, name, line string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+line+"\n"), 0o755))
	return path
}

// TestHealthy asks a real control process, and then one that has stopped moving.
func TestHealthy(t *testing.T) {
	dir := t.TempDir()
	control := start(t, "control", "--simulate", "--run-dir", dir)
	dial(t, dir)
	active := standIn(t, "systemctl", "echo ActiveState=active; echo InvocationID=1")
	c := healthyCommand{Socket: filepath.Join(dir, operatorSocket), For: time.Second, Within: parts.Patience, Systemctl: active, Units: []string{"a.service"}}
	var out bytes.Buffer
	require.NoError(t, c.run(t.Context(), &out))
	assert.Equal(t, "well for 1s: control makes ticks, and all services run\n", out.String())

	c.Within = 3 * time.Second
	failed := c
	failed.Systemctl = standIn(t, "systemctl", "echo ActiveState=failed")
	err := failed.run(t.Context(), &out)
	require.ErrorIs(t, err, health.ErrUnwell)
	assert.ErrorContains(t, err, "a.service is failed")

	control.Signal(t, syscall.SIGSTOP) // hangs: it makes no tick and answers nobody
	defer func() { _ = control.Cmd.Process.Signal(syscall.SIGCONT) }()
	require.ErrorIs(t, c.run(t.Context(), &out), health.ErrUnwell)
	control.Signal(t, syscall.SIGCONT)
	require.True(t, control.Alive())
	control.Kill()
	err = c.run(t.Context(), &out)
	require.ErrorIs(t, err, health.ErrUnwell)
	assert.ErrorContains(t, err, "no appliance control is running")
}

func TestHealthyRefusesTimesThatCannotBe(t *testing.T) {
	for _, c := range []healthyCommand{
		{For: 0, Within: time.Minute}, {For: 2 * time.Hour, Within: 2 * time.Hour},
		{For: time.Minute, Within: time.Second}, {For: time.Minute, Within: 3 * time.Hour},
	} {
		assert.ErrorContains(t, c.run(t.Context(), &bytes.Buffer{}), "allowed:")
	}
}

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"

	"traction/control"
	"traction/control/link"
	"traction/hw"
	"traction/hw/board"
	"traction/test/parts"
)

// wire is a line of a computer that other goroutines press or look at.
type wire struct {
	gpio.PinIO
	high atomic.Bool
}

func newWire(high bool) *wire {
	w := &wire{PinIO: gpio.INVALID}
	w.high.Store(high)
	return w
}

func (w *wire) In(gpio.Pull, gpio.Edge) error { return nil }
func (w *wire) Read() gpio.Level              { return gpio.Level(w.high.Load()) }
func (w *wire) Out(l gpio.Level) error        { w.high.Store(bool(l)); return nil }

// benchSettings are the shipped ones with sockets and a calibration in dir.
func benchSettings(t *testing.T, dir string) string {
	t.Helper()
	data, err := os.ReadFile("../../systemd/traction.toml")
	require.NoError(t, err)
	text := strings.NewReplacer("/run/traction/operator/control.sock", filepath.Join(dir, operatorSocket),
		"/run/traction/gateway/control.sock", filepath.Join(dir, gatewaySocket), "/var/lib/traction/", dir+"/",
		`heat = ""`, `heat = "GPIO23"`, "present = false", "present = true", "allow_no_realtime = false", "allow_no_realtime = true", `proof_of_release = "16 h"`, `proof_of_release = "0 s"`).Replace(string(data))
	path := filepath.Join(dir, "traction.toml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func benchCommand(config string) *controlCommand {
	return &controlCommand{Config: config, KernelLines: true, Table: "plain", Patient: "median", Seed: 1, Stalls: "wait", RunDir: defaultRunDir, Remote: defaultRemote}
}

// TestBench starts a treatment at the sockets of the settings, with switches and
// outputs of lines that are no simulation, and ends it by its emergency stop.
func TestBench(t *testing.T) {
	dir := t.TempDir()
	lines := make(chan board.Lines, 1)
	pins := hw.Pins{Enable: newWire(true), ChargePump: newWire(true),
		PatientSwitch: newWire(false), EmergencyStop: newWire(false), StartButton: newWire(true), EndSlack: newWire(false), EndPull: newWire(false)}
	level := func(p gpio.PinIO) *atomic.Bool { return &p.(*wire).high }
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- benchCommand(benchSettings(t, dir)).bench(ctx, func(l board.Lines) (hw.Pins, error) { lines <- l; return pins, nil })
	}()
	c := dial(t, dir)
	assert.Equal(t, version+"-bench", c.Hello().Version)
	assert.Equal(t, "table-1", c.Hello().Table)
	asked := <-lines
	assert.Equal(t, "GPIO22", asked.Enable)
	assert.Empty(t, asked.CellClock+asked.CellData)
	assert.Empty(t, asked.Step+asked.Dir+asked.Heat, "nothing turns or heats by what is simulated")
	order(t, c, link.Request{Command: control.CommandAcknowledge}, func(s *control.Snapshot) bool { return s.Missing&control.MissingCell == 0 })
	order(t, c, link.Request{Command: control.CommandSelect, Programme: "demo"}, func(s *control.Snapshot) bool { return s.Trips == 0 })
	order(t, c, link.Request{Command: control.CommandArm}, func(s *control.Snapshot) bool { return s.Missing == 0 })
	until(t, c, "armed", func(s *control.Snapshot) bool { return s.Mode == control.Armed })
	level(pins.PatientSwitch).Store(true)
	until(t, c, "the switch pressed", func(s *control.Snapshot) bool { return s.Switches.Patient })
	level(pins.PatientSwitch).Store(false)
	order(t, c, link.Request{Command: control.CommandStart}, func(s *control.Snapshot) bool { return s.Missing == 0 })
	until(t, c, "treating", func(s *control.Snapshot) bool { return s.Mode == control.Treating })
	assert.True(t, level(pins.Enable).Load())
	level(pins.EmergencyStop).Store(true)
	until(t, c, "tripped", func(s *control.Snapshot) bool { return s.Mode == control.Tripped })
	assert.False(t, level(pins.Enable).Load())
	stop()
	select {
	case err := <-ended:
		assert.NoError(t, err)
	case <-time.After(parts.Patience):
		t.Fatal("it does not end")
	}
}

// TestBenchIsRefused where it would move a real table or mean nothing.
func TestBenchIsRefused(t *testing.T) {
	dir := t.TempDir()
	config := benchSettings(t, dir)
	missing := errors.New(`line "GPIO22" is missing`)
	refused := func(c *controlCommand) string {
		err := c.bench(context.Background(), func(board.Lines) (hw.Pins, error) { return hw.Pins{}, missing })
		require.Error(t, err)
		return err.Error()
	}
	assert.Contains(t, refused(benchCommand(config)), missing.Error())

	c := benchCommand(config)
	c.Simulate, c.RunDir, c.Remote, c.Programmes, c.RequestKeyFile = true, dir, "stop", dir, config
	for _, flag := range []string{"--simulate", "--run-dir", "--remote", "--programmes", "--request-key-file"} {
		assert.Contains(t, refused(c), flag+": ")
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "calibration.toml"), []byte("anything"), 0o600))
	assert.Contains(t, refused(benchCommand(config)), "calibration.toml is there, so these lines belong to a real table")
}

package commission

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"

	"traction/control/link"
	"traction/hw"
	"traction/hw/board"
)

// wire remembers its level; everything but writing fails.
type wire struct {
	gpio.PinIO
	level gpio.Level
}

func (w *wire) Out(l gpio.Level) error { w.level = l; return nil }

// wires are the lines of a board after a crash: high, and perhaps not to be had.
type wires struct {
	mu    sync.Mutex
	pins  map[string]*wire
	busy  string
	hangs string
	until chan struct{}
}

func (w *wires) open(l board.Lines) (hw.Pins, error) {
	var p hw.Pins
	for _, o := range []struct {
		name string
		pin  *gpio.PinIO
	}{{l.Enable, &p.Enable}, {l.Heat, &p.Heat}, {l.ChargePump, &p.ChargePump}, {l.Step, &p.Step}, {l.Dir, &p.Dir}, {l.Buzzer, &p.Buzzer},
		{l.LampAlarm, &p.LampAlarm}, {l.LampCaution, &p.LampCaution}, {l.CellClock, &p.CellClock}} {
		switch o.name {
		case "":
		case w.busy:
			return hw.Pins{}, errors.New(o.name + " is busy")
		case w.hangs:
			<-w.until
		default:
			w.mu.Lock()
			pin := &wire{PinIO: gpio.INVALID, level: gpio.High}
			w.pins[o.name] = pin
			w.mu.Unlock()
			*o.pin = pin
		}
	}
	return p, nil
}

func (w *wires) written() (names []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, p := range w.pins {
		if p.level == gpio.Low {
			names = append(names, name)
		}
	}
	return names
}

// shipped is the settings file that comes with the program.
const shipped = "../../../../systemd/traction.toml"

var shippedOutputs = []string{"GPIO22", "GPIO26", "GPIO17", "GPIO27", "GPIO18", "GPIO24", "GPIO25", "GPIO21"}

func safe(t *testing.T, w *wires, path string) (string, error) {
	w.pins = map[string]*wire{}
	var out strings.Builder
	err := Safe(&out, path, "/usual/traction.toml", w.open)
	return out.String(), err
}

func TestSafeWritesEveryOutputAndNothingElse(t *testing.T) {
	var w wires
	out, err := safe(t, &w, shipped)
	require.NoError(t, err)
	assert.ElementsMatch(t, shippedOutputs, w.written())
	assert.Len(t, w.pins, len(shippedOutputs), "inputs are left alone")
	assert.True(t, strings.HasPrefix(out, "safe: enable (GPIO22): low\n"), "the motor first: %s", out)
}

func TestOneBusyLineKeepsNoOtherFromBeingWritten(t *testing.T) {
	w := wires{busy: "GPIO22"}
	out, err := safe(t, &w, shipped)
	assert.ErrorIs(t, err, ErrNotSafe)
	assert.Contains(t, out, "enable (GPIO22): FAILED: GPIO22 is busy")
	assert.ElementsMatch(t, shippedOutputs[1:], w.written())
}

func TestOneLineThatHangsKeepsNoOtherFromBeingWritten(t *testing.T) {
	w := wires{hangs: "GPIO22", until: make(chan struct{})}
	defer close(w.until)
	out, err := safe(t, &w, shipped)
	assert.ErrorIs(t, err, ErrNotSafe)
	assert.Contains(t, out, "enable (GPIO22): FAILED: no answer within 2s")
	assert.ElementsMatch(t, shippedOutputs[1:], w.written())
}

func TestSettingsWithMistakesDoNotStopIt(t *testing.T) {
	text, err := os.ReadFile(shipped)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "traction.toml")
	broken := strings.NewReplacer(`force = "500 N"`, `force = "5000000 N"`, `enable = "GPIO22"`, `enable = "GPIO7"`).Replace(string(text))
	require.NoError(t, os.WriteFile(path, []byte(broken), 0o600))
	var w wires
	out, err := safe(t, &w, path)
	assert.ErrorIs(t, err, ErrNotSafe, "they may be the wrong lines")
	assert.Contains(t, out, "has mistakes")
	assert.Contains(t, w.written(), "GPIO7")
	assert.Contains(t, w.written(), "GPIO26")
}

func TestWithoutSettingsItSaysSo(t *testing.T) {
	garbage := filepath.Join(t.TempDir(), "garbage.toml")
	require.NoError(t, os.WriteFile(garbage, []byte("\x00[[["), 0o600))
	other := filepath.Join(t.TempDir(), "other.toml")
	require.NoError(t, os.WriteFile(other, []byte("colour = 'blue'\n"), 0o600))
	for _, path := range []string{"/nowhere/traction.toml", garbage, other, t.TempDir()} {
		var w wires
		out, err := safe(t, &w, path)
		assert.ErrorIs(t, err, ErrNotSafe)
		assert.Contains(t, out, "no line was written")
		assert.Contains(t, out, "/usual/traction.toml", "the usual place was tried")
		assert.Empty(t, w.pins)
	}
}

func TestTheUsualSettingsAreTriedAndAreNoSuccess(t *testing.T) {
	w := wires{pins: map[string]*wire{}}
	var out strings.Builder
	assert.ErrorIs(t, Safe(&out, "/nowhere/traction.toml", shipped, w.open), ErrNotSafe)
	assert.Contains(t, out.String(), "may not be this table's")
	assert.ElementsMatch(t, shippedOutputs, w.written())
}

func TestSafeOnLinesThatAreNotThere(t *testing.T) {
	if _, err := os.Stat("/dev/gpiochip0"); err == nil {
		t.Skip("this computer has lines of its own, which a test leaves alone")
	}
	var out strings.Builder
	assert.ErrorIs(t, Safe(&out, shipped, shipped, BoardLines), ErrNotSafe)
	assert.Equal(t, len(shippedOutputs), strings.Count(out.String(), "FAILED"))
}

func TestIdle(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the control process listens on Linux")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "control.sock")
	assert.NoError(t, Idle(context.Background(), path, filepath.Join(dir, "other.sock")), "nobody there")

	l, err := link.Listen(path, 0o600)
	require.NoError(t, err)
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("{}\n")) // some other version
			_ = conn.Close()
		}
	}()
	err = Idle(context.Background(), filepath.Join(dir, "other.sock"), path)
	assert.ErrorIs(t, err, ErrRunning, "whoever answers there owns the table")
}

//go:build linux

package lines

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"

	"traction/hw/board"
	"traction/test/vm/gpiosim"
)

// What the environment tells: that this is the guest, and what a child of the
// checks is to do with which lines.
const (
	inGuest = "TRACTION_GUEST"
	role    = "TRACTION_ROLE"
	tryRole = "open the lines and say how it went"
	holdAll = "open the lines, drive the outputs high, and wait"
	survey  = "say where the lines are and whose"
	toOpen  = "TRACTION_LINES" // board.Lines
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(inGuest) == "":
		fmt.Println("the checks of this package run in a guest: go test ./test/vm")
	case os.Getenv(role) != "":
		child()
	default:
		os.Exit(m.Run())
	}
}

// child is another process with lines of its own. It says one line, as JSON.
func child() {
	log.SetFlags(0)
	var lines board.Lines
	if err := json.Unmarshal([]byte(os.Getenv(toOpen)), &lines); err != nil {
		log.Fatal(err)
	}
	said := ""
	if os.Getenv(role) == survey {
		for _, p := range board.Survey(lines) {
			said += fmt.Sprintf("%s %s %s %s\n", p.Pin, p.Line, p.Where, p.Holder)
		}
		_ = json.NewEncoder(os.Stdout).Encode(said)
		return
	}
	b, err := board.Open(board.Config{Lines: lines})
	if err != nil {
		said = err.Error()
	}
	if err == nil && os.Getenv(role) == holdAll {
		pins := b.Pins()
		for _, name := range outputs {
			if p, _ := reflect.ValueOf(pins).FieldByName(name).Interface().(gpio.PinIO); p != nil {
				err = p.Out(gpio.High)
			}
		}
	}
	_ = json.NewEncoder(os.Stdout).Encode(said)
	if err == nil && os.Getenv(role) == holdAll {
		time.Sleep(time.Minute) // killed long before
	}
}

// start runs a child and returns what it said, "" for success.
func start(t *testing.T, what string, lines board.Lines, user uint32) (*exec.Cmd, string) {
	text, err := json.Marshal(lines)
	require.NoError(t, err)
	cmd := exec.Command("/proc/self/exe")
	cmd.Args[0] = "/usr/bin/other" // the kernel's consumer is made of it
	cmd.Env = append(os.Environ(), role+"="+what, toOpen+"="+string(text))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	var said string
	require.NoError(t, json.Unmarshal([]byte(line), &said), line)
	return cmd, said
}

// outputs and inputs are the fields of board.Lines.
var (
	outputs = []string{"CellClock", "Step", "Dir", "Enable", "Heat", "LampAlarm", "LampCaution", "Buzzer", "ChargePump"}
	inputs  = []string{"CellData", "CellData2", "PatientSwitch", "EmergencyStop", "StartButton", "EndSlack", "EndPull", "DriveFault", "SupplyLow"}
)

// rig is the other side of the lines of a table that is wired as the settings
// say that every table begins with, and docs/wiring.md with them, and has a
// pad, a second cell and a supply monitor on the lines that are left.
type rig struct {
	*testing.T
	side  *gpiosim.Side
	lines board.Lines
}

func newRig(t *testing.T) *rig {
	side, err := gpiosim.Find("raspberry")
	require.NoError(t, err)
	r := &rig{T: t, side: side}
	data, err := os.ReadFile("/etc/traction/traction.toml")
	require.NoError(t, err)
	var settings struct{ Pins map[string]string }
	require.NoError(t, toml.Unmarshal(data, &settings))
	for key, line := range settings.Pins {
		*r.field(field(key)) = line
	}
	r.lines.Heat, r.lines.CellData2, r.lines.SupplyLow = "GPIO23", "GPIO9", "GPIO10"
	for _, name := range append(append([]string{}, outputs...), inputs...) {
		require.NotEmpty(t, *r.field(name), name)
		require.NoError(t, side.Pull(r.offset(name), false))
	}
	return r
}

// field is a key's field of board.Lines: cell_data_2 is CellData2.
func field(key string) string {
	name := ""
	for _, word := range strings.Split(key, "_") {
		name += strings.ToUpper(word[:1]) + word[1:]
	}
	return name
}

func (r *rig) field(name string) *string {
	f := reflect.ValueOf(&r.lines).Elem().FieldByName(name)
	require.True(r, f.IsValid(), name)
	return f.Addr().Interface().(*string)
}

// offset is a pin's line on the chip: GPIO17 is 17 there.
func (r *rig) offset(name string) (n int) {
	_, err := fmt.Sscanf(*r.field(name), "GPIO%d", &n)
	require.NoError(r, err, name)
	return n
}

// high names the outputs that are high on the other side, in order.
func (r *rig) high() []string {
	names := []string{}
	for _, name := range outputs {
		level, err := r.side.Level(r.offset(name))
		require.NoError(r, err)
		if level {
			names = append(names, name)
		}
	}
	return names
}

// contact closes a switch to ground, or opens it, so that the pull-up counts.
func (r *rig) contact(name string, closed bool) {
	require.NoError(r, r.side.Pull(r.offset(name), !closed))
}

func (r *rig) open() *board.Board {
	b, err := board.Open(board.Config{Lines: r.lines})
	require.NoError(r, err)
	r.Cleanup(func() { assert.NoError(r, b.Close()) })
	return b
}

// pin is a board's pin by its name.
func pin(b *board.Board, name string) gpio.PinIO {
	pins := b.Pins()
	return reflect.ValueOf(&pins).Elem().FieldByName(name).Interface().(gpio.PinIO)
}

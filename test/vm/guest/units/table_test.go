//go:build linux

package units

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/stretchr/testify/require"

	"traction/test/vm/gpiosim"
)

// patience bounds every wait. It is never used up when all is well.
const patience = time.Minute

// lookEvery is how often a state is looked at that nobody announces.
const lookEvery = 20 * time.Millisecond

// outputs and switches are the keys of pins in the settings. Those of the cell are
// nobody's here.
var (
	outputs  = []string{"step", "dir", "enable", "lamp_alarm", "lamp_caution", "buzzer", "charge_pump"}
	switches = []string{"patient_switch", "emergency_stop", "start_button", "end_slack", "end_pull", "drive_fault"}
)

// table is the other side of the lines: what hangs on the outputs, and the contacts
// of the switches.
type table struct {
	side *gpiosim.Side
	line map[string]int // by key

	mu     sync.Mutex
	opened map[string]bool // contacts that are open
}

// theTable is the one that all checks use.
var theTable = sync.OnceValues(func() (*table, error) {
	side, err := gpiosim.Find(gpiosim.Raspberry().Name)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile("/etc/traction/traction.toml")
	if err != nil {
		return nil, err
	}
	var settings struct{ Pins map[string]string }
	if err := toml.Unmarshal(data, &settings); err != nil {
		return nil, err
	}
	t := &table{side: side, line: map[string]int{}, opened: map[string]bool{"start_button": true}}
	for _, key := range append(append([]string{}, outputs...), switches...) {
		var n int
		if _, err := fmt.Sscanf(settings.Pins[key], "GPIO%d", &n); err != nil {
			return nil, fmt.Errorf("pins.%s = %q: %w", key, settings.Pins[key], err)
		}
		t.line[key] = n
	}
	go t.hold()
	return t, nil
})

func newTable(t *testing.T) *table {
	t.Helper()
	tab, err := theTable()
	require.NoError(t, err)
	return tab
}

// hold keeps the contacts as they are: a process that opens a line asks for a
// pull-up, which a closed contact is stronger than and the simulated chip is not.
func (t *table) hold() {
	for {
		t.mu.Lock()
		for _, key := range switches {
			t.set(key)
		}
		t.mu.Unlock()
		time.Sleep(lookEvery)
	}
}

func (t *table) set(key string) {
	if err := t.side.Pull(t.line[key], t.opened[key]); err != nil {
		panic(err)
	}
}

// contact opens a switch's contact, or closes it.
func (t *table) contact(key string, open bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.opened[key] = open
	t.set(key)
}

// push pushes the start button for a moment.
func (t *table) push() {
	t.contact("start_button", false)
	time.Sleep(200 * time.Millisecond)
	t.contact("start_button", true)
}

// high names the outputs that are high at the table's end, in order.
func (t *table) high() string {
	var names []string
	for _, key := range outputs {
		level, err := t.side.Level(t.line[key])
		if err != nil {
			panic(err)
		}
		if level {
			names = append(names, key)
		}
	}
	return strings.Join(names, " ")
}

// sees waits until an output has a level, as one that blinks has now and then.
func (t *table) sees(test *testing.T, key string, high bool) {
	test.Helper()
	for begin := time.Now(); ; time.Sleep(time.Millisecond) {
		level, err := t.side.Level(t.line[key])
		require.NoError(test, err)
		if level == high {
			return
		}
		require.Less(test, time.Since(begin), patience, "%s stays %v", key, level)
	}
}

// quiet waits until no output is high, and returns how long after begin that was.
func (t *table) quiet(test *testing.T, begin time.Time) time.Duration {
	test.Helper()
	for {
		high := t.high()
		took := time.Since(begin)
		if high == "" {
			return took
		}
		require.Less(test, took, patience, "still high: %s", high)
	}
}

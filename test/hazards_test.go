package test

import (
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"traction/control"
)

var update = flag.Bool("update", false, "rewrite the two tables of control/HAZARDS.md that follow from the rest of it")

const hazardFile = "../control/HAZARDS.md"

// failureModes are those seen in commercial devices and in tables that people
// have built, each with its items. The document has to meet all of them and may
// list more items.
var failureModes = []failureMode{
	{1, "Over-pull", []string{"wrong tare", "wrong scale", "wrong sign", "wrong unit", "integrator wind-up", "repeated taring"}},
	{2, "Load cell", []string{"saturation", "frozen code", "desync", "silence", "drift with temperature", "unconnected cell", "not a number shown as zero"}},
	{3, "No release", []string{"driver latched", "gear jam", "hung controller under load", "power loss with a self-locking screw"}},
	{4, "Sudden release", []string{"cord break", "harness slip", "holding torque lost"}},
	{5, "Position and ends of travel", []string{"lost steps", "limit switch stuck", "limit switch unplugged", "homing with a person attached"}},
	{6, "The person moves", []string{"cough", "movement", "getting up"}},
	{7, "Patient switch", []string{"unplugged", "shorted", "stuck", "pressed during a pause", "pressed during homing", "pressed during a ramp"}},
	{8, "Stop, network and restart", []string{"stop that depends on the network", "stop that depends on a browser", "stale command", "retained command", "duplicated command", "broker loss", "restart resuming force"}},
	{9, "Time", []string{"clock jump", "timer overflow", "pause counted as treatment"}},
	{10, "Heater", []string{"relay welded", "sensor open", "sensor short", "sensor fallen off", "pad folded", "heat left on"}},
	{11, "Flexion", []string{"no reversal on load", "motion beyond tolerance", "motion while traction is high"}},
	{12, "Use", []string{"wrong patient", "wrong protocol", "cervical harness with lumbar force", "unharnessing under tension", "alarm silenced"}},
	{13, "Pain that moves outward", []string{"pain moves outward in the session"}},
}

// interlockNames asks control for every name that it knows.
func interlockNames(t *testing.T) (names []string) {
	for i := control.NoInterlock + 1; ; i++ {
		var back control.InterlockID
		if back.UnmarshalText([]byte(i.String())) != nil {
			require.Greater(t, len(names), 20)
			return names
		}
		require.Equal(t, i, back, "two interlocks are called %s", i)
		names = append(names, i.String())
	}
}

// TestHazards holds control/HAZARDS.md and the code together: each failure mode
// has its hazards, each hazard a control, each interlock and each rule a hazard,
// a comment in the code and a test, and whatever is named exists.
func TestHazards(t *testing.T) {
	text, err := os.ReadFile(hazardFile)
	require.NoError(t, err)
	src, err := readModule("..")
	require.NoError(t, err)
	require.Greater(t, len(src.tests), 500, "the whole module was read")
	c := hazardCheck{doc: readHazards(string(text)), src: src, interlocks: interlockNames(t), modes: failureModes}
	if *update {
		require.NoError(t, os.WriteFile(hazardFile, []byte(c.withTables()), 0o644)) // a document for everybody
		c.doc = readHazards(c.withTables())
	}
	problems := c.run()
	c.problems = nil
	c.checkTables()
	problems = append(problems, c.problems...)
	for _, p := range problems {
		t.Error(p)
	}
}

package population

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/hw/simtable"
)

// Every interlock is either provoked or has a reason why not.
func TestEveryInterlockIsProvoked(t *testing.T) {
	provoked := map[control.InterlockID]bool{}
	for i := range provocations {
		provoked[provocations[i].id] = true
	}
	for _, id := range (^control.InterlockSet(0)).IDs() {
		if why := unprovoked[id]; provoked[id] == (why != "") {
			t.Errorf("%v: provoked %t, reason why not %q", id, provoked[id], why)
		}
	}
}

// Whatever is injected exists and is within its range.
func TestProvocationsAreValid(t *testing.T) {
	kinds := map[string]simtable.FaultKind{}
	for _, k := range simtable.FaultKinds() {
		kinds[k.Name] = k
	}
	for i := range provocations {
		for n := range 50 {
			c := provoke(&provocations[i], 1, n)
			require.NoError(t, c.Programme.Validate(), "%v", provocations[i].id)
			require.NotEmpty(t, len(c.Faults)+len(c.Acts), "%v", provocations[i].id)
			for _, f := range c.Faults {
				k, known := kinds[f.Kind]
				require.True(t, known, "%v: %s", provocations[i].id, f.Kind)
				assert.True(t, k.Low <= f.Value && f.Value <= k.High, "%v: %v", provocations[i].id, f)
			}
		}
	}
}

// The promises about the fastest answers, on a few injections of each.
func TestDetectionTimes(t *testing.T) {
	if testing.Short() {
		t.Skip("some hundred treatments, some of them long")
	}
	d, err := Detect(context.Background(), DetectionConfig{Injections: 2, Seed: 2})
	require.NoError(t, err)
	assert.Zero(t, d.Broken)
	// Milliseconds to the last step towards force, and to motion away from it.
	most := map[string]struct{ still, away float64 }{
		"emergency-stop": {3, 10}, "patient-switch": {3, 10}, "end-pull": {3, 10}, "end-slack": {3, 10},
		"drive-dead": {3, 10}, "supply-low": {3, 10}, "cell-late": {41, 0}, "cell-lost": {70, 310}, "second-cell-lost": {260, 310},
		"cells-disagree": {80, 100}, "force-limit": {110, 120}, "sudden-drop": {60, 70}, "gateway-lost": {3, 10},
	}
	for _, row := range d.Interlocks {
		t.Logf("%-22s %+v", row.Interlock, row)
		assert.Positive(t, row.Raised, row.Interlock)
		assert.Zero(t, row.Excess, row.Interlock)
		m, ok := most[row.Interlock]
		if !ok {
			continue
		}
		assert.LessOrEqual(t, row.Still.Worst, m.still, "%s: still", row.Interlock)
		assert.LessOrEqual(t, row.Away.Worst, m.away, "%s: away", row.Interlock)
		delete(most, row.Interlock)
	}
	assert.Empty(t, most)

	var out bytes.Buffer
	require.NoError(t, d.Print(&out))
	assert.Contains(t, out.String(), "emergency-stop")
	data, err := json.Marshal(d)
	require.NoError(t, err)
	var back Detection
	require.NoError(t, json.Unmarshal(data, &back))
	assert.Equal(t, d, &back)
}

// What counts as broken: more than the drive may add, and an invariant.
func TestDetectionCounts(t *testing.T) {
	v := provocation{id: control.ILForceLimit, answer: letsGo}
	row := timesOf(&v, []injection{
		{began: true, raised: true, told: 5 * time.Millisecond, still: time.Millisecond, away: 7 * time.Millisecond, cold: -1, allowed: 5},
		{began: true, raised: true, told: 9 * time.Millisecond, still: 3 * time.Millisecond, away: -1, cold: -1, driven: 6, allowed: 5, over: 20},
		{began: true, instead: "sudden-drop", allowed: 5},
		{began: true, broken: []Violation{{ID: InvFreeze}}, allowed: 5},
		{allowed: 5},
	})
	assert.Equal(t, InterlockTimes{Interlock: "force-limit", Injected: 4, Raised: 2, Missed: 1, Instead: map[string]int{"sudden-drop": 1},
		Told: Times{2, 5, 9}, Still: Times{2, 1, 3}, Away: Times{1, 7, 7}, OverN: 20, DrivenN: 6, AllowedN: 5, Excess: 1, Broken: 1,
		First: row.First}, row)
	assert.Contains(t, row.First, "injection 3: INV-FREEZE")
}

func TestDetectionConfigIsChecked(t *testing.T) {
	_, err := Detect(context.Background(), DetectionConfig{Workers: -1})
	for _, w := range []string{"injections", "1 to 100000", "workers"} {
		assert.ErrorContains(t, err, w)
	}
}

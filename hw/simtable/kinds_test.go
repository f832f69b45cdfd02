package simtable

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestKindsSayWhatADrawNeeds(t *testing.T) {
	groups := []string{GroupCell, GroupDrive, GroupSwitch, GroupPad, GroupPerson, GroupTime}
	assert.Len(t, FaultKinds(), int(faultCount))
	seen := map[string]bool{}
	for _, k := range FaultKinds() {
		assert.NotEmpty(t, k.About, k.Name)
		assert.False(t, seen[k.Name], "%s twice", k.Name)
		seen[k.Name] = true
		assert.Contains(t, groups, k.Group, k.Name)
		sized := k.Low != k.High
		assert.Equal(t, sized, k.Unit != "", "%s: a unit if it has a size", k.Name)
		assert.Equal(t, sized, len(k.Typical) >= 2, "%s: typical values if it has a size", k.Name)
		for _, v := range k.Typical {
			assert.True(t, v >= k.Low && v <= k.High, "%s: %v is not in %v to %v", k.Name, v, k.Low, k.High)
		}
	}
	for _, name := range strings.Fields(`cell-stuck cell-silent cell-missing cell-floating cell-saturated cell-unconnected cell-rate-10
		clock-stretch zero-jump rope-break harness-slip lost-steps drive-dead jam drive-fault brown-out patient-switch-open
		patient-switch-stuck-closed emergency-stop end-switch-stuck-open end-switch-stuck-closed start-stuck pad-relay-welded
		pad-sensor-missing pad-sensor-stale pad-sensor-off pad-sensor-reset cough getting-up shift`) {
		assert.True(t, seen[name], "people's files name %s", name)
	}
	list := FaultKinds()
	list[faultStall].Typical[0] = -1
	assert.Positive(t, FaultKinds()[faultStall].Typical[0], "the list is the caller's own")
}

// TestEveryKindRuns lets each kind come and go, at both ends of its range, under load and idle, on the table with most
// parts.
func TestEveryKindRuns(t *testing.T) {
	for _, k := range FaultKinds() {
		for _, value := range []float64{k.Low, k.High} {
			r := newRig(t, "double", "median", nil)
			require.NoError(t, r.Inject(Fault{Kind: k.Name, At: time.Second, For: 5 * time.Second, Value: value}), k.Name)
			r.wind(40, 20)
			_ = r.p.Heat.Out(true)
			r.wait(10 * time.Second)
			got := r.Truth()
			assert.True(t, got.ForceN >= 0 && got.ForceN < 2000, "%s: %v N", k.Name, got.ForceN)
			assert.True(t, got.PositionMM >= -6 && got.PositionMM <= 406, "%s: %v mm", k.Name, got.PositionMM)
			assert.True(t, got.SkinC > 20 && got.SkinC < 50, "%s: %v C", k.Name, got.SkinC)
			assert.Equal(t, [faultCount + 1]int{}, r.events.active, "%s is over", k.Name)
		}
	}
}

// TestReadmeListsTheKinds compares the tables in the README with FaultKinds, row by row.
func TestReadmeListsTheKinds(t *testing.T) {
	data, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, text, _ := strings.Cut(string(data), "\n## Faults\n")
	text, _, _ = strings.Cut(text, "\n## ")
	var got []string
	for _, row := range strings.Split(text, "\n") {
		if strings.HasPrefix(row, "| `") {
			got = append(got, row)
		}
	}
	var want []string
	for _, k := range FaultKinds() {
		want = append(want, readmeRow(k))
	}
	require.Equal(t, strings.Join(want, "\n"), strings.Join(got, "\n"))
}

func readmeRow(k FaultKind) string {
	if k.Unit == "" {
		return fmt.Sprintf("| `%s` | | | %s |", k.Name, k.About)
	}
	typical := strings.Trim(strings.ReplaceAll(fmt.Sprint(k.Typical), " ", ", "), "[]")
	return fmt.Sprintf("| `%s` | %v to %v %s | %s | %s |", k.Name, k.Low, k.High, k.Unit, typical, k.About)
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/cmd/appliance/internal/population"
)

func TestPopulationFlagsAreChecked(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		want []string
	}{
		{"nobody", []string{"--population", "0"}, []string{"--population", "0", "1 to 1000000"}},
		{"fewer than nobody", []string{"--population", "-1"}, []string{"--population", "-1", "1 to 1000000"}},
		{"no number", []string{"--population", "many"}, []string{"--population", "many"}},
		{"negative seed", []string{"--population", "3", "--seed", "-1"}, []string{"--seed", "-1", "0 to 9007199254740991"}},
		{"NaN seed", []string{"--population", "3", "--seed", "NaN"}, []string{"--seed", "NaN", "0 to 9007199254740991"}},
		{"several at once", []string{"--population", "3", "--faults-each", "11", "--workers", "0"}, []string{"--faults-each", "11", "0 to 10", "--workers", "1 to 1024"}},
		{"a programme", []string{"--population", "3", "--programme", "demo"}, []string{"--programme", "--population", "one treatment"}},
		{"both", []string{"--population", "3", "--population-case", "1:2"}, []string{"--population", "--population-case"}},
		{"no case", []string{"--population-case", "1"}, []string{"--population-case", "SEED:INDEX"}},
		{"negative case", []string{"--population-case", "1:-2"}, []string{"1:-2", "0 to 999999"}},
		{"three", []string{"--population", "3", "--population-case", "1:2", "--detection"}, []string{"--population and --population-case and --detection"}},
		{"injections without detection", []string{"--population", "3", "--injections", "5"}, []string{"--injections", "--detection"}},
		{"no injection", []string{"--detection", "--injections", "0"}, []string{"--injections", "0", "1 to 100000"}},
		{"workers for one treatment", []string{"--programme", "demo", "--workers", "2"}, []string{"--workers", "--population"}},
		{"nothing", nil, []string{"--programme"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := run(context.Background(), append([]string{"simulate"}, c.args...))
			require.Error(t, err)
			for _, w := range c.want {
				assert.ErrorContains(t, err, w)
			}
		})
	}
}

func TestPopulationReports(t *testing.T) {
	n, workers := countFlag(2), countFlag(1)
	c := simulateCommand{Population: &n, Workers: &workers, JSON: true}
	var out bytes.Buffer
	require.NoError(t, c.runPopulation(context.Background(), &out))
	var report population.Report
	require.NoError(t, json.Unmarshal(out.Bytes(), &report))
	assert.Equal(t, 2, report.Treatments)
	assert.Contains(t, report.Violations, "INV-LIMIT")
	c.JSON = false
	out.Reset()
	require.NoError(t, c.runPopulation(context.Background(), &out))
	assert.Contains(t, out.String(), "INV-SEQUENCE")
}

func TestCaseWritesItsRecord(t *testing.T) {
	dir := t.TempDir()
	which := caseFlag{seed: 1, index: 3}
	c := simulateCommand{PopulationCase: &which, Trace: filepath.Join(dir, "case.csv"), Plot: filepath.Join(dir, "case.svg")}
	var out bytes.Buffer
	require.NoError(t, c.runCase(&out))
	for _, w := range []string{"table", "patient", "programme", "fault", "end"} {
		assert.Contains(t, out.String(), w)
	}
	for _, f := range []string{c.Trace, c.Plot} {
		info, err := os.Stat(f)
		require.NoError(t, err)
		assert.Greater(t, info.Size(), int64(1000))
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/cmd/appliance/internal/commission"
	"traction/test/parts"
)

// answered runs the appliance as a process of its own with something to read, and
// gives what it said and whether it ended well.
func answered(t *testing.T, input string, args ...string) (out, said string, ok bool) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), parts.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.Stdin = strings.NewReader(input)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	require.NoError(t, ctx.Err(), "it did not end:\n%s%s", &o, &e)
	return o.String(), e.String(), err == nil
}

// tableIn is the shipped settings file with its folders in dir, further changed.
func tableIn(t *testing.T, dir string, changes ...string) string {
	t.Helper()
	shipped, err := os.ReadFile("../../systemd/traction.toml")
	require.NoError(t, err)
	text := strings.NewReplacer("/run/traction", dir, "/var/lib/traction-gateway", dir, "/var/lib/traction", dir, "tcp://127.0.0.1:1883", "tcp://127.0.0.1:1").Replace(string(shipped))
	text = strings.NewReplacer(changes...).Replace(text)
	path := filepath.Join(dir, "traction.toml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// checked runs a check with --json; the report's verdicts are by check, the worst of each.
func checked(t *testing.T, args ...string) (r commission.Report, verdicts map[string]commission.Verdict, ok bool) {
	t.Helper()
	out, said, ok := answered(t, "", append([]string{"check", "--json", "--for", "2s"}, args...)...)
	d := json.NewDecoder(strings.NewReader(out))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&r), "%s%s", out, said)
	verdicts = map[string]commission.Verdict{}
	for _, f := range r.Findings {
		if v := verdicts[f.Check]; v == "" || f.Verdict == commission.Fail {
			verdicts[f.Check] = f.Verdict
		}
		assert.NotEmpty(t, f.Found, f.Check)
	}
	return r, verdicts, ok
}

func TestCheckOfASimulatedTable(t *testing.T) {
	r, v, ok := checked(t, "--simulate", "--table", "double", "--no-load")
	// What a machine that stands still does to the converter fails a check, rightly.
	assert.Equal(t, !r.Failed(), ok, "%+v", r.Findings)
	assert.True(t, r.Simulated)
	assert.NotContains(t, v, "load")
	assert.False(t, r.Lateness.UnderLoad)
	assert.NotNil(t, r.Second)
	assert.Len(t, r.Switches, 7)
	assert.NotContains(t, v, "broker", "a simulated table has none")
	assert.NotContains(t, v, "service rights")
}

// TestCheckWithoutHardware: everything that can be told is told, whatever is
// missing.
func TestCheckWithoutHardware(t *testing.T) {
	dir := t.TempDir()
	config := tableIn(t, dir, `= "GPIO17"`, `= "nochip0:17"`, `enabled = true`, `enabled = false`)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "calibration.toml"), []byte("zero_counts = 12\ncounts_per_new"), 0o600))
	r, v, ok := checked(t, "--config", config)
	assert.False(t, ok)
	assert.Equal(t, commission.Fail, v["lines"])
	assert.Equal(t, commission.Fail, v["calibration"], "torn")
	assert.Equal(t, commission.Warn, v["broker"], "nobody there")
	assert.Equal(t, commission.Skip, v["table"])
	for _, check := range []string{"configuration", "kernel", "isolated cpu", "clock", "disk", "watchdog", "gateway service", "service rights", "load", "priority", "memory", "lateness"} {
		assert.Contains(t, v, check)
	}
	assert.Equal(t, commission.Pass, v["load"])
	assert.True(t, r.Lateness.UnderLoad)
	assert.GreaterOrEqual(t, r.Lateness.Ticks+r.Lateness.Missed, uint64(1900))
	assert.Len(t, r.Lateness.Limits, 7)
	assert.Len(t, r.Lines, 15)
	left, err := filepath.Glob(filepath.Join(dir, ".appliance-check-*"))
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestCheckOfAHalfWrittenConfiguration(t *testing.T) {
	dir := t.TempDir()
	config := tableIn(t, dir)
	text, err := os.ReadFile(config)
	require.NoError(t, err)
	for name, half := range map[string]string{
		"in a value":        string(text[:bytes.Index(text, []byte("500 N"))+2]),
		"between two lines": string(text[:bytes.Index(text, []byte("[motor]"))]),
		"empty":             "",
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(config, []byte(half), 0o600))
			r, v, ok := checked(t, "--config", config)
			assert.False(t, ok)
			assert.Equal(t, commission.Fail, v["configuration"])
			assert.Equal(t, commission.Skip, v["table"])
			assert.Contains(t, v, "kernel")
			assert.Contains(t, v, "clock")
			assert.Nil(t, r.Lateness)
			var out strings.Builder
			require.NoError(t, r.WriteText(&out))
			assert.Contains(t, out.String(), "traction.toml")
		})
	}
}

func TestATableInUseIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	start(t, "control", "--simulate", "--run-dir", dir)
	dial(t, dir)
	config := tableIn(t, dir, dir+"/operator/control.sock", filepath.Join(dir, operatorSocket))
	began := time.Now()
	_, v, ok := checked(t, "--config", config, "--for", "10m")
	assert.Less(t, time.Since(began), parts.Patience, "it does not look for ten minutes")
	assert.False(t, ok)
	assert.Equal(t, commission.Skip, v["table"])
	assert.NotContains(t, v, "load", "nothing burdens a computer that a person hangs on")
	assert.NotContains(t, v, "lateness")
	assert.Contains(t, v, "disk")

	_, said, ok := answered(t, "\n20 kg\n", "calibrate", "--config", config)
	assert.False(t, ok)
	assert.Contains(t, said, "the control process runs and owns the table")
}

func TestCalibrateOfTwoSimulatedCells(t *testing.T) {
	out, said, ok := answered(t, "\n40 kg\n\n20 kg\n\n\nMaria Muster\nyes\n", "calibrate", "--simulate", "--table", "double")
	assert.True(t, ok, "%s%s", out, said)
	for _, text := range []string{"Two cells are wired", "Result, first cell:", "Result, second cell:", "non-linearity   +", "On a simulated table nothing is written."} {
		assert.Contains(t, out, text)
	}
	assert.NotContains(t, out, "DOUBT")
	out, said, ok = answered(t, "\n40 kg\n\n\n\nMaria Muster\nno\n", "calibrate", "--simulate")
	assert.False(t, ok, out)
	assert.Contains(t, said, "not confirmed")
}

func TestCalibrateSaysAtOnceThatNothingCanBeWritten(t *testing.T) {
	dir := t.TempDir()
	config := tableIn(t, dir, dir+"/calibration.toml", dir+"/not/made/calibration.toml")
	out, said, ok := answered(t, "", "calibrate", "--config", config)
	assert.False(t, ok)
	assert.Empty(t, out, "before anybody lifts a weight")
	assert.Contains(t, said, "the calibration could not be written")
}

package commission

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"traction/cmd/appliance/internal/settings"
)

func TestServices(t *testing.T) {
	for name, tc := range map[string]struct {
		unit   string
		change map[string]string
		check  string
		want   Verdict
		says   string // found or advice
	}{
		"gateway not installed": {gatewayUnit, map[string]string{"LoadState": "not-found"}, "gateway service", Warn, "not installed"},
		"gateway stopped":       {gatewayUnit, map[string]string{"ActiveState": "inactive"}, "gateway service", Warn, "systemctl enable --now traction-gateway"},
		"gateway failed":        {gatewayUnit, map[string]string{"ActiveState": "failed"}, "gateway service", Warn, "journalctl"},
		"gateway restarts":      {gatewayUnit, map[string]string{"NRestarts": "4"}, "gateway service", Warn, "4 times"},
		"gateway not enabled":   {gatewayUnit, map[string]string{"UnitFileState": "disabled"}, "gateway service", Warn, "does not start with the computer"},
		"no watchdog set":       {"", map[string]string{"RuntimeWatchdogUSec": "0"}, "watchdog", Warn, "RuntimeWatchdogSec=15s"},
		"watchdog off":          {"", map[string]string{"RuntimeWatchdogUSec": "infinity"}, "watchdog", Warn, "nobody starts it"},
		"control not installed": {controlUnit, map[string]string{"LoadState": "not-found"}, "service rights", Warn, "not installed"},
		"priority too low":      {controlUnit, map[string]string{"LimitRTPRIO": "79"}, "service rights", Fail, "LimitRTPRIO=79"},
		"no priority":           {controlUnit, map[string]string{"LimitRTPRIO": "0"}, "service rights", Fail, "systemctl cat"},
		"memory limited":        {controlUnit, map[string]string{"LimitMEMLOCK": "8388608"}, "service rights", Fail, "LimitMEMLOCK=8388608"},
		"memory as a number":    {controlUnit, map[string]string{"LimitMEMLOCK": "18446744073709551615"}, "service rights", Pass, "not tried, which needs root"},
	} {
		t.Run(name, func(t *testing.T) {
			m := machine()
			m.Show = units(map[string]map[string]string{tc.unit: tc.change})
			f := findingOf(t, m, nil, tc.check)
			assert.Equal(t, tc.want, f.Verdict, "%+v", f)
			assert.Contains(t, f.Found+f.Advice, tc.says)
		})
	}
}

func TestWithoutAServiceManager(t *testing.T) {
	m := machine()
	m.Show = func(context.Context, string, ...string) (map[string]string, error) { return nil, errors.New("no bus") }
	r := lookedAt(t, m, nil)
	assert.Equal(t, Skip, verdicts(&r)["gateway service"])
	assert.Equal(t, Skip, verdicts(&r)["service rights"])
	assert.Equal(t, Warn, verdicts(&r)["watchdog"])

	root := m.Root.(fstest.MapFS)
	delete(root, "run/systemd/system")
	m.Show = func(context.Context, string, ...string) (map[string]string, error) { panic("asked") }
	r = lookedAt(t, m, nil)
	assert.Contains(t, find(t, &r, "gateway service").Found, "no systemd")
	assert.Contains(t, find(t, &r, "service rights").Found, "no systemd")
	root["sys/class/watchdog/watchdog0/state"] = file("active")
	assert.Equal(t, Pass, findingOf(t, m, nil, "watchdog").Verdict, "somebody else starts it")
	delete(root, "sys/class/watchdog/watchdog0/state")
	delete(root, "sys/class/watchdog/watchdog0/identity")
	assert.Contains(t, findingOf(t, m, nil, "watchdog").Found, "has none")
	root["dev/watchdog0"] = &fstest.MapFile{Mode: fs.ModeCharDevice}
	assert.Contains(t, findingOf(t, m, nil, "watchdog").Found, "the hardware watchdog is there")
}

// TestTheServicesRightsAreTried becomes another user under limits, in a process of
// its own, as only root may. Not every root may raise a limit, such as one in a
// container; refusals can be tried in any case.
func TestTheServicesRightsAreTried(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may become another user")
	}
	var before unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_RTPRIO, &before))
	raises := unix.Setrlimit(unix.RLIMIT_RTPRIO, &unix.Rlimit{Cur: before.Cur, Max: 98}) == nil || before.Max >= 98
	for name, tc := range map[string]struct {
		change map[string]string
		allow  bool
		raises bool
		want   Verdict
		says   string
	}{
		"as shipped":    {nil, false, true, Pass, `tried as user "nobody" with LimitRTPRIO=98, LimitMEMLOCK=infinity: SCHED_FIFO 80`},
		"low priority":  {map[string]string{"LimitRTPRIO": "79"}, false, true, Fail, "SCHED_FIFO refused"},
		"nothing":       {map[string]string{"LimitRTPRIO": "0", "LimitMEMLOCK": "65536"}, false, false, Fail, "SCHED_FIFO refused: operation not permitted; locked memory refused: "},
		"for trying":    {map[string]string{"LimitRTPRIO": "0", "LimitMEMLOCK": "65536"}, true, false, Warn, "SCHED_FIFO refused"},
		"unknown limit": {map[string]string{"LimitRTPRIO": "many", "LimitMEMLOCK": "0"}, false, false, Fail, "SCHED_FIFO refused"},
		"no such user":  {map[string]string{"User": "nobody-at-all"}, false, false, Fail, "unknown user"},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.raises && !raises {
				t.Skip("this root may not raise LimitRTPRIO")
			}
			m := machine()
			m.Superuser = true
			change := map[string]string{"User": "nobody"}
			for key, value := range tc.change {
				change[key] = value
			}
			m.Show = units(map[string]map[string]string{controlUnit: change})
			f := findingOf(t, m, func(s *settings.Settings) { s.Control.AllowNoRealtime = tc.allow }, "service rights")
			assert.Equal(t, tc.want, f.Verdict, "%+v", f)
			assert.Contains(t, f.Found, tc.says)
		})
	}
}

func TestRightsThatCannotBeTriedAreJudgedByTheirFigures(t *testing.T) {
	m := machine()
	m.Superuser = true
	m.Probe = func(...string) *exec.Cmd { return exec.Command("/nowhere/appliance") }
	m.Show = units(map[string]map[string]string{controlUnit: {"User": "root"}})
	f := findingOf(t, m, nil, "service rights")
	assert.Equal(t, Pass, f.Verdict)
	assert.Contains(t, f.Found, "could not be tried")
	m.Show = units(map[string]map[string]string{controlUnit: {"User": "root", "LimitRTPRIO": "0"}})
	assert.Equal(t, Fail, findingOf(t, m, nil, "service rights").Verdict)
}

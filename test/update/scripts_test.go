// Package update tests the update of an image: RAUC's handlers and the decision
// whether a new system is kept, with stand-ins for what they call, and RAUC itself
// with systems that are files.
package update

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// handlers are the scripts of the image.
const handlers = "../../buildroot/board/common/rauc"

// The starts of a computer, as the kernel numbers them.
const (
	thisStart    = "11111111-1111-1111-1111-111111111111"
	anotherStart = "22222222-2222-2222-2222-222222222222"
)

// machine is a root folder and programs that note how they are called.
type machine struct {
	t       *testing.T
	root    string
	answers map[string]int // exit status by "program argument", 0 if not named
	state   string         // what systemctl calls the unit, "" = enabled
	gateway string         // what it calls the gateway, "" = enabled
}

func newMachine(t *testing.T, runs string) *machine {
	m := &machine{t: t, root: t.TempDir(), answers: map[string]int{}}
	m.write("proc/cmdline", "console=tty1 root=/dev/mmcblk0p5 rauc.slot="+runs+" quiet\n")
	m.write("proc/sys/kernel/random/boot_id", thisStart+"\n")
	return m
}

func (m *machine) write(path, text string) {
	path = filepath.Join(m.root, path)
	require.NoError(m.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(m.t, os.WriteFile(path, []byte(text), 0o644))
}

func (m *machine) read(path string) string {
	data, err := os.ReadFile(filepath.Join(m.root, path))
	if err != nil {
		return ""
	}
	return string(data)
}

// What the scripts note.
const (
	trial = "var/lib/traction-update/trial"
	kept  = "var/lib/traction-update/kept"
	ready = "run/traction-update-ready"
)

// run gives what a script says, how it ends, and what it called.
func (m *machine) run(script string, env ...string) (said string, status int, calls []string) {
	m.t.Helper()
	bin := filepath.Join(m.root, "bin")
	require.NoError(m.t, os.MkdirAll(bin, 0o755))
	log := filepath.Join(m.root, "calls")
	for _, name := range []string{"appliance", "rauc", "systemctl", "fw_setenv"} {
		text := "#!/bin/sh\necho " + name + " \"$@\" >>" + log + "\ncase \"" + name + " $1 $2\" in\n"
		for call, status := range m.answers {
			if strings.HasPrefix(call, name+" ") {
				text += "\"" + call + "\"*) echo 'because of a test' >&2; exit " + string(rune('0'+status)) + ";;\n"
			}
		}
		text += "\"systemctl is-enabled traction-gateway\"*) echo " + cmp.Or(m.gateway, "enabled") + ";;\n"
		text += "\"systemctl is-enabled\"*) echo " + cmp.Or(m.state, "enabled") + ";;\n"
		require.NoError(m.t, os.WriteFile(filepath.Join(bin, name), []byte(text+"esac\n"), 0o755))
	}
	cmd := exec.Command("sh", filepath.Join(handlers, script))
	cmd.Env = append(os.Environ(), "TRACTION_ROOT="+m.root, "PATH="+bin+":"+os.Getenv("PATH"))
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil {
		require.ErrorAs(m.t, err, &exit, "%s", out)
		status = exit.ExitCode()
	}
	if text := strings.TrimSpace(m.read("calls")); text != "" {
		calls = strings.Split(text, "\n")
	}
	return string(out), status, calls
}

// The calls that the scripts make.
const (
	enabled  = "systemctl is-enabled traction-control.service"
	gateway  = "systemctl is-enabled traction-gateway.service"
	alone    = "appliance healthy --for 1m --within 10m --units traction-control.service"
	healthy  = alone + ",traction-gateway.service"
	idle     = "appliance idle --wait 10m"
	markGood = "rauc status mark-good"
	markBad  = "rauc status mark-bad"
	reboot   = "systemctl reboot"
)

func TestKeep(t *testing.T) {
	for _, c := range []struct {
		name    string
		runs    string
		trial   string
		kept    string // which system has proven itself last
		answers map[string]int
		state   string
		without bool // the gateway is switched off
		calls   []string
		status  int
		after   string // the note afterwards
		says    string
		keeps   string // which is noted as kept afterwards; "" = the one that was marked good
	}{
		{name: "nothing is new", runs: "A", calls: []string{markGood}},
		{name: "nothing is new, and it was kept", runs: "A", kept: "A", calls: []string{markGood}},
		{name: "the other one was kept", runs: "A", kept: "B", keeps: "B", calls: []string{markGood},
			says: "system A runs, although system B was kept"},
		{name: "the other one was kept, and a new one proves itself", runs: "B", kept: "A", trial: "B " + anotherStart,
			calls: []string{enabled, gateway, healthy, markGood}, says: "has proven itself"},
		{name: "a new system proves itself", runs: "B", trial: "B " + anotherStart,
			calls: []string{enabled, gateway, healthy, markGood}, says: "has proven itself"},
		{name: "a new system proves itself where the gateway is switched off", runs: "B", trial: "B " + anotherStart, without: true,
			calls: []string{enabled, gateway, alone, markGood}, says: "has proven itself"},
		{name: "a new system does not, nobody is on the table", runs: "B", trial: "B " + anotherStart,
			answers: map[string]int{"appliance healthy": 1},
			calls:   []string{enabled, gateway, healthy, idle, markBad, reboot}, after: "B " + anotherStart, says: "has not proven itself"},
		{name: "it does not, and somebody is on the table", runs: "B", trial: "B " + anotherStart,
			answers: map[string]int{"appliance healthy": 1, "appliance idle": 1}, status: 1,
			calls: []string{enabled, gateway, healthy, idle}, after: "B " + anotherStart, says: "in use"},
		{name: "it does not, and control tells nothing", runs: "B", trial: "B " + anotherStart,
			answers: map[string]int{"appliance healthy": 1, "appliance idle": 2},
			calls:   []string{enabled, gateway, healthy, idle, markBad, reboot}, after: "B " + anotherStart},
		{name: "it does not, and cannot be marked", runs: "B", trial: "B " + anotherStart,
			answers: map[string]int{"appliance healthy": 1, "rauc status": 1},
			calls:   []string{enabled, gateway, healthy, idle, markBad, reboot}, after: "B " + anotherStart},
		{name: "nobody has set up the table", runs: "B", trial: "B " + anotherStart,
			state: "disabled", calls: []string{enabled, markGood}, says: "nobody has set up"},
		{name: "the new system has no controller", runs: "B", trial: "B " + anotherStart,
			answers: map[string]int{"systemctl is-enabled": 1, "appliance healthy": 1},
			calls:   []string{enabled, gateway, healthy, idle, markBad, reboot}, after: "B " + anotherStart, says: "has not proven itself"},
		{name: "the new system did not come up", runs: "A", trial: "B " + anotherStart,
			calls: []string{markGood}, says: "the update is lost"},
		{name: "installed a moment ago", runs: "A", trial: "B " + thisStart,
			calls: []string{markGood}, after: "B " + thisStart},
		{name: "it cannot be kept", runs: "B", trial: "B " + anotherStart, answers: map[string]int{"rauc status": 1},
			status: 1, calls: []string{enabled, gateway, healthy, markGood}, after: "B " + anotherStart, says: "cannot be marked good"},
		{name: "an empty note", runs: "A", trial: " ", calls: []string{markGood}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t, c.runs)
			if c.answers != nil {
				m.answers = c.answers
			}
			m.state = c.state
			m.write(filepath.Join(filepath.Dir(kept), "some"), "") // systemd makes the folder
			if c.without {
				m.gateway = "disabled"
			}
			if c.trial != "" {
				m.write(trial, c.trial+"\n")
			}
			if c.kept != "" {
				m.write(kept, c.kept+"\n")
			}
			said, status, calls := m.run("keep")
			assert.Equal(t, c.calls, calls, "%s", said)
			assert.Equal(t, c.status, status, "%s", said)
			assert.Equal(t, c.after, strings.TrimSpace(m.read(trial)))
			assert.Contains(t, said, c.says)
			keeps := c.keeps
			if keeps == "" && status == 0 && slices.Contains(calls, markGood) {
				keeps = c.runs
			}
			assert.Equal(t, keeps, strings.TrimSpace(m.read(kept)))
		})
	}
}

func TestPreInstall(t *testing.T) {
	into := func(name string) []string {
		return []string{"RAUC_TARGET_SLOTS=3 4", "RAUC_SLOT_BOOTNAME_3=", "RAUC_SLOT_BOOTNAME_4=" + name}
	}
	for _, c := range []struct {
		name    string
		trial   string
		answers map[string]int
		env     []string
		status  int
		after   string
		says    string
	}{
		{name: "nothing is under way", env: into("B"), after: "B " + thisStart},
		{name: "somebody is on the table", env: into("B"), answers: map[string]int{"appliance idle": 1}, status: 1, says: "no update now: because of a test"},
		{name: "control tells nothing", env: into("B"), answers: map[string]int{"appliance idle": 2}, status: 1, says: "no update now"},
		{name: "an update that was lost", env: into("B"), trial: "B " + anotherStart, after: "B " + thisStart},
		{name: "this system is on trial", env: into("B"), trial: "A " + anotherStart, status: 1, after: "A " + anotherStart, says: "is on trial itself"},
		{name: "into the system that runs", env: into("A"), status: 1, says: "would write over"},
		{name: "RAUC tells nothing", status: 1, says: "RAUC does not say"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t, "A")
			if c.answers != nil {
				m.answers = c.answers
			}
			if c.trial != "" {
				m.write(trial, c.trial+"\n")
			}
			said, status, _ := m.run("pre-install", c.env...)
			assert.Equal(t, c.status, status, "%s", said)
			assert.Equal(t, c.after, strings.TrimSpace(m.read(trial)))
			assert.Contains(t, said, c.says)
		})
	}
}

// A system that is about to be written over must not be tried.
func TestPreInstallTakesBackWhatWasReady(t *testing.T) {
	m := newMachine(t, "A")
	m.write(ready, "B\n")
	said, status, _ := m.run("pre-install", "RAUC_TARGET_SLOTS=1", "RAUC_SLOT_BOOTNAME_1=B")
	assert.Zero(t, status, said)
	assert.Empty(t, m.read(ready))
}

// TestActivate: U-Boot may try a new system only after an orderly end.
func TestActivate(t *testing.T) {
	const asked = "appliance idle"
	for _, c := range []struct {
		name    string
		ready   string
		answers map[string]int
		calls   []string
		says    string
		status  int
	}{
		{name: "nothing was installed"},
		{name: "installed", ready: "B", calls: []string{asked, "fw_setenv BOOT_B_LEFT 1", "fw_setenv BOOT_ORDER B A"}, says: "B is tried at the next start, once"},
		{name: "into the first one", ready: "A", calls: []string{asked, "fw_setenv BOOT_A_LEFT 1", "fw_setenv BOOT_ORDER A B"}, says: "A is tried"},
		{name: "control was killed", ready: "B", answers: map[string]int{"appliance idle": 3}, calls: []string{asked}, says: "is not tried, install it again: because of a test"},
		{name: "the boot loader's state cannot be written", ready: "B", answers: map[string]int{"fw_setenv BOOT_B_LEFT": 1},
			calls: []string{asked, "fw_setenv BOOT_B_LEFT 1"}, status: 1},
		{name: "damaged", ready: "C", calls: []string{asked}, status: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t, "A")
			if c.answers != nil {
				m.answers = c.answers
			}
			if c.ready != "" {
				m.write(ready, c.ready+"\n")
			}
			said, status, calls := m.run("activate")
			assert.Equal(t, c.calls, calls, "%s", said)
			assert.Equal(t, c.status, status, "%s", said)
			assert.Contains(t, said, c.says)
		})
	}
}

// A note that cannot be written must stop the update: the new system would be kept
// without having proven anything.
func TestPreInstallWithoutRoomForItsNote(t *testing.T) {
	m := newMachine(t, "A")
	m.write("var/lib/traction-update", "a file where a folder should be")
	said, status, _ := m.run("pre-install", "RAUC_TARGET_SLOTS=1", "RAUC_SLOT_BOOTNAME_1=B")
	assert.Equal(t, 1, status)
	assert.Contains(t, said, "cannot be noted")
}

func TestHandlersArePrograms(t *testing.T) {
	for _, name := range []string{"tryboot", "pre-install", "installed", "activate", "keep"} {
		info, err := os.Stat(filepath.Join(handlers, name))
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o755), info.Mode().Perm(), name)
	}
}

//go:build linux

package vm

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traction/test/vm/plan"
)

// TestRaspberry opens lines on an emulated Raspberry Pi 3. It is for a look
// now and then: TRACTION_VM_RASPBERRY names a folder that test/vm/raspberry
// filled.
func TestRaspberry(t *testing.T) {
	folder := os.Getenv("TRACTION_VM_RASPBERRY")
	if folder == "" {
		t.Skip("optional: test/vm/raspberry FOLDER, then TRACTION_VM_RASPBERRY=FOLDER (test/vm/README.md)")
	}
	initramfs := filepath.Join(t.TempDir(), "initramfs")
	require.NoError(t, pack(initramfs, func(a *Archive) {
		p := plan.Plan{Modules: []string{"configfs.ko", "bcm2835_wdt.ko"}, Steps: []plan.Step{{ // without its watchdog a Pi cannot power off
			Name: "raspberry", Args: []string{"/bin/lines", "-test.v=test2json", "-test.run=TestRaspberry"},
			Env: []string{"TRACTION_GUEST=1"}, Limit: time.Minute,
		}}}
		text, err := json.Marshal(p)
		require.NoError(t, err)
		a.File(plan.File, 0o644, text)
		for _, m := range p.Modules {
			a.Copy(filepath.Join(plan.Modules, m), 0o644, filepath.Join(folder, m))
		}
		a.Copy("/init", 0o755, build(t, "arm64", "./test/vm/guest", false))
		a.Copy("/bin/lines", 0o755, build(t, "arm64", "./test/vm/guest/lines", true))
	}))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "qemu-system-aarch64", "-M", "raspi3b", "-m", "1G", "-dtb", filepath.Join(folder, "pi3.dtb"),
		"-accel", "tcg,thread=multi", "-display", "none", "-monitor", "none", "-no-reboot", "-serial", "null", "-serial", "stdio",
		"-kernel", filepath.Join(folder, "vmlinuz"), "-initrd", initramfs, "-append", "console=ttyS1,115200 iomem=relaxed panic=-1 quiet").CombinedOutput()
	require.NoError(t, err, "%s", out)
	_, after, found := strings.Cut(string(out), plan.Begin+"raspberry")
	report, _, ended := strings.Cut(after, plan.End+"raspberry: 0")
	require.True(t, found && ended, "%s", out) // its console and its report share a serial port
	top, err := parse(report)
	require.NoError(t, err)
	for _, c := range top.subs {
		c.replay(t)
	}
}

package packages

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

// debianRoot is where .ci/vm-root has put a Debian 12.
func debianRoot() string {
	if folder := os.Getenv("TRACTION_VM_ROOT"); folder != "" {
		return filepath.Join(folder, "root")
	}
	return filepath.Join(checkout, ".cache", "vm-root", "root")
}

// root is a copy of a Debian 12, in which the service manager does not run: what is
// asked of it is noted by a stand-in.
type root struct {
	t   *testing.T
	dir string
}

// systemctl is where the real one is; it works on files without a manager.
const systemctl = "/usr/bin/systemctl.real"

// standIn notes what systemctl is asked, and knows the control process.
const standIn = `#!/bin/sh
case "$*" in
"show --property=MainPID --value traction-control.service")
	[ ! -e /var/tmp/unreachable ] || exit 1
	cat /var/tmp/pid 2>/dev/null || echo 0
	;;
"show --property=ActiveState --value traction-control.service")
	cat /var/tmp/state 2>/dev/null || echo inactive
	;;
*) echo "$*" >>/var/tmp/asked ;;
esac
`

func newRoot(t *testing.T) *root {
	t.Helper()
	parts.Heavy(t, "installs packages")
	if os.Getuid() != 0 {
		parts.Missing(t, "the right to change the root folder", "run as root")
	}
	if _, err := os.Stat(debianRoot()); err != nil {
		parts.Missing(t, "a Debian root", ".ci/vm-root .cache/vm-root")
	}
	parts.Program(t, "unshare", "util-linux")
	r := &root{t, filepath.Join(t.TempDir(), "root")}
	out, err := exec.Command("cp", "-a", debianRoot(), r.dir).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, os.Rename(r.path("/usr/bin/systemctl"), r.path(systemctl)))
	r.write("/usr/bin/systemctl", standIn, 0o755)
	require.NoError(t, os.MkdirAll(r.path("/run/systemd/system"), 0o755)) // it seems to run
	return r
}

func (r *root) path(name string) string { return filepath.Join(r.dir, name) }

func (r *root) write(name, text string, mode os.FileMode) {
	r.t.Helper()
	require.NoError(r.t, os.MkdirAll(filepath.Dir(r.path(name)), 0o755))
	require.NoError(r.t, os.WriteFile(r.path(name), []byte(text), mode))
}

func (r *root) read(name string) string {
	r.t.Helper()
	data, err := os.ReadFile(r.path(name))
	require.NoError(r.t, err)
	return string(data)
}

// command runs in the root, with a /proc that is gone with it and can change nothing
// of this machine's kernel, whose settings the package brings some of.
func (r *root) command(args ...string) *exec.Cmd {
	cmd := exec.Command("unshare", append([]string{"--mount", "sh", "-c",
		`root=$1 && shift && mount -t proc proc "$root/proc" && mount -o remount,bind,ro "$root/proc" && exec chroot "$root" "$@"`, "sh", r.dir}, args...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8",
		"TRACTION_SOCKET=", "HOME=/root"}
	return cmd
}

// try gives what a command says, and its error.
func (r *root) try(args ...string) (string, error) {
	out, err := r.command(args...).CombinedOutput()
	return string(out), err
}

// run gives what a command says, which has to succeed.
func (r *root) run(args ...string) string {
	r.t.Helper()
	out, err := r.try(args...)
	require.NoError(r.t, err, "%v: %s", args, out)
	return out
}

// asked is what systemctl was asked since the last time.
func (r *root) asked() []string {
	r.t.Helper()
	data, err := os.ReadFile(r.path("/var/tmp/asked"))
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(r.t, err)
	require.NoError(r.t, os.Remove(r.path("/var/tmp/asked")))
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}

// bring copies a package into the root and gives its name there.
func (r *root) bring(file string) string {
	r.t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(r.t, err)
	name := "/var/tmp/" + filepath.Base(file)
	r.write(name, string(data), 0o644)
	return name
}

// patience bounds every wait; it is never used up when all is well.
const patience = time.Minute

// until repeats a command until what it says is as it has to be.
func (r *root) until(what string, ok func(out string, err error) bool, args ...string) {
	r.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		out, err := r.try(args...)
		if ok(out, err) {
			return
		}
		require.True(r.t, time.Now().Before(deadline), "%s: %v: %s", what, err, out)
		time.Sleep(50 * time.Millisecond)
	}
}

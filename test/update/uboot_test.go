package update

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ubootBoard is a board whose systems are chosen by U-Boot: each of its variables is
// a file.
type ubootBoard struct{ *board }

// newUBootBoard has RAUC's settings as the image's build writes them.
func newUBootBoard(t *testing.T) *ubootBoard {
	text, err := os.ReadFile("../../buildroot/scripts/common.sh")
	require.NoError(t, err)
	m := regexp.MustCompile(`(?m)^\tuboot\) rauc_bootloader=(\w+) activation='([^']*)' backend=(\S+) ;;$`).FindStringSubmatch(string(text))
	require.NotNil(t, m)
	b := &ubootBoard{newBoard(t, "bootloader="+m[1]+"\n"+strings.ReplaceAll(m[2], `\n`, "\n"), strings.Replace(m[3], "/usr/lib/rauc", "%s", 1))}
	b.program("fw_setenv", `echo "$2" >`+b.dir+`/variable-"$1"`)
	b.program("fw_printenv", `echo "$1=$(cat `+b.dir+`/variable-"$1")"`)
	b.write("variable-BOOT_ORDER", "A B\n")
	b.write("variable-BOOT_A_LEFT", "3\n")
	b.write("variable-BOOT_B_LEFT", "3\n")
	b.write("run/some", "")
	return b
}

func (b *ubootBoard) variable(name string) string {
	return strings.TrimSpace(b.read("variable-" + name))
}

// powerCut is a start as board/common/boot.cmd makes it, without an orderly end before.
func (b *ubootBoard) powerCut() (runs string) {
	require.NoError(b.t, os.RemoveAll(filepath.Join(b.dir, "run")))
	b.write("run/some", "")
	for name := range strings.FieldsSeq(b.variable("BOOT_ORDER")) {
		left, err := strconv.Atoi(b.variable("BOOT_" + name + "_LEFT"))
		require.NoError(b.t, err)
		if left > 0 {
			b.write("variable-BOOT_"+name+"_LEFT", strconv.Itoa(left-1)+"\n")
			b.starts(name)
			return name
		}
	}
	return ""
}

// restart is one that somebody has asked for.
func (b *ubootBoard) restart() (runs string) {
	out, err := b.command("sh", filepath.Join(handlers, "activate"))
	require.NoError(b.t, err, "%s", out)
	return b.powerCut()
}

// TestRAUCWithUBoot: a new system is tried after an orderly restart only, and once;
// RAUC itself, with U-Boot's variables in files.
func TestRAUCWithUBoot(t *testing.T) {
	raucParts(t)
	b := newUBootBoard(t)
	update := b.bundle("key", random(t, 100_000), random(t, 50_000))
	here, err := filepath.Abs(handlers)
	require.NoError(t, err)
	install := func() {
		t.Helper()
		out, err := b.rauc("rauc install " + update)
		require.NoError(t, err, "%s", out)
	}
	keep := func() string {
		t.Helper()
		out, err := b.rauc("sh " + here + "/keep")
		require.NoError(t, err, "%s", out)
		return out
	}
	keep()

	install()
	require.Equal(t, "A", b.powerCut(), "in a treatment, perhaps")
	require.Equal(t, "A", b.powerCut())
	assert.Contains(t, keep(), "the update is lost")
	require.Equal(t, "A", b.restart(), "it is no longer waited for")
	keep()

	install()
	require.Equal(t, "B", b.restart())
	require.Equal(t, "A", b.powerCut(), "once")
	assert.Contains(t, keep(), "the update is lost")

	install()
	require.Equal(t, "B", b.restart())
	b.write("unwell", "")
	assert.Contains(t, keep(), "has not proven itself")
	require.Equal(t, "A", b.restart())
	require.NoError(t, os.Remove(filepath.Join(b.dir, "unwell")))
	keep()

	install()
	require.Equal(t, "B", b.restart())
	assert.Contains(t, keep(), "has proven itself and is kept")
	for range 3 { // the plug, each time before it is marked good again
		require.Equal(t, "B", b.powerCut())
	}
	require.Equal(t, "A", b.powerCut())
	assert.Contains(t, keep(), "system A runs, although system B was kept")
	require.Equal(t, "A", b.restart())
	assert.Contains(t, keep(), "system A runs, although system B was kept", "as long as it is so")
}

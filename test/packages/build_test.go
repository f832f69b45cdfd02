// Package packages builds the Debian packages and installs, upgrades, removes and
// purges one in a Debian root. It has tests only.
package packages

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

const checkout = "../.."

// built is the folder with version 1.0.0 of all packages; they are built once.
var built = struct {
	sync.Once
	dir string
	err error
}{}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// packageFile builds the packages if that was not done, and gives the one for arch.
func packageFile(t *testing.T, arch string) string {
	t.Helper()
	parts.Heavy(t, "builds packages")
	parts.Program(t, "dpkg-deb", "dpkg")
	built.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "packages-"); built.err == nil {
			built.err = makePackages(checkout, built.dir, "amd64,arm64,armhf")
		}
	})
	require.NoError(t, built.err)
	return filepath.Join(built.dir, "traction_1.0.0_"+arch+".deb")
}

type buildError struct {
	error
	said string
}

func (e buildError) Error() string { return e.error.Error() + ": " + e.said }

// makePackages builds version 1.0.0 from a checkout, git's or a copy without it.
func makePackages(from, to, arch string, env ...string) error {
	cmd := exec.Command("go", "run", "./packaging", "-version", "1.0.0", "-arch", arch, "-out", to)
	cmd.Dir = from
	cmd.Env = append(append(os.Environ(), "SOURCE_DATE_EPOCH=1700000000"), env...)
	if said, err := cmd.CombinedOutput(); err != nil {
		return buildError{err, string(said)}
	}
	return nil
}

// TestPackagesAreReproducible builds the same sources again: in another folder,
// later, in another time zone, as somebody with other habits.
func TestPackagesAreReproducible(t *testing.T) {
	first := packageFile(t, "armhf")
	other := filepath.Join(t.TempDir(), "quite", "another folder")
	copyCheckout(t, other)
	out := t.TempDir()
	require.NoError(t, makePackages(other, out, "armhf", "TZ=Asia/Tokyo", "LANG=C", "GOFLAGS=-tags=somebodys", "GOARM=7", "HOSTNAME=another"))
	assert.Equal(t, sum(t, first), sum(t, filepath.Join(out, filepath.Base(first))))

	// The comparison can fail: a changed source makes another package.
	changed := filepath.Join(other, "systemd", "70-traction.rules")
	require.NoError(t, os.WriteFile(changed, []byte("# changed\n"), 0o600))
	require.NoError(t, makePackages(other, out, "armhf"))
	assert.NotEqual(t, sum(t, first), sum(t, filepath.Join(out, filepath.Base(first))))
}

func sum(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// copyCheckout copies the sources, and git's folder if there is one, with modes that
// say nothing to others.
func copyCheckout(t *testing.T, to string) {
	t.Helper()
	leave := []string{".cache", ".work", "dist", "node_modules"}
	require.NoError(t, filepath.WalkDir(checkout, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(checkout, path)
		if err != nil {
			return err
		}
		switch {
		case e.IsDir() && slices.Contains(leave, e.Name()):
			return filepath.SkipDir
		case e.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o700)
		case !e.Type().IsRegular() || strings.HasSuffix(name, ".lock"):
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), data, 0o600)
	}))
}

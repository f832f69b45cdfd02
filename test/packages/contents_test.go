package packages

import (
	"debug/buildinfo"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

// unpacked is a package's files in a folder of the test, its scripts in DEBIAN.
func unpacked(t *testing.T, file string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "package")
	out, err := exec.Command("dpkg-deb", "-R", file, dir).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return dir
}

// TestPackagesForEachMachine: what is in them, and that the program is for the
// machine that the package names.
func TestPackagesForEachMachine(t *testing.T) {
	var common []string // files of the first package
	for _, c := range []struct {
		arch    string
		machine elf.Machine
		class   elf.Class
		setting [2]string
	}{
		{"amd64", elf.EM_X86_64, elf.ELFCLASS64, [2]string{"GOAMD64", "v1"}},
		{"arm64", elf.EM_AARCH64, elf.ELFCLASS64, [2]string{"GOARM64", "v8.0"}},
		{"armhf", elf.EM_ARM, elf.ELFCLASS32, [2]string{"GOARM", "6"}},
	} {
		t.Run(c.arch, func(t *testing.T) {
			file := packageFile(t, c.arch)
			field := func(name string) string {
				out, err := exec.Command("dpkg-deb", "-f", file, name).Output()
				require.NoError(t, err)
				return strings.TrimSpace(string(out))
			}
			assert.Equal(t, "traction", field("Package"))
			assert.Equal(t, "1.0.0", field("Version"))
			assert.Equal(t, c.arch, field("Architecture"))
			assert.Equal(t, "systemd (>= 252), udev", field("Depends"))

			out, err := exec.Command("dpkg-deb", "-c", file).Output()
			require.NoError(t, err)
			var names []string
			for line := range strings.Lines(string(out)) {
				f := strings.Fields(line)
				names = append(names, f[len(f)-1])
				assert.Equal(t, "root/root", f[1], line)
				assert.Equal(t, "2023-11-14 22:13", f[3]+" "+f[4], "the time of the sources: %s", line)
				want := "-rw-r--r--"
				switch {
				case strings.HasSuffix(f[5], "/"):
					want = "drwxr-xr-x"
				case strings.HasPrefix(f[5], "./usr/bin/"), strings.HasPrefix(f[5], "./usr/lib/traction/"):
					want = "-rwxr-xr-x"
				}
				assert.Equal(t, want, f[0], line)
			}
			if common == nil {
				common = names
			}
			assert.Equal(t, common, names, "the same files for each machine")

			dir := unpacked(t, file)
			program := filepath.Join(dir, "usr/bin/appliance")
			e, err := elf.Open(program)
			require.NoError(t, err)
			defer e.Close() //nolint:errcheck // a test
			assert.Equal(t, c.machine, e.Machine)
			assert.Equal(t, c.class, e.Class)
			libraries, err := e.ImportedLibraries()
			require.NoError(t, err)
			assert.Empty(t, libraries, "needs nothing of the system")
			assert.Nil(t, e.Section(".symtab"), "stripped")
			info, err := buildinfo.ReadFile(program)
			require.NoError(t, err)
			settings := map[string]string{}
			for _, s := range info.Settings {
				settings[s.Key] = s.Value
			}
			assert.Equal(t, c.setting[1], settings[c.setting[0]])
			assert.Equal(t, "true", settings["-trimpath"])
			size, err := os.Stat(program)
			require.NoError(t, err)
			t.Logf("%s: program %.1f MB", c.arch, float64(size.Size())/1e6)
		})
	}
}

// TestPapers: what comes with the program is about that program.
func TestPapers(t *testing.T) {
	dir := unpacked(t, packageFile(t, "armhf"))
	read := func(path string) string {
		data, err := os.ReadFile(filepath.Join(dir, path))
		require.NoError(t, err)
		if !strings.HasSuffix(path, ".gz") {
			return string(data)
		}
		cmd := exec.Command("gzip", "-dc")
		cmd.Stdin = strings.NewReader(string(data))
		out, err := cmd.Output()
		require.NoError(t, err)
		return string(out)
	}
	const doc = "usr/share/doc/traction/"
	assert.Contains(t, read(doc+"sbom.cdx.json"), `"value": "6"`, "of the program for ARM, not of the builder's")
	assert.Contains(t, read(doc+"sbom.cdx.json"), `"version": "1.0.0"`)
	assert.Contains(t, read("usr/share/man/man1/appliance.1.gz"), `"appliance 1.0.0"`)
	assert.Contains(t, read("usr/share/man/man1/appliance.1.gz"), `.SS "calibrate"`)
	assert.Contains(t, read("usr/share/bash-completion/completions/appliance"), "complete -F _appliance appliance")
	assert.Contains(t, read(doc+"retrofit.md"), "(retrofit/safety-chain.svg)")
	assert.Contains(t, read(doc+"retrofit/safety-chain.svg"), "<svg")
	assert.Contains(t, read(doc+"retrofit/winch.toml"), "steps_per_mm")
	assert.Contains(t, read(doc+"commissioning/README.md"), "appliance calibrate")
	assert.Contains(t, read(doc+"copyright"), "has chosen no licence")
	assert.Contains(t, read(doc+"changelog.gz"), "traction (1.0.0) ")
	assert.Equal(t, "/etc/needrestart/conf.d/traction.conf\n/etc/traction/traction.toml\n", read("DEBIAN/conffiles"))

	info, err := buildinfo.ReadFile(filepath.Join(dir, "usr/bin/appliance"))
	require.NoError(t, err)
	terms := read(doc + "third-party-licences.gz")
	for _, m := range info.Deps {
		assert.Contains(t, terms, "\n"+m.Path+" "+m.Version+"\n\n--- ", "its licence")
	}
	assert.Contains(t, terms, "\nGo's own library ")
	for _, phrase := range []string{"Permission is hereby granted", "Apache License", "Eclipse Public License", "SIL OPEN FONT LICENSE"} {
		assert.Contains(t, terms, phrase)
	}
}

// TestMaintainerScripts lets shellcheck read them, and dash.
func TestMaintainerScripts(t *testing.T) {
	check := parts.Program(t, "shellcheck", "shellcheck")
	for _, name := range []string{"postinst", "prerm", "postrm", "restart"} {
		file := filepath.Join(checkout, "packaging", name)
		out, err := exec.Command(check, "--shell=sh", file).CombinedOutput()
		assert.NoError(t, err, "%s", out)
		out, err = exec.Command("sh", "-n", file).CombinedOutput()
		assert.NoError(t, err, "%s", out)
	}
}

// TestLintian lets Debian's own judge read the packages, warnings included. What is
// done on purpose stands in packaging/lintian-overrides with its reason.
func TestLintian(t *testing.T) {
	file := packageFile(t, "armhf")
	lintian := parts.Program(t, "lintian", "lintian")
	cmd := exec.Command(lintian, "--no-cfg", "--allow-root", "--fail-on", "error,warning", file)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	assert.NoError(t, err, "%s", out)
}

package vm

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"traction/test/parts"
)

// Parts is what .ci/vm put into its folder, and QEMU.
type Parts struct {
	QEMU    string // the program
	Kernel  string // vmlinuz
	Busybox string // a static one
	ABI     string // the kernel's, such as "6.1.0-56-rt-amd64"
	Modules string // the folder of modules.dep
}

// Need finds the parts: in the folder that TRACTION_VM names, else in the
// checkout's .cache/vm. Where one is missing the test is skipped, and fails
// when TRACTION_REQUIRE_PARTS is set. A run with -short is skipped, too.
func Need(t testing.TB) Parts {
	t.Helper()
	parts.Heavy(t, "boots a guest, which takes its time")
	p := Parts{QEMU: parts.Program(t, "qemu-system-x86_64", "qemu-system-x86")}
	folder := os.Getenv("TRACTION_VM")
	if folder == "" {
		root, err := Root()
		if err != nil {
			t.Fatal(err)
		}
		folder = filepath.Join(root, ".cache", "vm")
	}
	stamp, err := os.ReadFile(filepath.Join(folder, "abi"))
	if err != nil {
		parts.Missing(t, "a kernel for guests in "+folder, ".ci/vm "+folder)
	}
	p.ABI, _, _ = strings.Cut(string(stamp), " ")
	p.Kernel, p.Busybox = filepath.Join(folder, "vmlinuz"), filepath.Join(folder, "busybox")
	p.Modules = filepath.Join(folder, "lib", "modules", p.ABI)
	return p
}

// NeedRoot finds the Debian that .ci/vm-root put into a folder: the one that
// TRACTION_VM_ROOT names, else the checkout's .cache/vm-root. Where it is missing the
// test is skipped, and fails when TRACTION_REQUIRE_PARTS is set.
func NeedRoot(t testing.TB) string {
	t.Helper()
	folder := os.Getenv("TRACTION_VM_ROOT")
	if folder == "" {
		root, err := Root()
		if err != nil {
			t.Fatal(err)
		}
		folder = filepath.Join(root, ".cache", "vm-root")
	}
	if _, err := os.Stat(filepath.Join(folder, "stamp")); err != nil {
		parts.Missing(t, "a Debian root in "+folder, ".ci/vm-root "+folder)
	}
	return filepath.Join(folder, "root")
}

// Root is the folder of go.mod above the working directory, which is where a
// test runs.
func Root() (string, error) {
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("vm: no go.mod above the working directory")
		}
	}
	return "", fmt.Errorf("vm: %w", err)
}

// Order returns the files of the modules and of what they need, below Modules,
// in the order in which they can be loaded.
func (p Parts) Order(names ...string) ([]string, error) {
	dep, err := os.ReadFile(filepath.Join(p.Modules, "modules.dep"))
	if err != nil {
		return nil, fmt.Errorf("vm: modules: %w", err)
	}
	needs := map[string][]string{} // by module, itself first and what it needs after it, the first needed last
	for line := range strings.Lines(string(dep)) {
		file, list, _ := strings.Cut(strings.TrimSpace(line), ":")
		needs[module(file)] = append([]string{file}, strings.Fields(list)...)
	}
	var order []string
	for _, name := range names {
		files := slices.Clone(needs[module(name)])
		if files == nil {
			return nil, fmt.Errorf("vm: module %s is not among those in %s; MODULES in .ci/vm lists them", name, p.Modules)
		}
		slices.Reverse(files)
		for _, f := range files {
			if !slices.Contains(order, f) {
				order = append(order, f)
			}
		}
	}
	return order, nil
}

// module is a module's name as the kernel knows it.
func module(file string) string {
	return strings.ReplaceAll(strings.TrimSuffix(filepath.Base(file), ".ko"), "-", "_")
}

// Build compiles a package of this module for the guest, static, and returns
// the file: the program, or with test the binary of its tests.
func Build(t testing.TB, pkg string, test bool) string { return build(t, "amd64", pkg, test) }

func build(t testing.TB, processor, pkg string, test bool) string {
	t.Helper()
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), filepath.Base(pkg))
	args := []string{"build", "-o", out, pkg}
	if test {
		args = []string{"test", "-c", "-o", out, pkg}
	}
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+processor)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, text)
	}
	return out
}

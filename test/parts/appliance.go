package parts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// folder is where Appliance builds; "" = no Main runs.
var folder string

// Main runs a package's tests and takes away what Appliance has built; TestMain
// ends with its result.
func Main(m *testing.M) int {
	var err error
	if folder, err = os.MkdirTemp("", "traction-parts-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder) //nolint:errcheck // in a temporary folder anyway
	return m.Run()
}

// build makes the appliance once. Which commit it is of is no matter here, and the
// sources may come without one.
var build = sync.OnceValues(func() (string, error) {
	program := filepath.Join(folder, "appliance")
	out, err := exec.Command("go", "build", "-buildvcs=false", "-o", program, "traction/cmd/appliance").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return program, nil
})

// Appliance is the path of the appliance, built from these sources for all tests of
// a package together. The package needs a TestMain with Main.
func Appliance(t testing.TB) string {
	t.Helper()
	if folder == "" {
		t.Fatal("parts: this package's TestMain does not run parts.Main, which takes away what would be built")
	}
	program, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

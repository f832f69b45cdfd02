package parts

import (
	"os"
	"os/exec"
	"testing"
)

// Required tells whether a missing part fails a test, as in CI, where
// TRACTION_REQUIRE_PARTS is set.
func Required() bool { return os.Getenv("TRACTION_REQUIRE_PARTS") != "" }

// Missing ends a test for want of a part: with a skip, or with a failure where all
// parts are required. How is what a person has to do to get it.
func Missing(t testing.TB, what, how string) {
	t.Helper()
	if Required() {
		t.Fatalf("%s is missing, and TRACTION_REQUIRE_PARTS asks for it: %s", what, how)
	}
	t.Skipf("%s is missing, so this is not tested: %s", what, how)
}

// Program is the path of a program that a package of Debian brings. Where it is
// missing the test ends as with Missing.
func Program(t testing.TB, name, debian string) string {
	t.Helper()
	for _, where := range []string{name, "/usr/sbin/" + name} { // Debian keeps servers out of users' PATH
		if path, err := exec.LookPath(where); err == nil {
			return path
		}
	}
	Missing(t, name, "apt-get install "+debian)
	return ""
}

// Special is the path of a program that Debian does not have: what the variable
// says, which then has to be right, or else what is in PATH under that name. Where
// it is missing the test ends as with Missing.
func Special(t testing.TB, name, variable, how string) string {
	t.Helper()
	if path := os.Getenv(variable); path != "" {
		if _, err := os.Stat(path); err != nil {
			t.Fatalf("%s has to be the path of %s: %v", variable, name, err)
		}
		return path
	}
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, name, how)
	}
	return path
}

// Heavy skips a test where -short asks for less, and says why it is not short.
func Heavy(t testing.TB, why string) {
	t.Helper()
	if testing.Short() {
		t.Skip(why)
	}
}

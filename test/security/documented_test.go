package security

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

// documented gives the shell commands of a document, those blocks that hold one of
// the marks, in the document's order. Each mark must be found.
func documented(t *testing.T, path string, marks ...string) string {
	t.Helper()
	var out []string
	found := map[string]bool{}
	for i, part := range strings.Split(read(t, path), "```sh\n") {
		block, _, closed := strings.Cut(part, "\n```")
		if i == 0 || !closed {
			continue
		}
		for _, mark := range marks {
			if strings.Contains(block, mark) {
				out = append(out, block)
				found[mark] = true
				break
			}
		}
	}
	for _, mark := range marks {
		require.True(t, found[mark], "%s has no commands with %q", path, mark)
	}
	return strings.Join(out, "\n") + "\n"
}

// shell runs commands in a folder, as a person would, and gives what they print.
func shell(t *testing.T, dir, commands string, env ...string) string {
	t.Helper()
	parts.Program(t, "openssl", "openssl")
	cmd := exec.Command("/bin/sh", "-eu", "-c", commands)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	require.NoError(t, err, "%s\n%s", commands, problems.String())
	return string(out)
}

package main

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

// Whoever reads what jog says may be gone, as a tee that was killed. Its signal must
// not end the process before the table is switched off.
func TestJogOutlivesItsReader(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, reader.Close())
	ctx, cancel := context.WithTimeout(context.Background(), parts.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "jog", "--simulate")
	cmd.Env = append(os.Environ(), asProgram+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("winch\nquit\n"), writer, writer
	err = cmd.Run()
	require.NoError(t, writer.Close())
	assert.NoError(t, err)
}

// Package clients runs other people's MQTT programs against a simulated table:
// Mosquitto's clients, MQTT.js, Node-RED, the broker Aedes, AsyncAPI's parser and
// Ajv. It reaches the appliance as they do, as processes and over the network, so
// that what the documents promise is what a stranger's program gets.
//
// The programs come with .ci/node and from Debian (mosquitto, mosquitto-clients).
// A test whose programs are missing is skipped with one line, and fails when
// TRACTION_REQUIRE_PARTS is set.
package clients

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"traction/test/parts"
)

func TestMain(m *testing.M) { os.Exit(parts.Main(m)) }

// node finds Node with the packages of this folder.
func node(t *testing.T, packages ...string) string {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		parts.Missing(t, "node", "install Node 20 or later and run .ci/node")
	}
	for _, p := range packages {
		if _, err := os.Stat(filepath.Join("node_modules", p)); err != nil {
			parts.Missing(t, "the npm package "+p, "run .ci/node")
		}
	}
	return path
}

// process is a program of another's, or the appliance itself; Said is its log.
type process struct {
	out *parts.Output // standard output
	*parts.Process
}

// launch starts a program in a folder; its standard output is apart from its log.
func launch(t *testing.T, dir, path string, args ...string) *process {
	t.Helper()
	p := &process{out: new(parts.Output)}
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.Stdout = dir, p.out
	p.Process = parts.Start(t, cmd)
	return p
}

// bounded is a context that ends before anybody loses patience.
func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), parts.Patience)
	t.Cleanup(cancel)
	return ctx
}

package fleet

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

// node is one server of a cluster, a process of its own.
type node struct {
	name    string
	mqtt    string // host:port
	env     []string
	dir     string
	program string
	out     *parts.Output // of all its processes
	*parts.Process
}

// cluster is three nodes on loopback with the shipped configuration.
type cluster struct {
	nodes     []*node
	authority *authority
}

// newCluster starts three nodes with the shipped configuration, its users
// replaced by these tables and its own operator and archive.
func newCluster(t *testing.T, tables []string) *cluster {
	t.Helper()
	program := parts.Special(t, "nats-server", "TRACTION_NATS_SERVER", ".ci/nats FOLDER installs it; say TRACTION_NATS_SERVER=FOLDER/nats-server")
	dir := t.TempDir()
	c := &cluster{authority: newAuthority(t, dir)}
	ship(t, dir, "nats-server.conf", nil)
	ship(t, dir, "nats-users.conf", func(text string) string { return usersFor(t, text, tables) })
	var ports []string // host:port
	for range 9 {
		ports = append(ports, parts.FreeAddress(t))
	}
	env := []string{"TRACTION_CA=" + c.authority.ca, "TRACTION_CERT=" + c.authority.cert, "TRACTION_KEY=" + c.authority.key,
		"TRACTION_LUMBAR_1=" + password, "TRACTION_ANNA=" + password, "TRACTION_TELEGRAF=" + password}
	for i, name := range []string{"1", "2", "3"} {
		env = append(env, "TRACTION_NODE_"+name+"=tls://"+ports[i])
	}
	for i, name := range []string{"n1", "n2", "n3"} {
		n := &node{name: name, mqtt: ports[3+i], dir: dir, program: program, out: new(parts.Output)}
		n.env = append([]string{"TRACTION_NODE=" + name, "TRACTION_CLIENTS=" + ports[6+i], "TRACTION_NODES=" + ports[i],
			"TRACTION_MQTT=" + ports[3+i], "TRACTION_STORE=" + filepath.Join(dir, name)}, env...)
		c.nodes = append(c.nodes, n)
		n.start(t)
	}
	c.ready(t, c.nodes...)
	return c
}

// password of every user of the test's cluster.
const password = "on-loopback-only"

// ship copies a shipped file, changed, into the cluster's folder.
func ship(t *testing.T, dir, name string, change func(string) string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../docs/fleet", name))
	require.NoError(t, err)
	out := string(text)
	if change != nil {
		out = change(out)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(out), 0o600))
}

// usersFor repeats the shipped table's entry for each table.
func usersFor(t *testing.T, text string, tables []string) string {
	t.Helper()
	entry := regexp.MustCompile(`(?m)^    \{\n        user: "lumbar-1"\n(?:        .*\n)+    \}\n`)
	shipped := entry.FindString(text)
	require.NotEmpty(t, shipped, "the example has a table")
	var all strings.Builder
	for _, id := range tables {
		all.WriteString(strings.ReplaceAll(shipped, "lumbar-1", id))
	}
	return strings.Replace(text, shipped, all.String(), 1)
}

func (n *node) start(t *testing.T) {
	t.Helper()
	cmd := exec.Command(n.program, "-c", filepath.Join(n.dir, "nats-server.conf"))
	cmd.Env = append(os.Environ(), n.env...)
	cmd.Stdout, cmd.Stderr = n.out, n.out
	n.Process = parts.Start(t, cmd)
}

// ready waits until each of the nodes takes a client, keeps a retained message,
// and gives it back.
func (c *cluster) ready(t *testing.T, nodes ...*node) {
	t.Helper()
	for _, n := range nodes {
		parts.Eventually(t, n.name+" is ready", func() bool {
			client, err := c.connect(n, "anna", "ready-"+n.name, true)
			if err != nil {
				return false
			}
			defer client.Disconnect(0)
			token := client.Publish("traction/ready/request/anna", 1, true, "")
			return token.WaitTimeout(5*time.Second) && token.Error() == nil
		})
	}
}

// url of one node, for a gateway's settings.
func (n *node) url() string { return "ssl://" + n.mqtt }

// urls are all nodes, beginning with this one.
func (c *cluster) urls(first int) string {
	var all []string
	for i := range c.nodes {
		all = append(all, c.nodes[(first+i)%len(c.nodes)].url())
	}
	return strings.Join(all, " ")
}

package fleet

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// natsServer finds the program of the cluster.
func natsServer(t *testing.T) string {
	t.Helper()
	path := os.Getenv("TRACTION_NATS_SERVER")
	if path == "" {
		path, _ = exec.LookPath("nats-server")
	}
	if path == "" {
		missing(t, "nats-server is missing: .ci/nats FOLDER installs it; say TRACTION_NATS_SERVER=FOLDER/nats-server")
	}
	return path
}

// missing skips a test for want of a program, or fails it in CI.
func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("TRACTION_REQUIRE_PARTS") != "" {
		t.Fatalf("%s; TRACTION_REQUIRE_PARTS asks for it", why)
	}
	t.Skip(why)
}

// output collects what a program says.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// node is one server of a cluster, a process of its own.
type node struct {
	name    string
	mqtt    string // host:port
	env     []string
	dir     string
	program string
	process *exec.Cmd
	out     *output
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
	program := natsServer(t)
	dir := t.TempDir()
	c := &cluster{authority: newAuthority(t, dir)}
	ship(t, dir, "nats-server.conf", nil)
	ship(t, dir, "nats-users.conf", func(text string) string { return usersFor(t, text, tables) })
	ports := freePorts(t, 9)
	env := []string{"TRACTION_CA=" + c.authority.ca, "TRACTION_CERT=" + c.authority.cert, "TRACTION_KEY=" + c.authority.key,
		"TRACTION_LUMBAR_1=" + password, "TRACTION_ANNA=" + password, "TRACTION_TELEGRAF=" + password}
	for i, name := range []string{"1", "2", "3"} {
		env = append(env, "TRACTION_NODE_"+name+"=tls://"+ports[i])
	}
	for i, name := range []string{"n1", "n2", "n3"} {
		n := &node{name: name, mqtt: ports[3+i], dir: dir, program: program, out: new(output)}
		n.env = append([]string{"TRACTION_NODE=" + name, "TRACTION_CLIENTS=" + ports[6+i], "TRACTION_NODES=" + ports[i],
			"TRACTION_MQTT=" + ports[3+i], "TRACTION_STORE=" + filepath.Join(dir, name)}, env...)
		c.nodes = append(c.nodes, n)
		n.start(t)
		t.Cleanup(func() {
			n.kill()
			if t.Failed() {
				t.Logf("%s said:\n%s", n.name, tail(n.out.String(), 40))
			}
		})
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

// freePorts finds addresses on loopback where nobody listens.
func freePorts(t *testing.T, n int) (at []string) {
	t.Helper()
	var all []net.Listener
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		all = append(all, l)
		at = append(at, l.Addr().String())
	}
	for _, l := range all {
		require.NoError(t, l.Close())
	}
	return at
}

func (n *node) start(t *testing.T) {
	t.Helper()
	n.process = exec.Command(n.program, "-c", filepath.Join(n.dir, "nats-server.conf"))
	n.process.Env = append(os.Environ(), n.env...)
	n.process.Stdout, n.process.Stderr = n.out, n.out
	require.NoError(t, n.process.Start())
}

// kill ends the node as a power cut would.
func (n *node) kill() {
	if n.process != nil {
		_ = n.process.Process.Kill()
		_ = n.process.Wait() // says that it was killed
		n.process = nil
	}
}

// ready waits until each of the nodes takes a client, keeps a retained message,
// and gives it back.
func (c *cluster) ready(t *testing.T, nodes ...*node) {
	t.Helper()
	for _, n := range nodes {
		eventually(t, n.name+" is ready", func() bool {
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

// tail is the last lines of a text.
func tail(s string, lines int) string {
	all := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// patience bounds every wait; only what is broken uses it up.
const patience = 1 * time.Minute

// eventually waits for a condition and passes as soon as that holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, patience, 10*time.Millisecond, what)
}

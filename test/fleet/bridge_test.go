package fleet

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/mqtt"
	"traction/test/parts"
)

// users writes files of passwords, all the same, and of access rules.
func users(t *testing.T, acl string, names ...string) (lines string) {
	t.Helper()
	tool := parts.Program(t, "mosquitto_passwd", "mosquitto")
	dir := t.TempDir()
	passwords, rules := filepath.Join(dir, "passwords"), filepath.Join(dir, "acl")
	require.NoError(t, os.WriteFile(passwords, nil, 0o600))
	for _, name := range names {
		out, err := exec.Command(tool, "-b", passwords, name, password).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	require.NoError(t, os.WriteFile(rules, []byte(acl), 0o600))
	return "allow_anonymous false\npassword_file " + passwords + "\nacl_file " + rules + "\n"
}

// bridged is a site and a centre with the shipped files, and a network between
// them that can fail.
type bridged struct {
	centre, site *parts.Mosquitto
	network      *wire
	authority    *authority
}

func newBridged(t *testing.T, change func(string) string) *bridged {
	t.Helper()
	b := &bridged{authority: newAuthority(t, t.TempDir())}
	acl, err := os.ReadFile("../../docs/fleet/mosquitto-central.acl")
	require.NoError(t, err)
	b.centre = parts.StartMosquitto(t, "cafile "+b.authority.ca+"\ncertfile "+b.authority.cert+"\nkeyfile "+b.authority.key+"\n"+
		users(t, string(acl), "site-a", "anna", "telegraf"))
	b.network = newWire(t, b.centre.Address)
	tunnel := newTunnel(t, b)
	shipped, err := os.ReadFile("../../docs/fleet/mosquitto-bridge.conf")
	require.NoError(t, err)
	text := strings.NewReplacer("127.0.0.1:1884", tunnel, "remote_password CHANGE", "remote_password "+password,
		// Both are for a real network; the test does not wait that long.
		"restart_timeout 5 30", "restart_timeout 1").Replace(string(shipped))
	// What is off as shipped, on: lines that are no prose.
	before := text
	text = regexp.MustCompile(`(?m)^#(\w)`).ReplaceAllString(text, "$1")
	require.NotEqual(t, before, text, "the example has requests, which are off")
	b.site = parts.StartMosquitto(t, "persistence_location "+t.TempDir()+"/\n"+
		users(t, "pattern readwrite traction/%u/#\nuser central\ntopic read traction/#\ntopic write traction/lumbar-1/request/+\n", "lumbar-1", "central")+change(text))
	return b
}

// newTunnel runs stunnel with the shipped file; it returns where the bridge finds it.
func newTunnel(t *testing.T, b *bridged) (at string) {
	t.Helper()
	program := parts.Program(t, "stunnel", "stunnel4")
	shipped, err := os.ReadFile("../../docs/fleet/stunnel.conf")
	require.NoError(t, err)
	at = parts.FreeAddress(t)
	text := strings.NewReplacer("127.0.0.1:1884", at, "central.example:8883", b.network.addr(), "checkHost = central.example", "checkIP = 127.0.0.1",
		"/etc/stunnel/central-ca.crt", b.authority.ca).Replace(string(shipped))
	conf := filepath.Join(t.TempDir(), "stunnel.conf")
	require.NoError(t, os.WriteFile(conf, []byte("foreground = yes\npid =\n"+text), 0o600))
	parts.Start(t, exec.Command(program, conf))
	return at
}

// TestBridge: what a table says at its site arrives at the centre, also what
// happened while the network was down. A start that was sent meanwhile never acts;
// requests that are sent while it works do.
func TestBridge(t *testing.T) {
	parts.Heavy(t, "takes half a minute of real time")
	t.Parallel()
	b := newBridged(t, func(text string) string { return text })
	anna := read(t, options(b.authority, "anna", "anna", true, "ssl://"+b.centre.Address), "#")
	archive := read(t, options(b.authority, "telegraf", "archive", false, "ssl://"+b.centre.Address), "traction/#")
	s := newSite(t, "lumbar-1", map[string]string{"broker": b.site.URL(), "username": "lumbar-1", "password_file": passwordFile(t)})
	for _, topic := range []string{"availability", "state", "event", "telemetry", "diagnostics"} {
		parts.Eventually(t, topic+" at the centre", func() bool { _, ok := anna.last("traction/lumbar-1/" + topic); return ok })
	}
	s.arm()
	armed := s.until("still", func(x *control.Snapshot) bool { return x.Mode == control.Armed })
	parts.Eventually(t, "the centre knows the rev", func() bool { return revAt(anna, "lumbar-1") == armed.Rev })
	ask := func(id, command string, rev uint64) {
		t.Helper()
		require.True(t, anna.publish("traction/lumbar-1/request/anna", false, fmt.Sprintf(`{"id":%q,"rev":%d,"command":%q}`, id, rev, command)))
	}
	// The bridge says that it is connected before it subscribes. The same id twice is
	// one action and one answer, so insisting changes nothing.
	answered := func(id, command string, rev uint64) (r response) {
		t.Helper()
		parts.Eventually(t, "an answer to "+id, func() bool {
			ask(id, command, rev)
			time.Sleep(200 * time.Millisecond)
			return anna.answered("traction/lumbar-1/response/anna", id, &r)
		})
		return r
	}
	link := func(want string) {
		t.Helper()
		parts.Eventually(t, "the centre knows of the site: "+want, func() bool {
			out, _ := anna.last("traction-site/site-a/connected")
			in, _ := anna.last("traction-site/site-a/requests")
			return out.payload == want && in.payload == want
		})
	}
	link("1")

	b.network.cut()
	link("0")
	ask("queued", "start", armed.Rev) // of a state that is still the table's: rev cannot help
	ask("late", "stop", armed.Rev)
	b.network.mend()
	link("1")

	assert.Equal(t, "stale_rev", answered("unknown", "start", armed.Rev+1).Code)
	assert.Equal(t, "ok", answered("now", "start", armed.Rev).Status, "the start before could have worked")
	s.until("treating", func(x *control.Snapshot) bool { return x.Mode == control.Treating })

	b.network.cut()
	link("0")
	s.until("hold", func(x *control.Snapshot) bool { return x.Phase == control.Hold || x.Mode != control.Treating })
	b.site.End() // what waits must outlive that
	require.NoError(t, b.site.Wait(t))
	b.site.Start(t)
	b.network.mend()
	link("1")
	assert.Equal(t, "ok", answered("halt", "stop", 0).Status)
	ended := s.until("slack", func(x *control.Snapshot) bool { return x.Mode == control.Idle || x.Mode == control.Tripped })
	s.delivered(archive)
	parts.Eventually(t, "the centre's state is the table's", func() bool { return revAt(anna, "lumbar-1") == ended.Rev })
	for _, id := range []string{"queued", "late"} {
		for _, m := range anna.on("traction/lumbar-1/response/anna") {
			assert.NotContains(t, m.payload, `"id":"`+id+`"`, "what waited in the outage reached the table")
		}
	}
}

// revAt is the newest rev of a table that a reader knows.
func revAt(r *reader, table string) uint64 {
	var state struct{ Rev uint64 }
	s, _ := r.last("traction/" + table + "/state")
	_ = json.Unmarshal([]byte(s.payload), &state) // 0 = none
	return state.Rev
}

// TestBridgeThatQueues: with cleansession false, which the shipped file has not, the
// centre keeps requests. A start that was decided on another state does not act when
// it arrives at last; a stop does.
func TestBridgeThatQueues(t *testing.T) {
	parts.Heavy(t, "starts two servers")
	t.Parallel()
	b := newBridged(t, func(text string) string {
		require.Contains(t, text, "\ncleansession true\n")
		return strings.Replace(text, "\ncleansession true\n", "\ncleansession false\n", 1)
	})
	anna := read(t, options(b.authority, "anna", "anna", true, "ssl://"+b.centre.Address), "#")
	tb := newTable("lumbar-1")
	tb.gateway(t, mqtt.Config{Broker: b.site.URL()})
	parts.Eventually(t, "state at the centre", func() bool { return revAt(anna, tb.id) > 0 })
	_, _, rev := tb.told()

	b.network.cut()
	parts.Eventually(t, "away", func() bool { m, _ := anna.last("traction-site/site-a/connected"); return m.payload == "0" })
	for _, r := range []string{`{"id":"queued","rev":%d,"command":"start"}`, `{"id":"late","rev":%d,"command":"stop"}`} {
		require.True(t, anna.publish("traction/lumbar-1/request/anna", false, fmt.Sprintf(r, rev)))
	}
	tb.happen() // rev is another now
	b.network.mend()
	assert.Equal(t, "stale_rev", anna.response("traction/lumbar-1/response/anna", "queued").Code)
	assert.Equal(t, "ok", anna.response("traction/lumbar-1/response/anna", "late").Status)
	assert.Equal(t, 1, tb.obeyed(control.CommandStop))
}

package security

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/test/parts"
)

const page = "../../docs/SECURITY.md"

// TestSignedAsDocumented: with a key, a start that is not signed with it is refused
// although everything else is right, and the page's commands make one that is obeyed.
func TestSignedAsDocumented(t *testing.T) {
	parts.Heavy(t, "takes a quarter of a minute of real time")
	b := newBroker(t)
	dir := t.TempDir()
	key, other := filepath.Join(dir, "key"), filepath.Join(dir, "other")
	for _, path := range []string{key, other} {
		require.NoError(t, os.WriteFile(path, []byte(shell(t, dir, "openssl rand -hex 32")), 0o640))
	}
	tb := newTable(t, b, "table-1", nil)
	tb.startControl("--request-key-file", key)
	tb.startGateway()
	sc := &scene{t: t, b: b, tb: tb, watcher: b.as(t, "recorder"), anna: b.as(t, "anna"), home: b.as(t, "homeassistant")}
	sc.online()

	n := 0
	sign := func(with, key string, s *control.Snapshot) (id, payload string) {
		n++
		id = fmt.Sprintf("signed%d", n)
		return id, shell(t, dir, documented(t, page, with), "KEY="+key, "ID="+id, fmt.Sprintf("REV=%d", s.Rev))
	}
	for _, with := range []string{"# signed with openssl", "# signed with python"} {
		if strings.Contains(with, "python") {
			parts.Program(t, "python3", "python3")
		}
		refused := func(what, want string, payload func(s *control.Snapshot) (id, payload string)) {
			s := tb.ready()
			id, text := payload(s)
			sc.anna.request(false, text)
			assert.Equal(t, want, sc.anna.answer(id, 1).Code, what)
			assert.Equal(t, control.Armed, tb.now().Mode, what)
		}
		refused("no signature", "unsigned", func(s *control.Snapshot) (id, payload string) {
			start := sc.start(s)
			return decode[response](t, start).ID, start
		})
		refused("another key", "unsigned", func(s *control.Snapshot) (id, payload string) { return sign(with, other, s) })
		refused("another rev under the signature", "unsigned", func(s *control.Snapshot) (id, payload string) {
			old := *s
			old.Rev--
			id, payload = sign(with, key, &old)
			return id, strings.Replace(payload, fmt.Sprint(old.Rev), fmt.Sprint(s.Rev), 1)
		})
		refused("signed for another state", "stale_rev", func(s *control.Snapshot) (id, payload string) {
			old := *s
			old.Rev--
			return sign(with, key, &old)
		})
		id, payload := sign(with, key, tb.ready())
		sc.anna.request(false, payload)
		require.Equal(t, "ok", sc.anna.answer(id, 1).Code)
		tb.await("the rope moves", func(s *control.Snapshot) bool { return s.Mode == control.Treating && s.Position > 0 })
		sc.anna.request(false, `{"id":"enough","command":"stop"}`)
		tb.await("slack", func(s *control.Snapshot) bool { return s.Mode == control.Idle || s.Mode == control.Tripped })
	}
	assert.GreaterOrEqual(t, sc.count(refused("unsigned")), 6, "each leaves an event")
	sc.watcher.validated(t)
	sc.anna.validated(t)
}

// TestPageNamesTestsThatExist, and there is a reason for each.
func TestPageNamesTestsThatExist(t *testing.T) {
	named := regexp.MustCompile("`(Test[A-Z][A-Za-z]*)`").FindAllStringSubmatch(read(t, page), -1)
	require.Greater(t, len(named), 20)
	out, err := exec.Command("grep", "-rhoE", "--include=*_test.go", `^func Test[A-Za-z]+\(`, "../..").Output()
	require.NoError(t, err)
	for _, name := range named {
		assert.Contains(t, string(out), "func "+name[1]+"(", "a test that the page names")
	}
}

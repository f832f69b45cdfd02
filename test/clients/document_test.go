package clients

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/test/parts"
)

// example is one block of a document in which something is done with Mosquitto's clients.
type example struct {
	where   string   // document and line
	scripts []string // what is typed, one after the other
	answers []answered
}

// answered is a response as a document shows it.
type answered struct{ ID, Status, Code, Message, Mode string }

var (
	fence    = regexp.MustCompile("(?ms)^```[a-z]*\n(.*?)^```$")
	labelled = regexp.MustCompile(`(?m)^[A-Z][^:$\n]*: +(mosquitto_(?:pub|sub) .*)$`)
	typed    = regexp.MustCompile(`(?m)^\$ (.*mosquitto_(?:pub|sub) .*)$`)
	shown    = regexp.MustCompile(`(?m)^traction/\S+/response\S* (\{.*\})$`)
)

// examplesOf finds in a document: "$ command" lines with the responses behind
// them, "Label: command" in the output of the appliance, and scripts.
func examplesOf(t *testing.T, path string) (all []example) {
	t.Helper()
	raw, err := os.ReadFile("../../" + path)
	require.NoError(t, err)
	for _, at := range fence.FindAllSubmatchIndex(raw, -1) {
		block := string(raw[at[2]:at[3]])
		e := example{where: fmt.Sprintf("%s:%d", path, 1+strings.Count(string(raw[:at[0]]), "\n"))}
		for _, rule := range []*regexp.Regexp{labelled, typed} {
			for _, m := range rule.FindAllStringSubmatch(block, -1) {
				e.scripts = append(e.scripts, m[1])
			}
		}
		if len(e.scripts) == 0 && strings.Contains(block, "mosquitto_") {
			e.scripts = []string{block}
		}
		for _, m := range shown.FindAllStringSubmatch(block, -1) {
			var a answered
			require.NoError(t, json.Unmarshal([]byte(m[1]), &a), e.where)
			e.answers = append(e.answers, a)
		}
		if len(e.scripts) > 0 {
			all = append(all, e)
		}
	}
	return all
}

var (
	anyHost  = regexp.MustCompile(` -[hp] \S+`)
	client   = regexp.MustCompile(`mosquitto_(?:pub|sub)`)
	anyTable = regexp.MustCompile(`traction/[a-z][a-z0-9-]*/`)
	someRev  = regexp.MustCompile(`"rev":\d{6,}`) // of the run that the document shows; smaller ones are wrong on purpose
	anID     = regexp.MustCompile(`\\?"id\\?":\\?"([^"\\]+)`)
	anyRev   = regexp.MustCompile(`\d{6,}`)
)

// here makes of a script that was written for another broker, table and state
// one for these.
func here(script, port string, rev uint64) string {
	script = anyHost.ReplaceAllString(script, "")
	script = client.ReplaceAllString(script, "$0 -h 127.0.0.1 -p "+port)
	script = anyTable.ReplaceAllString(script, root)
	return someRev.ReplaceAllString(script, fmt.Sprintf(`"rev":%d`, rev))
}

// TestDocuments: what the documents show for a shell does what they say, with
// Debian's mosquitto_pub and mosquitto_sub. Requests whose response is shown get
// exactly that one; all others are obeyed.
func TestDocuments(t *testing.T) {
	parts.Heavy(t, "starts real processes and takes real time")
	t.Parallel()
	parts.Program(t, "mosquitto_pub", "mosquitto-clients")
	m := startMosquitto(t)
	tb := startTable(t, m.URL())
	o := observe(t, m.URL(), "eyes")
	for path, least := range map[string]int{"README.md": 2, "docs/mqtt.md": 2} {
		examples := examplesOf(t, path)
		require.GreaterOrEqual(t, len(examples), least, "blocks with mosquitto_ in %s", path)
		for _, e := range examples {
			t.Run(e.where, func(t *testing.T) { tb.show(t, m, o, e) })
		}
	}
}

// show runs one example on a table in treatment.
func (tb *table) show(t *testing.T, m *mosquitto, o *observer, e example) {
	if tb.until(t, "any state", func(*control.Snapshot) bool { return true }).Mode == control.Idle {
		tb.treat(t)
	}
	all := strings.Join(e.scripts, "\n")
	if strings.Contains(all, "resume") && !strings.Contains(all, "pause") {
		tb.pause(t) // so that there is something to resume
	}
	for _, script := range e.scripts {
		s := tb.until(t, "any state", func(*control.Snapshot) bool { return true })
		parts.Eventually(t, "that state at the broker", func() bool {
			return strings.Contains(o.last("state"), fmt.Sprintf(`"rev":%d,`, s.Rev))
		})
		before := len(o.seen())
		tb.shell(t, here(script, m.Port(), s.Rev))
		for _, id := range anID.FindAllStringSubmatch(script, -1) {
			want, got := e.expected(id[1]), o.response(t, before, id[1])
			if want.Code == "" { // nothing is shown
				assert.Equal(t, want.Status, got.Status, "%s: %s", script, got.Message)
			} else {
				assert.Equal(t, want, got, script)
			}
		}
	}
	if strings.Contains(all, `"stop`) {
		tb.mode(t, control.Idle)
	}
}

// expected is the response to an id that the document shows; where it shows none, obeyed is enough.
func (e *example) expected(id string) answered {
	for _, a := range e.answers {
		if a.ID == id {
			a.Message = anyRev.ReplaceAllString(a.Message, "REV")
			return a
		}
	}
	return answered{ID: id, Status: "ok"}
}

// response waits for the one to an id after what was seen before.
func (o *observer) response(t *testing.T, before int, id string) (a answered) {
	t.Helper()
	parts.Eventually(t, "the response to "+id, func() bool {
		for _, m := range o.seen()[before:] {
			if strings.HasPrefix(m.topic, "response") {
				a = answered{}
				require.NoError(t, json.Unmarshal([]byte(m.payload), &a))
				if a.ID == id {
					return true
				}
			}
		}
		return false
	})
	a.Message = anyRev.ReplaceAllString(a.Message, "REV")
	return a
}

// shell runs a script as somebody would who watches: one that would go on for
// ever is ended when it has shown something.
func (tb *table) shell(t *testing.T, script string) {
	t.Helper()
	endless := strings.Contains(script, "mosquitto_sub") && !strings.Contains(script, " -C ")
	if !endless {
		out, err := exec.CommandContext(bounded(t), "bash", "-euo", "pipefail", "-c", script).CombinedOutput()
		require.NoError(t, err, "%s\n%s", script, out)
		return
	}
	p := launch(t, "", "bash", "-c", "exec "+script)
	parts.Eventually(t, "output of "+script, func() bool { return strings.Contains(p.out.String(), "\n") })
	p.End()
	assert.Regexp(t, `^traction/`+tableID+`/\w+ `, p.out.String())
}

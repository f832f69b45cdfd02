package mqtt

import (
	"context"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/control/link"
)

// own are the gateway's own events that were seen, each once.
func (o *observer) own() (out []Event) {
	for _, s := range o.on("event") {
		e := decode[Event](o.t, s.payload)
		if e.Source == FromGateway && !slices.ContainsFunc(out, func(x Event) bool { return x.Seq == e.Seq }) {
			out = append(out, e)
		}
	}
	return out
}

// Each request that is not obeyed leaves an event, and a client that does not stop
// does not fill the backlog with them.
func TestRefusedRequestsLeaveEvents(t *testing.T) {
	b := &embedded{at: "127.0.0.1:0"}
	b.start(t)
	defer b.stop(t)
	_, o := serving(t, b, newTable())
	const again = `{"id":"twice","rev":1000,"command":"set","hold_n":100}`
	for i, c := range []struct {
		topic, payload string
		retained       bool
		want           Kind
		text           string
	}{
		{"request", again, false, "", ""},
		{"request", again, false, RepeatedRequest, `The set request "twice" came again`},
		{"request", `{"id":"twice","rev":1000,"command":"set","hold_n":120}`, false, MalformedRequest, `refused (id "twice"): id: "twice" was used for another request`},
		{"request", `{"id":"r","rev":1000,"command":"start"}`, true, "", ""}, // to us it is not: it was published before our eyes
		{"request", `{"id":"m","rev":1000,"command":"start","now":true}`, false, MalformedRequest, `"now": is not a field`},
		{"request/home", `nonsense`, false, MalformedRequest, "A request of client home was refused"},
		{"request", `{"id":"o"` + strings.Repeat(" ", link.MaxRequest) + `}`, false, OversizeRequest, "4096 are allowed"},
	} {
		before := len(o.own())
		o.publish(c.topic, c.retained, c.payload)
		if c.want == "" {
			continue
		}
		eventually(t, string(c.want), func() bool { return len(o.own()) > before })
		e := o.own()[before]
		assert.Equal(t, string(c.want), e.EventType, i)
		assert.Contains(t, e.Text, c.text, i)
		assert.Equal(t, uint64(before+1), e.Seq, "without gaps")
	}
}

// The control process remembers what another gateway, or this one before a restart, has
// asked; that the request came again is told all the same.
func TestRepetitionThatOnlyTheTableKnowsIsTold(t *testing.T) {
	b := &embedded{at: "127.0.0.1:0"}
	b.start(t)
	defer b.stop(t)
	tb := newTable()
	tb.answer = func(_ context.Context, r link.Request) (link.Response, error) {
		return link.Response{ID: r.ID, Status: link.StatusOK, Repeated: true}, nil
	}
	_, o := serving(t, b, tb)
	o.publish("request", false, `{"id":"once","rev":1000,"command":"start"}`)
	eventually(t, "told", func() bool { return len(o.own()) == 1 })
	assert.Equal(t, string(RepeatedRequest), o.own()[0].EventType)
	assert.Contains(t, o.own()[0].Text, `The start request "once" came again`)
	assert.NotContains(t, o.last("response"), "repeated", "the answer is the first one's")
}

func TestFloodIsToldNowAndThen(t *testing.T) {
	g, err := New(tcp1(), Parts{Dial: newTable().dial})
	require.NoError(t, err)
	for range 1000 {
		g.Tell(MalformedRequest, "Nonsense.")
	}
	g.Tell(RetainedRequest, "Another kind.")
	assert.Len(t, g.telling, ownBurst+1)
	assert.Equal(t, 1000-ownBurst, g.own[MalformedRequest].more)
	g.own[MalformedRequest].limit = newLimiter(1, 1) // some time later
	for range ownBurst + 1 {
		<-g.telling
	}
	g.Tell(MalformedRequest, "Nonsense.")
	assert.Equal(t, "Nonsense. 990 more like this were not told one by one.", (<-g.telling).Text)
	assert.Zero(t, g.own[MalformedRequest].more)
}

// Texts quote what strangers send; one that the record does not take would keep all
// that come after it out of the record.
func TestOwnTextsAreBounded(t *testing.T) {
	g, err := New(tcp1(), Parts{Dial: newTable().dial})
	require.NoError(t, err)
	g.Tell(MalformedRequest, strings.Repeat("ä", 10_000)+".")
	e := <-g.telling
	assert.True(t, utf8.ValidString(e.Text))
	assert.Len(t, e.Text, ownText+len("..."))
	assert.Equal(t, "ab...", shorten("abä", 3))
	assert.Equal(t, "abä", shorten("abä", 4))
}

// A client with a topic of its own has limit, ids and answers of its own.
func TestClientsHaveTopicsOfTheirOwn(t *testing.T) {
	onEachBroker(t, func(t *testing.T, b testBroker) {
		tb := newTable()
		_, o := serving(t, b, tb)
		for range 3 * requestBurst {
			o.publish("request/greedy", false, `{"id":"g","rev":1000,"command":"arm","x":1}`)
		}
		o.publish("request/home", false, `{"id":"same","rev":1000,"command":"set","hold_n":100}`)
		o.publish("request/away", false, `{"id":"same","rev":1000,"command":"set","hold_n":200}`)
		for client, hold := range map[string]string{"home": "100N", "away": "200N"} {
			eventually(t, "answer to "+client, func() bool { return len(o.on("response/"+client)) == 1 })
			assert.Equal(t, link.StatusOK, decode[Response](t, o.last("response/"+client)).Status, hold)
		}
		got := []string{tb.next(t).Hold.String(), tb.next(t).Hold.String()}
		assert.ElementsMatch(t, []string{"100N", "200N"}, got)
		assert.Empty(t, o.on("response"), "answers go to who asked")
		o.publish("request/greedy", false, `{"id":"s","command":"stop"}`)
		assert.Equal(t, control.CommandStop, tb.next(t).Command, "a stop knows no limit")
	})
}

// A client whose name cannot be told apart can stop and pause all the same.
func TestNamelessClientStops(t *testing.T) {
	b := &embedded{at: "127.0.0.1:0"}
	b.start(t)
	defer b.stop(t)
	tb := newTable()
	o := observe(t, b)
	o.mine[""] = true // to clear such a topic is outside the contract as well
	o.publish("request/b@example.org", true, `{"id":"old","rev":1000,"command":"start"}`)
	run(t, tb, tcp(b.addr()))
	eventually(t, "the retained one is refused", func() bool { return len(o.responses("old")) == 1 })
	eventually(t, "and cleared", func() bool { return len(o.on("request/b@example.org")) > 1 })
	o.available(Online)

	o.publish("request/a@example.org", false, `{"id":"p","command":"pause"}`)
	assert.Equal(t, control.CommandPause, tb.next(t).Command)
	o.publish("request/a@example.org", false, `{"id":"s","command":"stop","x":1}`)
	assert.Equal(t, control.CommandStop, tb.next(t).Command)
	assert.Equal(t, link.StatusOK, o.response("s", 1).Status)
	o.publish("request/"+strings.Repeat("a", 41), false, `{"id":"set","rev":1000,"command":"set","hold_n":100}`)
	r := o.response("set", 1)
	assert.Equal(t, []string{"malformed", errNameless.Error()}, []string{r.Code, r.Message})
	assert.Empty(t, tb.asked)
}

// library has one report.
type library struct{}

func (library) Report(name string) (link.Boot, control.Report, error) {
	if name != "" && name != "b001-3" {
		return link.Boot{}, control.Report{}, ErrNoReport
	}
	return link.Boot{ID: "b001"}, control.Report{Treatment: 3, Programme: "demo", End: control.EndCompleted}, nil
}

func TestPastSessionIsPublished(t *testing.T) {
	b := &embedded{at: "127.0.0.1:0"}
	b.start(t)
	defer b.stop(t)
	tb := newTable()
	bare, o := serving(t, b, tb)
	o.publish("request", false, `{"id":"none","command":"report"}`)
	assert.Equal(t, CodeNotFound, o.response("none", 1).Code)
	assert.Contains(t, o.response("none", 1).Message, "keeps no records")
	bare.stop()
	tb.past = library{}
	_, o = serving(t, b, tb)
	for i, request := range []string{`{"id":"last","command":"report"}`, `{"id":"last","command":"report"}`, `{"id":"named","command":"report","session":"b001-3"}`} {
		o.publish("request", false, request)
		eventually(t, request, func() bool { return len(o.on("report")) == i+1 })
		got := decode[PastSession](t, o.last("report"))
		assert.Equal(t, "b001-3", got.Session.Session)
		assert.False(t, o.on("report")[i].retained)
	}
	assert.Equal(t, "named", decode[PastSession](t, o.last("report")).RequestID)
	assert.Contains(t, o.response("last", 2).Message, "published b001-3")
	assert.Nil(t, o.response("last", 1).Rev, "the control process was not asked")
	o.publish("request", false, `{"id":"gone","command":"report","session":"b001-9"}`)
	r := o.response("gone", 1)
	assert.Equal(t, []string{CodeNotFound, "there is no report of b001-9; the session topic and \"appliance sessions list\" have names"}, []string{r.Code, r.Message})
	o.publish("request", false, `{"id":"bad","command":"report","session":"../x y"}`)
	assert.Contains(t, o.response("bad", 1).Message, "session: ")
}

// emptyLibrary has no report.
type emptyLibrary struct{}

func (emptyLibrary) Report(string) (link.Boot, control.Report, error) {
	return link.Boot{}, control.Report{}, ErrNoReport
}

func TestLastReportBeforeTheFirst(t *testing.T) {
	b := &embedded{at: "127.0.0.1:0"}
	b.start(t)
	defer b.stop(t)
	tb := newTable()
	tb.past = emptyLibrary{}
	_, o := serving(t, b, tb)
	o.publish("request", false, `{"id":"last","command":"report"}`)
	r := o.response("last", 1)
	assert.Equal(t, []string{CodeNotFound, "there is no report yet; one comes when a treatment has ended"}, []string{r.Code, r.Message})
}

func TestUnpublishNeedsTheLevelAdjust(t *testing.T) {
	for level, code := range map[control.Permission]string{control.Monitor: "not_allowed", control.StopOnly: "not_allowed", control.Adjust: "ok", control.FullRemote: "ok"} {
		b := &embedded{at: "127.0.0.1:0"}
		b.start(t)
		tb := newTable()
		tb.remote = level
		_, o := serving(t, b, tb)
		o.publish("request", false, `{"id":"u","command":"unpublish"}`)
		assert.Equal(t, code, o.response("u", 1).Code, level)
		assert.Empty(t, tb.asked)
		b.stop(t)
	}
}

func TestDiagnostics(t *testing.T) {
	b := &embedded{at: "127.0.0.1:0"}
	b.start(t)
	defer b.stop(t)
	o := observe(t, b)
	tb := newTable()
	run(t, tb, tcp(b.addr()))
	eventually(t, "diagnostics", func() bool { return o.last("diagnostics") != "" })
	d := decode[Diagnostics](t, o.last("diagnostics"))
	assert.Equal(t, uint64(1), d.Connects)
	assert.Equal(t, 0, *d.Backlog)
	assert.False(t, o.on("diagnostics")[0].retained)
}

func TestEventTypesAreClosed(t *testing.T) {
	all := EventTypes()
	assert.Contains(t, all, "boot")
	assert.Contains(t, all, "silenced")
	assert.Contains(t, all, "retained-request")
	assert.NotContains(t, all, "unknown")
	assert.Len(t, slices.Compact(slices.Sorted(slices.Values(all))), len(all), "each once")
}

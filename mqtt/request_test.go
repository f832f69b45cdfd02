package mqtt

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/link"
)

// serving is a gateway with its table and an observer, ready for requests.
func serving(t *testing.T, b testBroker, tb *table) (*running, *observer) {
	t.Helper()
	o := observe(t, b)
	g := run(t, tb, tcp(b.addr()))
	o.available(Online)
	return g, o
}

// next waits for the next request that reaches the table.
func (t *table) next(tt *testing.T) link.Request {
	tt.Helper()
	select {
	case r := <-t.asked:
		return r
	case <-time.After(generous):
		tt.Fatal("no request reached the table")
		return link.Request{}
	}
}

func TestRequestIsAnswered(t *testing.T) {
	onEachBroker(t, func(t *testing.T, b testBroker) {
		tb := newTable()
		_, o := serving(t, b, tb)
		o.publish("request", false, `{"id":"7f","rev":1000,"command":"set","hold_n":120.5}`)
		r := o.response("7f", 1)
		assert.Equal(t, link.StatusOK, r.Status)
		assert.Equal(t, "ok", r.Code)
		assert.Equal(t, uint64(1000), *r.Rev)
		assert.Equal(t, Schema, r.Schema)
		got := tb.next(t)
		assert.Equal(t, control.CommandSet, got.Command)
		assert.Equal(t, 120500*physic.MilliNewton, *got.Hold)
	})
}

func TestMalformedIsAnswered(t *testing.T) {
	b := &embedded{at: "127.0.0.1:0"}
	b.start(t)
	defer b.stop(t)
	tb := newTable()
	_, o := serving(t, b, tb)
	for _, c := range []struct{ name, payload, id, code, message string }{
		{"no JSON", `hello`, "", "malformed", "is not JSON"},
		{"unknown field", `{"id":"u1","rev":1,"command":"start","faster":true}`, "u1", "malformed", "faster"},
		{"no rev", `{"id":"u2","command":"start"}`, "u2", "malformed", "rev"},
		{"out of range", `{"id":"u3","rev":1,"command":"set","hold_n":9999}`, "u3", "out_of_range", "hold_n"},
		{"trailing", `{"id":"u4","rev":1,"command":"arm"} {}`, "", "malformed", "follows"},
		{"bad id", `{"id":"a b","rev":1,"command":"arm"}`, "", "malformed", "id"},
		{"oversize", `{"id":"u5","rev":1,"command":"arm"` + strings.Repeat(" ", link.MaxRequest) + `}`, "", "malformed", "too many"},
	} {
		before := len(o.on("response"))
		o.publish("request", false, c.payload)
		eventually(t, c.name, func() bool { return len(o.on("response")) > before })
		r := decode[Response](t, o.last("response"))
		assert.Equal(t, c.id, r.ID, c.name)
		assert.Equal(t, link.StatusRefused, r.Status, c.name)
		assert.Equal(t, c.code, r.Code, c.name)
		assert.Contains(t, r.Message, c.message, c.name)
		assert.Nil(t, r.Rev, c.name)
	}
	assert.Empty(t, tb.asked, "none reached the table")
}

func TestRetainedRequestIsNeverObeyed(t *testing.T) {
	for _, payload := range []string{
		`{"id":"old","rev":1000,"command":"start"}`,
		`{"id":"old","command":"stop"}`,
		`{"id":"old","command":"pause"}`,
	} {
		onEachBroker(t, func(t *testing.T, b testBroker) {
			o := observe(t, b)
			o.publish("request", true, payload)
			tb := newTable()
			run(t, tb, tcp(b.addr()))
			r := o.response("old", 1)
			assert.Equal(t, CodeRetained, r.Code)
			assert.Equal(t, link.StatusRefused, r.Status)
			eventually(t, "cleared", func() bool {
				all := o.on("request")
				return len(all) > 0 && all[len(all)-1].payload == ""
			})
			eventually(t, "reported", func() bool { return o.last("event") != "" })
			e := decode[Event](t, o.last("event"))
			assert.Equal(t, "retained-request", e.EventType)
			assert.Equal(t, FromGateway, e.Source)
			// A request after it is answered, so the retained one has been dealt with.
			o.publish("request", false, `{"id":"new","rev":1000,"command":"arm"}`)
			o.response("new", 1)
			assert.Equal(t, control.CommandArm, tb.next(t).Command)
			assert.Empty(t, tb.asked)
			assert.Len(t, o.on("response"), 2, "the clearing itself is no request")

			late := observe(t, b)
			eventually(t, "state", func() bool { return late.last("state") != "" })
			assert.Empty(t, late.on("request"), "the broker has forgotten it")
		})
	}
}

func TestSameIDTwiceIsOneAction(t *testing.T) {
	onEachBroker(t, func(t *testing.T, b testBroker) {
		tb := newTable()
		n := 0
		tb.answer = func(_ context.Context, r link.Request) (link.Response, error) {
			n++ // requests come one after the other
			return link.Answer(r.ID, control.Reply{Kind: r.Command, Rev: uint64(1000 + n), Mode: control.Armed}), nil
		}
		_, o := serving(t, b, tb)
		request := `{"id":"dup","rev":1000,"command":"arm"}`
		o.publish("request", false, request)
		o.publish("request", false, request)
		first, second := o.response("dup", 1), o.response("dup", 2)
		assert.Equal(t, *first.Rev, *second.Rev)
		assert.Equal(t, first.Message, second.Message)
		assert.Len(t, tb.asked, 1)

		o.publish("request", false, `{"id":"dup","rev":1001,"command":"start"}`)
		third := o.response("dup", 3)
		assert.Equal(t, link.StatusRefused, third.Status, "another request under a used id")
		assert.Contains(t, third.Message, "another request")
		assert.Len(t, tb.asked, 1)
	})
}

// While the control process did not answer, nothing is known of what it did, and
// trying again with the same id asks it again: it knows the id.
func TestUnansweredIsAskedAgain(t *testing.T) {
	b := &embedded{at: "127.0.0.1:0"}
	b.start(t)
	defer b.stop(t)
	tb := newTable()
	first := true
	plain := tb.answer
	tb.answer = func(ctx context.Context, r link.Request) (link.Response, error) {
		if first {
			first = false
			return link.Response{}, context.DeadlineExceeded
		}
		return plain(ctx, r)
	}
	_, o := serving(t, b, tb)
	for range 2 {
		o.publish("request", false, `{"id":"again","rev":1000,"command":"arm"}`)
	}
	assert.Equal(t, "unanswered", o.response("again", 1).Code)
	assert.Equal(t, "ok", o.response("again", 2).Code)
	assert.Equal(t, "again", tb.next(t).ID)
	assert.Equal(t, "again", tb.next(t).ID)
}

func TestRequestsKeepTheirOrder(t *testing.T) {
	b := &embedded{at: "127.0.0.1:0"}
	b.start(t)
	defer b.stop(t)
	tb := newTable()
	_, o := serving(t, b, tb)
	const n = requestBurst
	for i := range n {
		o.client.Publish("traction/t1/request", 1, false, fmt.Sprintf(`{"id":"o%d","rev":1000,"command":"set","hold_n":%d}`, i, 100+i))
	}
	for i := range n {
		assert.Equal(t, fmt.Sprintf("o%d", i), tb.next(t).ID)
	}
}

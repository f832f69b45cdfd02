package mqtt

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/control/link"
)

// A button of Home Assistant sends the same bytes each time.
func TestStopAndPauseActEachTime(t *testing.T) {
	onEachBroker(t, func(t *testing.T, b testBroker) {
		tb := newTable()
		_, o := serving(t, b, tb)
		for _, command := range []string{"stop", "pause"} {
			ids := map[string]bool{}
			for i := range 3 {
				o.publish("request", false, fmt.Sprintf(`{"id":"%s-button","command":%q}`, command, command))
				r := o.response(command+"-button", i+1)
				assert.Equal(t, link.StatusOK, r.Status)
				got := tb.next(t)
				assert.Equal(t, command, got.Command.String())
				assert.NotEqual(t, command+"-button", got.ID, "the control process takes the same id twice for one request")
				assert.False(t, got.ID != "" && ids[got.ID])
				ids[got.ID] = true
			}
		}
	})
}

func TestStopActsHoweverBrokenItsRequest(t *testing.T) {
	b := &embedded{at: "127.0.0.1:0"}
	b.start(t)
	defer b.stop(t)
	tb := newTable()
	_, o := serving(t, b, tb)
	for _, payload := range []string{
		`{"command":"stop"`,
		`{"id":"ä ö","command":"stop"}`,
		`{"id":"s","command":"stop","hold_n":9e99}`,
		`{"id":"s","command":"stop"}` + strings.Repeat(" ", link.MaxRequest),
	} {
		before := len(o.on("response"))
		o.publish("request", false, payload)
		assert.Equal(t, control.CommandStop, tb.next(t).Command)
		eventually(t, "answer", func() bool { return len(o.on("response")) > before })
		r := decode[Response](t, o.last("response"))
		assert.Equal(t, link.StatusOK, r.Status)
		assert.Equal(t, "malformed", r.Code)
	}
}

func TestStopWaitsForNothing(t *testing.T) {
	b := &embedded{at: "127.0.0.1:0"}
	b.start(t)
	defer b.stop(t)
	tb := newTable()
	release := make(chan struct{})
	plain := tb.answer
	tb.answer = func(ctx context.Context, r link.Request) (link.Response, error) {
		if r.Command != control.CommandStop {
			select { // a table that takes for ever about everything else
			case <-release:
			case <-ctx.Done():
				return link.Response{}, ctx.Err()
			}
		}
		return plain(ctx, r)
	}
	o := observe(t, b)
	run(t, tb, tcp(b.addr()), func(p *pace) { p.ask = generous })
	o.available(Online)
	o.publish("request", false, `{"id":"slow","rev":1000,"command":"arm"}`)
	o.publish("request", false, `{"id":"slower","command":"pause"}`)
	assert.ElementsMatch(t, []control.CommandKind{control.CommandArm, control.CommandPause},
		[]control.CommandKind{tb.next(t).Command, tb.next(t).Command})
	o.publish("request", false, `{"id":"now","command":"stop"}`)
	assert.Equal(t, link.StatusOK, o.response("now", 1).Status)
	assert.Empty(t, o.responses("slow"))
	assert.Empty(t, o.responses("slower"))
	close(release)
	o.response("slow", 1)
	o.response("slower", 1)
}

func TestStopInAFlood(t *testing.T) {
	onEachBroker(t, func(t *testing.T, b testBroker) {
		tb := newTable()
		g, o := serving(t, b, tb)
		flooder := observe(t, b)
		const each = 1000
		flood := func() {
			for i := range each {
				payload := fmt.Sprintf(`{"id":"g%d","rev":1,"command":"start","garbage":%d}`, i, i)
				if i%2 == 0 {
					payload = fmt.Sprintf(`{"id":"f%d","rev":1,"command":"arm"}`, i)
				}
				flooder.client.Publish("traction/t1/request", 0, false, payload)
			}
		}
		for i := range 3 {
			flood()
			o.publish("request", false, fmt.Sprintf(`{"id":"stop-%d","command":"stop"}`, i))
			assert.Equal(t, link.StatusOK, o.response(fmt.Sprintf("stop-%d", i), 1).Status)
			flood()
		}
		stops := 0
		eventually(t, "three stops at the table", func() bool {
			for len(tb.asked) > 0 {
				if r := <-tb.asked; r.Command == control.CommandStop {
					stops++
				}
			}
			return stops == 3
		})
		assert.Positive(t, g.dropped.Load())
		assert.Less(t, len(o.on("response")), 6*each/2, "most of a flood is not even answered")
		eventually(t, "it goes on working afterwards", func() bool {
			o.publish("request", false, `{"id":"after","rev":1000,"command":"arm"}`)
			r := o.responses("after")
			return len(r) > 0 && r[len(r)-1].Status == link.StatusOK
		})
		assert.Equal(t, Online, o.last("availability"))
	})
}

// A stop that finds no control process is handed over as soon as there is one.
func TestStopOutlivesALostLink(t *testing.T) {
	b := &embedded{at: "127.0.0.1:0"}
	b.start(t)
	defer b.stop(t)
	tb := newTable()
	o := observe(t, b)
	run(t, tb, tcp(b.addr()), func(p *pace) { p.stopping = generous })
	o.available(Online)
	tb.vanish()
	o.available(Offline)
	o.publish("request", false, `{"id":"s","command":"stop"}`)
	o.publish("request", false, `{"id":"p","command":"pause"}`)
	assert.Equal(t, "unanswered", o.response("p", 1).Code)
	require.Empty(t, o.responses("s"))
	tb.appear()
	assert.Equal(t, link.StatusOK, o.response("s", 1).Status)
	assert.Equal(t, control.CommandStop, tb.next(t).Command)
}

func TestStopWithoutControlProcessIsAnswered(t *testing.T) {
	b := &embedded{at: "127.0.0.1:0"}
	b.start(t)
	defer b.stop(t)
	tb := newTable()
	tb.vanish()
	o := observe(t, b)
	run(t, tb, tcp(b.addr()), func(p *pace) { p.stopping = 50 * time.Millisecond })
	o.available(Offline)
	o.publish("request", false, `{"id":"s","command":"stop"}`)
	r := o.response("s", 1)
	assert.Equal(t, "unanswered", r.Code)
	assert.Contains(t, r.Message, "switch at the table")
}

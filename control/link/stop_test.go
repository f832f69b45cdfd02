package link

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
)

// A stop acts while the executive hangs and earlier requests wait for it.
// It shows R-STOP-ALWAYS.
func TestStopPassesEverything(t *testing.T) {
	inRoom(t, control.Remote, func(t *testing.T, r *room) {
		r.exec.change(func(e *executive) {
			e.reply = func(ctx context.Context, _ control.Command) (control.Reply, error) {
				<-ctx.Done()
				return control.Reply{}, ctx.Err()
			}
		})
		v := r.visitor()
		defer v.Close()
		for i := range requestQueue + 3 {
			v.send(fmt.Sprintf(`{"request":{"id":"%d","rev":1,"command":"arm"}}`, i))
		}
		v.send(`{"request":{"id":"p","command":"pause"}}`, `{"request":{"id":"s","command":"stop"}}`)
		synctest.Wait()
		stops, commands := r.exec.got()
		assert.Equal(t, []control.Origin{control.Remote}, stops, "no time has passed")
		assert.Len(t, commands, 2, "one that hangs, and the pause past it")
		all := ""
		for !strings.Contains(all, `"id":"s"`) {
			all += v.read()
		}
		assert.Contains(t, all, `{"id":"s","status":"ok","code":"ok","message":"stop: handed over at once","rev":42,"mode":"armed"}`)
		assert.Contains(t, all, `"code":"queue_full"`)
	})
}

// A stop in rubbish acts and is told what was wrong.
func TestStopInRubbish(t *testing.T) {
	for _, c := range []struct{ send, want string }{
		{`{"request":{"command":"stop","id":"1","hold_n":"much","speed":3}}`, `"status":"ok","code":"malformed","message":"stop: handed over at once; the rest of the request was wrong: hold_n: `},
		{`{"request":{"command":"st\u006fp","id":"1"}}`, `{"response":{"id":"1","status":"ok","code":"ok"`},
		{`{"request":{"command":"stop","id":"1"`, `{"error":{"message":"stop: handed over at once; the rest of the request was wrong: line: is not JSON`},
		{`{"id":"1","command":"stop"}`, `{"error":{"message":"stop: handed over at once`},
		{`{"request":{"command":"stop"},"ping":{}}`, `{"error":{"message":"stop: handed over at once`},
		{`{"subscribe":{"command":"stop"}}`, `{"error":{"message":"stop: handed over at once`},
		{`{"request":{"command":"stop","pad":"` + strings.Repeat("x", MaxRequest) + `"}}`, `the rest of the request was wrong: request: `},
		{`{"command":"stop","pad":"` + strings.Repeat("x", maxClientLine), `{"error":{"message":"line: is too long"}}`},
	} {
		inRoom(t, control.Table, func(t *testing.T, r *room) {
			v := r.visitor()
			defer v.Close()
			go func() { _, _ = v.Write([]byte(c.send + "\n")) }() // the server may hang up before it has all
			assert.Contains(t, v.read(), c.want, c.send)
			stops, commands := r.exec.got()
			assert.Equal(t, []control.Origin{control.Table}, stops, c.send)
			assert.Empty(t, commands, c.send)
		})
	}
}

// A stop that was cut off before its end of line still acts.
func TestStopWithoutEndOfLine(t *testing.T) {
	inRoom(t, control.Table, func(t *testing.T, r *room) {
		v := r.visitor()
		_, err := v.Write([]byte(`{"request":{"command":"stop"`))
		require.NoError(t, err)
		require.NoError(t, v.Close())
		synctest.Wait()
		stops, _ := r.exec.got()
		assert.Len(t, stops, 1)
	})
}

// A flood is not decoded any more, but searched for stops to the last line.
func TestStopInAFlood(t *testing.T) {
	inRoom(t, control.Remote, func(t *testing.T, r *room) {
		v := r.visitor()
		defer v.Close()
		go func() { _, _ = io.Copy(io.Discard, v.lines) }()
		for range 5000 {
			v.send(`{"request":{"id":"1","command":"arm"}}`) // refused for its missing rev
		}
		v.send(`{"request":{"id":"1","command":"stop"}}`)
		synctest.Wait()
		stops, _ := r.exec.got()
		assert.Equal(t, []control.Origin{control.Remote}, stops)
		assert.Equal(t, lineBurst, r.exec.looks, "one for each line that was decoded")
	})
}

// Pause and stop always act: an automation that sends one id for ever must not
// find its second pause forgotten.
func TestPauseAndStopActWithTheSameID(t *testing.T) {
	inRoom(t, control.Remote, func(t *testing.T, r *room) {
		c := r.client()
		defer c.Close()
		for range 50 { // and beyond the rate limit
			_, err := c.Request(t.Context(), Request{ID: "7", Command: control.CommandPause})
			require.NoError(t, err)
			_, err = c.Request(t.Context(), Request{ID: "7", Command: control.CommandStop})
			require.NoError(t, err)
			time.Sleep(time.Second / 40) // 80 lines a second
		}
		stops, commands := r.exec.got()
		assert.Len(t, commands, 50)
		assert.Len(t, stops, 50)
	})
}

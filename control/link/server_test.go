package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
)

func TestHello(t *testing.T) {
	inRoom(t, control.Remote, func(t *testing.T, r *room) {
		c := r.client()
		defer c.Close()
		assert.Equal(t, Hello{Boot: r.exec.boot, Schema: Schema, Origin: control.Remote, EntryColumns: entryFields.names(),
			Remote: control.Adjust, Signed: true, Programmes: []string{"lumbar", "neck"}}, c.Hello())
	})
}

func TestRequestReachesTheExecutive(t *testing.T) {
	inRoom(t, control.Remote, func(t *testing.T, r *room) {
		c := r.client()
		defer c.Close()
		got, err := c.Request(t.Context(), Request{ID: "7", Rev: new(uint64(42)), Command: control.CommandSelect, Programme: "lumbar",
			BodyWeight: new(70 * physic.KiloGram), MaxForce: new(300 * physic.Newton)})
		require.NoError(t, err)
		assert.Equal(t, Response{ID: "7", Status: StatusOK, Message: "select: done, the mode is armed", Rev: 43, Mode: control.Armed}, got)

		_, err = c.Request(t.Context(), Request{Rev: new(uint64(43)), Command: control.CommandSet, Hold: new(400 * physic.Newton), RestTime: new(time.Second)})
		require.NoError(t, err)
		_, err = c.Request(t.Context(), Request{Rev: new(uint64(43)), Command: control.CommandHeat, Heat: new(control.MinHeat)})
		require.NoError(t, err)

		_, commands := r.exec.got()
		require.Len(t, commands, 3)
		assert.NotSame(t, &lumbar, commands[0].Programme, "the library may change its own")
		assert.Equal(t, control.Command{Kind: control.CommandSelect, Origin: control.Remote, Rev: 42, Programme: &lumbar,
			Person: control.Person{BodyWeight: 686_465_500 * physic.MicroNewton, MaxForce: 300 * physic.Newton}}, commands[0])
		assert.Equal(t, control.Command{Kind: control.CommandSet, Origin: control.Remote, Rev: 43, Set: control.Settings{
			Fields: control.FieldHold | control.FieldRestTime, Hold: 400 * physic.Newton, RestTime: time.Second}}, commands[1])
		assert.Equal(t, control.Command{Kind: control.CommandHeat, Origin: control.Remote, Rev: 43, Heat: control.MinHeat}, commands[2])
	})
}

// TestSignedReachesTheExecutive: only a signature made with the server's key counts.
func TestSignedReachesTheExecutive(t *testing.T) {
	inRoom(t, control.Remote, func(t *testing.T, r *room) {
		c := r.client()
		defer c.Close()
		start := Request{Rev: new(uint64(42)), Command: control.CommandStart}
		for i, key := range [][]byte{nil, testKey, []byte(strings.Repeat("x", LeastKey))} {
			start.ID = strconv.Itoa(i)
			start.Signature = nil
			if key != nil {
				start = Sign(start, key)
			}
			_, err := c.Request(t.Context(), start)
			require.NoError(t, err)
		}
		_, commands := r.exec.got()
		require.Len(t, commands, 3)
		for i, signed := range []bool{false, true, false} {
			assert.Equal(t, signed, commands[i].Signed, i)
			assert.Equal(t, control.CommandStart, commands[i].Kind)
		}
	})
}

func TestRefusals(t *testing.T) {
	inRoom(t, control.Table, func(t *testing.T, r *room) {
		v := r.visitor()
		defer v.Close()
		for _, c := range []struct {
			send string
			want string
		}{
			{`{"request":{"id":"1","rev":1,"command":"select","programme":"hips"}}`,
				`{"id":"1","status":"refused","code":"out_of_range","message":"programme: \"hips\": there is no such programme; allowed: lumbar, neck","rev":42,"mode":"armed"}`},
			{`{"request":{"id":"2","rev":1,"command":"set","hold_n":9}}`,
				`{"id":"2","status":"refused","code":"out_of_range","message":"hold_n: 9 is out of range, allowed: 20 to 500","rev":42,"mode":"armed"}`},
			{`{"request":{"id":"3","command":"start"}}`,
				`{"id":"3","status":"refused","code":"malformed","message":"rev: is missing; start needs the rev of the state it was decided on","rev":42,"mode":"armed"}`},
		} {
			v.send(c.send)
			assert.Equal(t, `{"response":`+c.want+`}`, v.read())
		}
		_, commands := r.exec.got()
		assert.Empty(t, commands)
	})
}

func TestQueueFullAndUnanswered(t *testing.T) {
	inRoom(t, control.Remote, func(t *testing.T, r *room) {
		c := r.client()
		defer c.Close()
		ask := Request{ID: "1", Rev: new(uint64(42)), Command: control.CommandStart}

		r.exec.change(func(e *executive) {
			e.reply = func(context.Context, control.Command) (control.Reply, error) {
				return control.Reply{}, fmt.Errorf("executive: %w", ErrQueueFull)
			}
		})
		got, err := c.Request(t.Context(), ask)
		require.NoError(t, err)
		assert.Equal(t, control.QueueFull, got.Code)

		// The same id may try again, because nothing was done; then the executive hangs.
		r.exec.change(func(e *executive) {
			e.reply = func(ctx context.Context, _ control.Command) (control.Reply, error) {
				<-ctx.Done()
				return control.Reply{}, ctx.Err()
			}
		})
		began := time.Now()
		got, err = c.Request(t.Context(), ask)
		require.NoError(t, err)
		assert.Equal(t, control.Unanswered, got.Code)
		assert.Equal(t, submitWait, time.Since(began))

		// What may have acted is not done again.
		r.exec.change(func(e *executive) { e.reply = nil })
		again, err := c.Request(t.Context(), ask)
		require.NoError(t, err)
		got.Repeated = true
		assert.Equal(t, got, again)
	})
}

func TestSameIDActsOnce(t *testing.T) {
	for _, c := range []struct {
		origin control.Origin
		want   int
	}{{control.Remote, 1}, {control.Table, 3}} {
		inRoom(t, c.origin, func(t *testing.T, r *room) {
			first, second := r.client(), r.client()
			defer first.Close()
			defer second.Close()
			ask := Request{ID: "7", Rev: new(uint64(42)), Command: control.CommandStart}
			var got []Response
			for _, client := range []*Client{first, first, second} {
				a, err := client.Request(t.Context(), ask)
				require.NoError(t, err)
				got = append(got, a)
			}
			for _, later := range got[1:] {
				assert.Equal(t, c.origin == control.Remote, later.Repeated)
				later.Repeated = false
				assert.Equal(t, got[0], later)
			}
			_, commands := r.exec.got()
			assert.Len(t, commands, c.want, c.origin.String())
		})
	}
}

func TestRemoteRateLimit(t *testing.T) {
	inRoom(t, control.Remote, func(t *testing.T, r *room) {
		c := r.client()
		defer c.Close()
		codes := map[control.Code]int{}
		for i := range 30 {
			got, err := c.Request(t.Context(), Request{ID: fmt.Sprint(i), Rev: new(uint64(42)), Command: control.CommandArm})
			require.NoError(t, err)
			codes[got.Code]++
		}
		assert.Equal(t, map[control.Code]int{control.Accepted: requestBurst, control.QueueFull: 30 - requestBurst}, codes)
		time.Sleep(time.Second)
		got, err := c.Request(t.Context(), Request{ID: "29", Rev: new(uint64(42)), Command: control.CommandArm})
		require.NoError(t, err)
		assert.Equal(t, control.Accepted, got.Code, "what did nothing may be tried again")
	})
	inRoom(t, control.Table, func(t *testing.T, r *room) {
		c := r.client()
		defer c.Close()
		for range 60 {
			got, err := c.Request(t.Context(), Request{Rev: new(uint64(42)), Command: control.CommandArm})
			require.NoError(t, err)
			assert.Equal(t, control.Accepted, got.Code, "the table has no such limit")
		}
	})
}

func TestHangsUpOnRubbish(t *testing.T) {
	for _, c := range []struct{ send, want string }{
		{`hello?`, "line: is not JSON"},
		{`{}`, "line: has 0 members, want 1"},
		{`{"subscribe":{},"ping":{}}`, "line: has 2 members, want 1"},
		{`{"start":{}}`, `\"start\": is an unknown kind of message, allowed: subscribe, request, ping`},
		{`{"subscribe":{"snapshots_hz":50}}`, "snapshots_hz: 50 is out of range, allowed: 1 to 20"},
		{`{"subscribe":{"entries":0}}`, `\"entries\": is not a field of subscribe`},
		{`{"subscribe":{"entries_from":-1}}`, "entries_from"},
		{strings.Repeat("x", maxClientLine+1), "line: is too long"},
	} {
		inRoom(t, control.Remote, func(t *testing.T, r *room) {
			v := r.visitor()
			go func() { _, _ = v.Write([]byte(c.send + "\n")) }()
			assert.Contains(t, v.hungUp(), c.want)
			assert.NoError(t, v.Close())
		})
	}
}

func TestNoMoreThanSixteen(t *testing.T) {
	inRoom(t, control.Remote, func(t *testing.T, r *room) {
		var clients []*Client
		for range maxClients {
			clients = append(clients, r.client())
		}
		_, err := newClient(t.Context(), r.door.dial())
		assert.ErrorContains(t, err, "16 clients are connected already")
		require.NoError(t, clients[0].Close())
		synctest.Wait()
		clients[0] = r.client()
		for _, c := range clients {
			assert.NoError(t, c.Close())
		}
	})
}

func TestDropsTheSilent(t *testing.T) {
	inRoom(t, control.Remote, func(t *testing.T, r *room) {
		v := r.visitor()
		c := r.client()
		defer c.Close()
		began := time.Now()
		v.send(`{"ping":{}}`)
		assert.Empty(t, v.hungUp())
		assert.InDelta(t, silenceWait.Seconds(), time.Since(began).Seconds(), 0.1)
		time.Sleep(10 * silenceWait)
		_, err := c.Request(t.Context(), Request{Command: control.CommandPause})
		assert.NoError(t, err, "a client pings by itself")
		synctest.Wait()
		assert.Contains(t, r.log.String(), "neither reads nor pings")
	})
}

// TestSilent: a gateway that pings is there; one that stands still, or whose
// clients are the table's, is not.
func TestSilent(t *testing.T) {
	inRoom(t, control.Remote, func(t *testing.T, r *room) {
		assert.True(t, r.server.Silent(control.Remote), "nobody has ever been there")
		v := r.visitor()
		v.send(`{"ping":{}}`)
		synctest.Wait()
		assert.False(t, r.server.Silent(control.Remote))
		assert.True(t, r.server.Silent(control.Table))
		time.Sleep(SilentAfter)
		assert.False(t, r.server.Silent(control.Remote))
		time.Sleep(time.Millisecond)
		assert.True(t, r.server.Silent(control.Remote), "it hangs, and its socket is open")
		c := r.client()
		time.Sleep(time.Minute)
		assert.False(t, r.server.Silent(control.Remote), "a client pings by itself")
		assert.NoError(t, c.Close())
	})
}

// A client that does not read is dropped after its deadline and delays nobody.
func TestDropsTheSlow(t *testing.T) {
	inRoom(t, control.Remote, func(t *testing.T, r *room) {
		slow := r.visitor()
		slow.send(`{"subscribe":{"snapshots_hz":20}}`)
		c := r.client()
		defer c.Close()
		began := time.Now()
		time.Sleep(time.Second)
		_, err := c.Request(t.Context(), Request{Command: control.CommandPause})
		require.NoError(t, err)
		assert.Equal(t, time.Second, time.Since(began), "others do not wait")
		slow.send(`{"request":{"id":"1","command":"stop"}}`)
		synctest.Wait()
		stops, _ := r.exec.got()
		assert.Len(t, stops, 1, "nor does its own stop")
		time.Sleep(writeWait)
		synctest.Wait()
		_, err = slow.Write([]byte("x"))
		assert.ErrorIs(t, err, io.ErrClosedPipe)
	})
}

// A mistake in serving one client costs that client, not the process.
func TestPanicCostsOneClient(t *testing.T) {
	inRoom(t, control.Remote, func(t *testing.T, r *room) {
		r.exec.change(func(e *executive) {
			e.reply = func(context.Context, control.Command) (control.Reply, error) { panic("mistake") }
		})
		c := r.client()
		_, err := c.Request(t.Context(), Request{Rev: new(uint64(1)), Command: control.CommandArm})
		assert.ErrorIs(t, err, ErrClosed)
		r.exec.change(func(e *executive) { e.reply = nil })
		d := r.client()
		_, err = d.Request(t.Context(), Request{Rev: new(uint64(1)), Command: control.CommandArm})
		assert.NoError(t, err)
		assert.NoError(t, errors.Join(c.Close(), d.Close()))
		assert.Contains(t, r.log.String(), "mistake")
	})
}

// broken is a listener that fails.
type broken struct {
	pipes
	err   error
	tries int
}

func (b *broken) Accept() (net.Conn, error) { b.tries++; return nil, b.err }

func TestAcceptFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &broken{pipes: *newPipes(), err: errors.New("too many open files")}
		began := time.Now()
		err := NewServer(newExecutive(), shelf{}, Options{}).Serve(t.Context(), l, control.Table)
		assert.ErrorIs(t, err, l.err)
		assert.Equal(t, acceptTries+1, l.tries)
		assert.Equal(t, acceptTries*acceptPause, time.Since(began))
	})
}

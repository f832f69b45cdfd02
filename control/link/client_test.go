package link

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
)

// greeting is a good first line.
func greeting() string {
	return string(appendHello(nil, Hello{Boot: newExecutive().boot, Origin: control.Table}))
}

// against runs a client against a server that a test plays by hand.
func against(t *testing.T, story func(t *testing.T, c *Client, server net.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		go func() { _, _ = io.WriteString(theirs, greeting()) }()
		c, err := newClient(t.Context(), ours)
		require.NoError(t, err)
		defer c.Close()
		defer theirs.Close()
		story(t, c, theirs)
	})
}

func TestGreetingsRefused(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"SSH-2.0\n", "greeting: is not JSON"},
		{"{\"ping\":{}}\n", "unknown to this version"},
		{`{"gap":{"of":"entries","from":1,"to":2}}` + "\n", "is not a hello"},
		{`{"error":{"message":"go away"}}` + "\n", "the server says: go away"},
		{strings.Replace(greeting(), `"schema":1`, `"schema":9`, 1), "speaks version 9"},
		{strings.Replace(greeting(), `"seq",`, ``, 1), "restart both after an update"},
		{"", "no greeting"},
	} {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			go func() { _, _ = io.WriteString(theirs, c.line); _ = theirs.Close() }()
			_, err := newClient(t.Context(), ours)
			assert.ErrorContains(t, err, c.want)
		})
	}
}

func TestSilentServerIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		ctx, cancel := context.WithTimeout(t.Context(), helloWait)
		defer cancel()
		began := time.Now()
		_, err := newClient(ctx, ours)
		assert.ErrorContains(t, err, "no greeting")
		assert.Equal(t, helloWait, time.Since(began))
	})
}

// A server that vanishes is noticed, after everything it had said.
func TestServerVanishes(t *testing.T) {
	against(t, func(t *testing.T, c *Client, server net.Conn) {
		asked := make(chan error)
		go func() {
			_, err := c.Request(t.Context(), Request{Command: control.CommandPause})
			asked <- err
		}()
		_, err := bufio.NewReader(server).ReadString('\n')
		require.NoError(t, err)
		_, err = server.Write(appendGap(nil, Gap{Of: Events, From: 1, To: 2}))
		require.NoError(t, err)
		require.NoError(t, server.Close())
		assert.ErrorIs(t, <-asked, ErrClosed)
		synctest.Wait()
		u, err := c.Next(t.Context())
		require.NoError(t, err)
		assert.Equal(t, &Gap{Of: Events, From: 1, To: 2}, u.Gap)
		_, err = c.Next(t.Context())
		assert.ErrorIs(t, err, ErrClosed)
		assert.ErrorIs(t, c.Subscribe(Subscription{}), ErrClosed)
		_, err = c.Request(t.Context(), Request{Command: control.CommandStop})
		assert.ErrorIs(t, err, ErrClosed)
	})
}

// hook is a connection whose writes go to a function.
type hook struct {
	net.Conn
	write func()
}

func (h hook) Write(b []byte) (int, error) { h.write(); return len(b), nil }

// An answer that came before the end is not lost to the end.
func TestAnswerBeforeTheEnd(t *testing.T) {
	for range 50 { // the choice between both is random
		against(t, func(t *testing.T, c *Client, _ net.Conn) {
			c.conn = hook{c.conn, func() {
				c.deliver(Response{ID: "1", Status: StatusOK})
				c.end(ErrClosed)
			}}
			_, err := c.Request(t.Context(), Request{ID: "1", Command: control.CommandPause})
			require.NoError(t, err)
		})
	}
}

func TestServerSaysWhy(t *testing.T) {
	against(t, func(t *testing.T, c *Client, server net.Conn) {
		_, err := io.WriteString(server, `{"error":{"message":"line: is too long"}}`+"\n")
		require.NoError(t, err)
		_, err = c.Next(t.Context())
		assert.ErrorIs(t, err, ErrClosed)
		assert.ErrorContains(t, err, "the server says: line: is too long")
	})
}

func TestRubbishEndsTheConnection(t *testing.T) {
	for _, line := range []string{"rubbish\n", `{"snapshot":{}}` + "\n", `{"entries":[[1]]}` + "\n", strings.Repeat("x", maxServerLine)} {
		against(t, func(t *testing.T, c *Client, server net.Conn) {
			go func() { _, _ = io.WriteString(server, line) }()
			_, err := c.Next(t.Context())
			assert.ErrorIs(t, err, ErrClosed)
		})
	}
}

func TestCloseEndsWaiting(t *testing.T) {
	against(t, func(t *testing.T, c *Client, server net.Conn) {
		go func() { _, _ = io.Copy(io.Discard, server) }()
		asked, waited := make(chan error), make(chan error)
		go func() { _, err := c.Request(t.Context(), Request{Command: control.CommandPause}); asked <- err }()
		go func() { _, err := c.Next(t.Context()); waited <- err }()
		synctest.Wait()
		require.NoError(t, c.Close())
		assert.ErrorIs(t, <-asked, ErrClosed)
		assert.ErrorIs(t, <-waited, ErrClosed)
		assert.NoError(t, c.Close(), "twice does no harm")
	})
}

func TestWaitingIsBounded(t *testing.T) {
	against(t, func(t *testing.T, c *Client, server net.Conn) {
		go func() { _, _ = io.Copy(io.Discard, server) }()
		began := time.Now()
		_, err := c.Request(t.Context(), Request{Command: control.CommandPause})
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, answerWait, time.Since(began))
		assert.Empty(t, c.waiting)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = c.Next(ctx)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
	against(t, func(t *testing.T, c *Client, _ net.Conn) { // a server that does not read
		began := time.Now()
		assert.ErrorIs(t, c.Subscribe(Subscription{}), ErrClosed)
		assert.Equal(t, writeWait, time.Since(began))
	})
}

// Answers find whoever asked, in any order, and two with one id both get one.
func TestAnswersFindTheirRequest(t *testing.T) {
	against(t, func(t *testing.T, c *Client, server net.Conn) {
		lines := bufio.NewReader(server)
		got := make(chan string)
		for i, id := range []string{"a", "b", "b"} {
			go func() {
				r, err := c.Request(t.Context(), Request{ID: id, Command: control.CommandPause})
				assert.NoError(t, err)
				got <- fmt.Sprintf("%t %s %t", i > 0, r.ID, r.Rev > 10)
			}()
			_, err := lines.ReadString('\n')
			require.NoError(t, err)
		}
		var all []byte // in one piece, so that nobody has fetched the first when the last arrives
		for _, r := range []Response{{ID: "nobody"}, {ID: "b", Rev: 11}, {ID: "a", Rev: 1}, {ID: "b", Rev: 12}, {ID: "b", Rev: 13}} {
			r.Status = StatusOK
			all = appendSeldom(all, "response", r)
		}
		_, err := server.Write(all)
		require.NoError(t, err)
		assert.ElementsMatch(t, []string{"true b true", "true b true", "false a false"}, []string{<-got, <-got, <-got})
	})
}

// Nothing can be wrong with a stop, and what is wrong otherwise is not sent.
func TestStopIsSentBare(t *testing.T) {
	against(t, func(t *testing.T, c *Client, server net.Conn) {
		go func() {
			_, _ = c.Request(t.Context(), Request{ID: "a/b", Command: control.CommandStop, Hold: new(-physic.Newton), Programme: "x"})
		}()
		line, err := bufio.NewReader(server).ReadString('\n')
		require.NoError(t, err)
		assert.Regexp(t, `^\{"request":\{"id":"[A-Z0-9]{26}","command":"stop"\}\}\n$`, line)
		_, err = c.Request(t.Context(), Request{ID: "a/b", Command: control.CommandPause})
		assert.ErrorIs(t, err, ErrMalformed)
	})
}

// A subscriber that stops calling Next stops reading; it goes on when it calls again.
func TestFullQueueHoldsTheReader(t *testing.T) {
	against(t, func(t *testing.T, c *Client, server net.Conn) {
		const n = updateQueue + 10
		go func() {
			for i := range uint64(n) {
				_, _ = server.Write(appendGap(nil, Gap{Of: Entries, From: i, To: i}))
			}
		}()
		synctest.Wait()
		assert.Len(t, c.updates, updateQueue)
		for i := range uint64(n) {
			u, err := c.Next(t.Context())
			require.NoError(t, err)
			assert.Equal(t, i, u.Gap.From)
		}
	})
}

func FuzzServerLine(f *testing.F) {
	f.Add([]byte(greeting()))
	f.Add(appendSnapshot(nil, &control.Snapshot{Trips: 6}))
	f.Add(appendEntries(nil, []control.Entry{{Seq: 1}, {Seq: 2}}))
	f.Add(appendEvent(nil, &control.Event{Kind: control.EventTrip}))
	f.Add(appendReport(nil, &control.Report{Programme: "x"}))
	f.Add(appendGap(nil, Gap{Of: Entries, From: 1, To: 2}))
	f.Add(appendSeldom(nil, "response", Response{ID: "1", Status: StatusOK}))
	f.Add(appendSeldom(nil, "error", errorJSON{"x"}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		l, err := parseServerLine(raw)
		if err != nil {
			return
		}
		// What was understood reads back the same.
		again := func(wire []byte) string {
			l, err := parseServerLine(wire)
			require.NoError(t, err)
			return fmt.Sprintf("%+v", l.update)
		}
		switch {
		case l.update.Snapshot != nil:
			wire := appendSnapshot(nil, l.update.Snapshot)
			second, err := parseServerLine(wire)
			require.NoError(t, err)
			require.Equal(t, string(wire), string(appendSnapshot(nil, second.update.Snapshot)))
		case l.update.Entries != nil:
			require.Equal(t, fmt.Sprintf("%+v", l.update), again(appendEntries(nil, l.update.Entries)))
		case l.update.Events != nil:
			require.Equal(t, fmt.Sprintf("%+v", l.update), again(appendEvent(nil, &l.update.Events[0])))
		}
	})
}

func FuzzClientLine(f *testing.F) {
	for _, s := range []string{`{"ping":{}}`, `{"subscribe":{"entries_from":0,"events_from":1,"reports_from":2,"snapshots_hz":10}}`, `{"request":{"id":"1"}}`, `{"x":1`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		l, err := parseClientLine(raw)
		if err == nil && l.subscribe != nil {
			again, err := parseClientLine(appendSubscription(nil, l.subscribe))
			require.NoError(t, err)
			require.Equal(t, l, again)
		}
	})
}

package link

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/test/fuzz"
)

// FuzzSession is a client that sends anything, in pieces of any size, to a server
// in virtual time. Every stop in it acts, nothing out of range reaches the
// executive, and every line that the server says can be understood.
func FuzzSession(f *testing.F) {
	for _, s := range []string{
		`{"subscribe":{"entries_from":0,"events_from":0,"reports_from":0,"snapshots_hz":10}}` + "\n" + `{"ping":{}}` + "\n",
		`{"request":{"id":"1","rev":42,"command":"select","programme":"lumbar","body_weight_kg":70,"max_force_n":300}}` + "\n",
		`{"request":{"id":"2","rev":42,"command":"set","hold_n":400,"rest_s":20}}` + "\n" + `{"request":{"id":"3","command":"pause"}}` + "\n",
		`{"request":{"id":"4","rev":42,"command":"heat","heat_c":38}}` + "\n" + `{"request":{"id":"4","command":"stop"}}` + "\n",
		`{"request":{"command" : "STOP",,,` + "\n" + `{"request":{"id":"5","command":"stop"}}`,
		`{"request":{"id":"7","rev":42,"command":"set","hold_n":600}}` + "\n",
		strings.Repeat(`{"ping":{}}`+"\n", 100) + `{"request":{"id":"6","command":"s\u0074op"}}` + "\n",
		strings.Repeat("x", maxClientLine) + `"command":"stop"` + "\n",
	} {
		f.Add([]byte(s), uint16(0), true)
		f.Add([]byte(s), uint16(len(s)/2), false)
	}
	f.Fuzz(func(t *testing.T, sent []byte, cut uint16, remote bool) {
		origin := control.Table
		if remote {
			origin = control.Remote
		}
		// Reading costs the buffers of a session, whatever is sent.
		fuzz.Bounded(t, len(sent), func() {
			inRoom(t, origin, func(t *testing.T, r *room) {
				conn := r.door.dial()
				said := make(chan []byte)
				go func() {
					all, _ := io.ReadAll(conn)
					said <- all
				}()
				deliver(conn, sent, int(cut))
				synctest.Wait()
				checkExecutive(t, r.exec, sent, origin)
				_ = conn.Close()
				checkSaid(t, <-said)
			})
		})
	})
}

// deliver writes in pieces until the server has had enough.
func deliver(conn net.Conn, data []byte, cut int) {
	for len(data) > 0 {
		n := min(cut+1, len(data))
		if _, err := conn.Write(data[:n]); err != nil {
			return
		}
		data = data[n:]
	}
}

// checkExecutive compares what reached the executive with what was sent.
func checkExecutive(t *testing.T, e *executive, sent []byte, origin control.Origin) {
	stops, commands := e.got()
	assert.Len(t, stops, stopsIn(sent))
	for _, o := range stops {
		assert.Equal(t, origin, o)
	}
	for _, c := range commands {
		s := c.Set
		assert.Equal(t, origin, c.Origin)
		assert.NotContains(t, []control.CommandKind{control.NoCommand, control.CommandStop}, c.Kind)
		assert.Equal(t, c.Kind == control.CommandSelect, c.Programme != nil)
		within(t, c.Person.MaxForce, control.MinHold, control.CeilingForce)
		within(t, c.Person.BodyWeight, weight(minBodyWeight), weight(maxBodyWeight))
		within(t, s.Hold, control.MinHold, control.MaxHold)
		within(t, s.Rest, control.MinRest, control.MaxHold)
		within(t, s.HoldTime, control.MinHoldTime, control.MaxHoldTime)
		within(t, s.RestTime, 0, control.MaxRestTime)
		within(t, s.Duration, control.MinDuration, control.CeilingDuration)
		within(t, c.Heat, control.MinHeat, control.CeilingTemperature)
	}
}

// within wants nothing, or a value in its range.
func within[T ~int64](t *testing.T, v, lo, hi T) {
	assert.True(t, v == 0 || v >= lo && v <= hi, "%v, allowed: %v to %v", v, lo, hi)
}

// stopsIn counts the stops that have to act: in each line that was ended, up to
// the one for which the server hangs up. Beyond lineBurst lines at once only what
// looks like a stop counts.
func stopsIn(sent []byte) (n int) {
	for i := 0; ; i++ {
		line, rest, ended := bytes.Cut(sent, []byte("\n"))
		if len(line) >= maxClientLine {
			if asksStop(line[:maxClientLine]) {
				n++
			}
			return n
		}
		if !ended {
			return n // it is still waited for
		}
		sent = rest
		stop := asksStop(line)
		if i < lineBurst {
			l, err := parseClientLine(line)
			if err != nil {
				if stop {
					n++
				}
				return n
			}
			if l.request != nil {
				r, _ := DecodeRequest(l.request)
				stop = stop || r.Command == control.CommandStop
			}
		}
		if stop {
			n++
		}
	}
}

// checkSaid reads what the server said as its client does.
func checkSaid(t *testing.T, said []byte) {
	for i, line := range bytes.SplitAfter(said, []byte("\n")) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			continue // the connection was closed in the middle of it
		}
		assert.LessOrEqual(t, len(line), maxServerLine)
		l, err := parseServerLine(line)
		assert.NoError(t, err, "%s", line)
		assert.Equal(t, i == 0, l.hello != nil, "the greeting comes first")
	}
}

// FuzzServer is a server that sends anything to a client: it is understood or
// refused, and the client always ends with a reason.
func FuzzServer(f *testing.F) {
	hello := greeting()
	stream := appendEntries(appendSnapshot(nil, &control.Snapshot{Rev: 7, Trips: 6}), []control.Entry{{Seq: 1}, {Seq: 2, Force: 400 * physic.Newton}})
	stream = appendReport(appendEvent(stream, &control.Event{Seq: 1, Kind: control.EventTrip}), &control.Report{Treatment: 1, Programme: "demo"})
	stream = appendSeldom(appendGap(stream, Gap{Of: Events, From: 1, To: 9}), "response", Response{ID: "1", Status: StatusOK})
	f.Add([]byte(hello + string(stream)))
	f.Add(appendSeldom([]byte(hello), "error", errorJSON{"too many"}))
	f.Add([]byte(hello + "{\"entries\":[[1]]}\n"))
	f.Add([]byte(strings.Replace(hello, `"schema":1`, `"schema":2`, 1)))
	f.Add([]byte(strings.Repeat("x", maxServerLine+1)))
	f.Fuzz(func(t *testing.T, sent []byte) {
		fuzz.Bounded(t, len(sent), func() {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				go func() {
					_, _ = theirs.Write(sent)
					_ = theirs.Close()
				}()
				c, err := newClient(t.Context(), ours)
				if err != nil {
					assert.NotEmpty(t, err.Error())
					_ = theirs.Close()
					return
				}
				assert.Equal(t, Schema, c.Hello().Schema)
				for err == nil {
					var u Update
					if u, err = c.Next(t.Context()); err == nil {
						checkUpdate(t, &u)
					}
				}
				assert.ErrorIs(t, err, ErrClosed)
				assert.False(t, errors.Is(err, context.Canceled))
				assert.NoError(t, c.Close())
			})
		})
	})
}

// checkUpdate wants one member, that reads back as the same.
func checkUpdate(t *testing.T, u *Update) {
	var wire []byte
	members := 0
	if u.Snapshot != nil {
		wire, members = appendSnapshot(nil, u.Snapshot), members+1
	}
	if u.Entries != nil {
		wire, members = appendEntries(nil, u.Entries), members+1
	}
	if u.Events != nil {
		wire, members = appendEvent(nil, &u.Events[0]), members+1
	}
	if u.Report != nil {
		wire, members = appendReport(nil, u.Report), members+1
	}
	if u.Gap != nil {
		wire, members = appendGap(nil, *u.Gap), members+1
	}
	assert.Equal(t, 1, members)
	back, err := parseServerLine(wire)
	require.NoError(t, err, "%s", wire)
	again := back.update
	switch {
	case again.Snapshot != nil:
		assert.Equal(t, string(wire), string(appendSnapshot(nil, again.Snapshot)))
	case again.Report != nil:
		assert.Equal(t, string(wire), string(appendReport(nil, again.Report)))
	default:
		assert.Equal(t, *u, again)
	}
}

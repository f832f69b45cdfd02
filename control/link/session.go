package link

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"traction/control"
)

// Room for what a client has under way. A client that waits for its answers
// never fills any of it.
const (
	requestQueue = 8
	pauseQueue   = 4
	answerQueue  = 32
)

// session is one client. Its reader never waits for anything but the client, so
// that a stop acts at once, whatever else is under way.
type session struct {
	*door
	conn     net.Conn
	ctx      context.Context
	cancel   context.CancelFunc
	requests chan Request // in their order
	pauses   chan Request // past the others
	answers  chan answerLine
	wishes   chan Subscription
}

// answerLine is a line for the writer; after the last one it hangs up.
type answerLine struct {
	text []byte
	last bool
}

func newSession(d *door, conn net.Conn) *session {
	s := &session{door: d, conn: conn,
		requests: make(chan Request, requestQueue), pauses: make(chan Request, pauseQueue),
		answers: make(chan answerLine, answerQueue), wishes: make(chan Subscription, 1)}
	s.ctx, s.cancel = context.WithCancel(d.ctx)
	return s
}

// run serves the client until it goes or is dropped.
func (s *session) run() {
	context.AfterFunc(s.ctx, func() { _ = s.conn.Close() }) // ends reader and writer; its error changes nothing
	var parts sync.WaitGroup
	parts.Go(func() { s.guard(s.write) })
	parts.Go(func() { s.guard(func() { s.work(s.requests) }) })
	parts.Go(func() { s.guard(func() { s.work(s.pauses) }) })
	s.guard(s.read)
	parts.Wait()
}

// guard ends the session when one of its parts ends. A mistake in serving one
// client must not end the process that holds a person: it costs that client.
func (s *session) guard(part func()) {
	defer s.cancel()
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("link: client dropped after a mistake in this program", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	part()
}

// read takes lines in until the client goes. Stop first, in every line.
func (s *session) read() {
	lines := bufio.NewReaderSize(s.conn, maxClientLine)
	for {
		_ = s.conn.SetReadDeadline(time.Now().Add(silenceWait)) // fails only when closed, as the read then does
		raw, err := lines.ReadSlice('\n')
		s.heard[s.origin&1].Store(int64(time.Since(s.born)) + 1)
		stop := asksStop(raw)
		if stop {
			s.src.Stop(s.origin)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			s.hangUp("line: is too long")
			return
		case err != nil:
			s.gone(err)
			return
		case !s.lineLimit.take(time.Now()):
			continue
		}
		line, err := parseClientLine(raw)
		switch {
		case err != nil:
			text := err.Error()
			if stop {
				text = Stopped("", err).Message
			}
			s.hangUp(text)
			return
		case line.subscribe != nil:
			s.wish(*line.subscribe)
		case line.request != nil:
			s.take(line.request, stop)
		}
	}
}

// take puts a request where it belongs; stopped tells that its stop has acted.
func (s *session) take(raw []byte, stopped bool) {
	r, err := DecodeRequest(raw)
	queue := s.requests
	switch {
	case r.Command == control.CommandStop:
		if !stopped {
			s.src.Stop(s.origin)
		}
		s.answer(s.withState(Stopped(r.ID, err)))
		return
	case err != nil:
		s.answer(s.withState(Refusal(r.ID, err)))
		return
	case r.Command == control.CommandPause:
		queue = s.pauses
	}
	select {
	case queue <- r:
	default:
		s.answer(s.refuse(&r, control.QueueFull))
	}
}

// work does the requests of one queue, one after the other.
func (s *session) work(queue <-chan Request) {
	for {
		select {
		case r := <-queue:
			s.answer(s.act(&r))
		case <-s.ctx.Done():
			return
		}
	}
}

// answer hands a response to the writer. A client that does not read its answers
// loses them; the reader must not wait for it.
func (s *session) answer(r Response) {
	select {
	case s.answers <- answerLine{text: appendSeldom(nil, "response", r)}:
	default:
	}
}

// hangUp tells the client why before the connection is closed.
func (s *session) hangUp(why string) {
	s.note("client dropped", "why", why)
	select {
	case s.answers <- answerLine{text: appendSeldom(nil, "error", errorJSON{why}), last: true}:
		<-s.ctx.Done() // the writer ends it, after writeWait at the latest
	default:
	}
}

// wish replaces the subscription that the writer has not yet seen.
func (s *session) wish(w Subscription) {
	select {
	case <-s.wishes:
	default:
	}
	s.wishes <- w // only the reader sends, so there is room
}

// write sends what there is to send.
func (s *session) write() {
	feed := &stream{src: s.src}
	ticker := time.NewTicker(pollEvery)
	ticker.Stop()
	defer ticker.Stop()
	out := appendHello(nil, s.hello())
	for last := false; s.flush(out) && !last; {
		out = out[:0]
		select {
		case <-s.ctx.Done():
			return
		case line := <-s.answers:
			out, last = append(out, line.text...), line.last
		case w := <-s.wishes:
			ticker.Stop()
			if feed.subscribe(w) {
				ticker.Reset(pollEvery)
			}
		case now := <-ticker.C:
			out = feed.poll(out, now)
		}
	}
}

// hello is the first line.
func (s *session) hello() Hello {
	names := s.lib.Programmes()
	return Hello{Boot: s.src.Boot(), Origin: s.origin, Remote: s.may, Signed: s.key != nil,
		Programmes: names[:min(len(names), MaxProgrammes)]}
}

// flush writes out, within writeWait, and tells whether the client took it.
func (s *session) flush(out []byte) bool {
	if len(out) == 0 {
		return true
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(writeWait)) // fails only when closed, as the write then does
	_, err := s.conn.Write(out)
	if err != nil {
		s.gone(err)
	}
	return err == nil
}

// gone notes why a client was lost, unless that was its own wish or ours.
func (s *session) gone(err error) {
	if s.ctx.Err() != nil || errors.Is(err, io.EOF) {
		return
	}
	why := err.Error()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		why = "it neither reads nor pings"
	}
	s.note("client dropped", "why", why)
}

package mqtt

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"traction/control"
)

const (
	// window is how many QoS 1 messages may be unacknowledged: within the 20 that
	// Mosquitto takes by default (max_inflight_messages).
	window = 16
	// backlogWindow leaves room for responses beside the backlog.
	backlogWindow = 8
	// disconnectMS is how long the last packet may take, in milliseconds.
	disconnectMS = 250
)

var (
	errUnacknowledged = errors.New("mqtt: the broker does not acknowledge")
	errNotOpen        = errors.New("mqtt: connection lost")
	errHangs          = errors.New("mqtt: nothing was published for too long; the disk hangs, or the broker does not answer a subscription")
)

// session publishes over one connection. One goroutine decides what and another
// one writes it, in the same order: the library's Publish can block for seconds
// while a connection breaks, and that must not delay the next connection.
type session struct {
	g    *Gateway
	conn *connection
	over chan struct{} // closed by close
	wire chan packet   // to be written
	acks chan ack
	turn atomic.Int64 // when the deciding goroutine last began a turn, in Unix nanoseconds
	away atomic.Bool  // "offline" was said for it

	flights []*flight // QoS 1, unacknowledged, oldest first

	availability       string // as last published
	availabilityFlying string // the newest that is not acknowledged
	state              State  // as last published, without its time
	stated             bool
	stateFlying        bool
	measured           *control.Snapshot // of the last telemetry
	discovery          announcement
	more               bool             // the backlog may have more
	sent               map[key]bool     // of the backlog, unacknowledged
	unmarked           []Item           // acknowledged, which the backlog could not note
	mark               <-chan time.Time // when to try that again; nil = nothing to note
	unheard            []string         // filters that the broker refused so far
	deaf               bool             // the plain topic of requests is one of them
	refusals           int              // tries that ended with filters refused
	again              <-chan time.Time // when to ask for them again; nil = all are granted
	lastTold           bool             // the last report, or that there is none
}

// packet is one message to write.
type packet struct {
	topic    string
	qos      byte
	retained bool
	payload  []byte
	flight   *flight // nil where nobody waits for the acknowledgement
}

// flight is a message whose acknowledgement is awaited.
type flight struct {
	landed bool
	then   func() // runs when this one and all before it have landed
}

// ack ends a flight.
type ack struct {
	err    error
	flight *flight
}

func newSession(g *Gateway, c *connection) *session {
	const telemetry, diagnostics, hanging = 1, 1, 1
	s := &session{g: g, conn: c, over: make(chan struct{}), wire: make(chan packet, window+telemetry+diagnostics+hanging),
		acks: make(chan ack, window), more: true, sent: make(map[key]bool)}
	s.discovery.birth, s.discovery.wake = make(chan struct{}, 1), time.NewTimer(time.Hour)
	s.discovery.wake.Stop() // until there is something to wait for
	return s
}

// close ends the connection. Without farewell before, the broker sends the last will.
func (s *session) close() {
	close(s.over)
	s.conn.cut()
}

// run greets, then publishes what there is until the connection or ctx ends.
func (s *session) run(ctx context.Context) error {
	if err := s.subscribe(ctx); err != nil {
		return err
	}
	s.turn.Store(time.Now().UnixNano())
	go s.write()
	go s.watch()
	telemetry := time.NewTicker(s.g.pace.telemetry)
	defer telemetry.Stop()
	refresh := time.NewTicker(s.g.pace.refresh)
	defer refresh.Stop()
	diagnostics := time.NewTicker(s.g.pace.refresh)
	defer diagnostics.Stop()
	defer s.discovery.wake.Stop()
	if err := s.publishDiagnostics(); err != nil {
		return err
	}
	for {
		s.turn.Store(time.Now().UnixNano())
		if s.away.Swap(false) {
			s.availability = ""
		}
		if err := s.publishDue(); err != nil {
			return err
		}
		out := s.g.out
		if s.full() {
			out = nil
		}
		var err error
		select {
		case <-ctx.Done():
			s.farewell()
			return nil
		case err = <-s.conn.lost:
		case a := <-s.acks:
			switch {
			case a.err == nil:
				s.land(a.flight)
			case errors.Is(a.err, errUnacknowledged):
				err = a.err
			default:
				err = s.conn.reason(a.err)
			}
		case o := <-out:
			s.relay(o)
		case <-s.conn.contradicted:
			if s.availability == Online { // our own "offline" comes back as well
				s.availability = ""
			}
		case <-s.g.filled:
			s.more = true
		case <-s.g.changed:
		case <-s.discovery.birth:
			s.announceIn(s.g.pace.announcing.birth.draw())
		case <-s.discovery.wake.C:
		case <-refresh.C:
			s.listen()
			// Both are published again, although the broker acknowledged them: a cluster
			// that elects a leader can acknowledge a message and forget to retain it.
			s.stated, s.availability = false, ""
			s.more = true // it may be readable again
		case <-s.mark:
			s.markAgain()
		case <-s.again:
			err = s.subscribeRest(ctx)
		case <-diagnostics.C:
			err = s.publishDiagnostics()
		case <-telemetry.C:
			err = s.publishTelemetry()
		}
		if err != nil {
			return err
		}
	}
}

// relay publishes a response or an event of the gateway itself.
func (s *session) relay(o outgoing) {
	if o.until.IsZero() || time.Now().Before(o.until) {
		s.publish(o.topic, o.retained, o.payload, func() {})
	}
}

// publish sends at QoS 1; then runs in the deciding goroutine once the broker
// has acknowledged it. The caller has seen that the window has room.
func (s *session) publish(topic string, retained bool, payload []byte, then func()) {
	f := &flight{then: then}
	s.flights = append(s.flights, f)
	s.wire <- packet{topic, 1, retained, payload, f} // has room for more than the window
}

// full tells whether the window has no room.
func (s *session) full() bool { return len(s.flights) >= window }

// land ends a flight. Acknowledgements count in the order in which the messages
// were published, though they may become known in another: if a later report
// were done with before an earlier one, and the connection ended, the earlier one
// would be published again and stay retained as the last.
func (s *session) land(f *flight) {
	f.landed = true
	for len(s.flights) > 0 && s.flights[0].landed {
		then := s.flights[0].then
		s.flights = s.flights[1:]
		then()
	}
}

// write writes what was decided until the session is over.
func (s *session) write() {
	for {
		select {
		case <-s.over:
			return
		case p := <-s.wire:
			if !s.conn.client.IsConnectionOpen() {
				s.conn.fail(s.conn.reason(errNotOpen))
				return
			}
			token := s.conn.client.Publish(p.topic, p.qos, p.retained, p.payload)
			if p.flight != nil {
				go s.await(token, p.flight)
			}
		}
	}
}

// watch says "offline" for a deciding goroutine that stands still, as a disk that hangs
// makes it do: the connection lives on, and with it an "online" that is not true. It is
// not ended, because a stop still arrives over it.
func (s *session) watch() {
	look := time.NewTicker(s.g.pace.telemetry) // each of which is a turn
	defer look.Stop()
	for {
		select {
		case <-s.over:
			return
		case <-look.C:
		}
		if !s.away.Load() && time.Since(time.Unix(0, s.turn.Load())) > s.g.pace.stale {
			s.withdraw()
		}
	}
}

// withdraw says "offline" unless something waits to be written. So there is never more
// than one of these in the wire, which then has room for all that is decided.
func (s *session) withdraw() {
	if len(s.wire) > 0 {
		return // nothing leaves at present; the next look tries again
	}
	s.wire <- packet{topic: s.g.topics.Availability, qos: 1, retained: true, payload: []byte(Offline)}
	// Only now: the "online" that follows has to come behind it.
	s.away.Store(true)
	s.g.backlogFailed(errHangs)
}

// await waits for one acknowledgement.
func (s *session) await(token paho.Token, f *flight) {
	timeout := time.NewTimer(s.g.pace.ack)
	defer timeout.Stop()
	a := ack{flight: f}
	select {
	case <-token.Done():
		a.err = token.Error()
	case <-timeout.C:
		a.err = errUnacknowledged
	case <-s.over:
		return
	}
	s.acks <- a // has room for more than the window
}

// farewell says "offline" and disconnects in order, so that no last will is
// sent. If that takes too long the last will says it.
func (s *session) farewell() {
	said, done := false, false
	timeout := time.NewTimer(s.g.pace.farewell)
	defer timeout.Stop()
	for !done {
		if !said && !s.full() {
			s.publish(s.g.topics.Availability, true, []byte(Offline), func() { done = true })
			said = true
		}
		select {
		case a := <-s.acks:
			if a.err != nil {
				return
			}
			s.land(a.flight)
		case <-s.conn.lost:
			return
		case <-timeout.C:
			return
		}
	}
	s.conn.client.Disconnect(disconnectMS)
}

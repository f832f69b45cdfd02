package mqtt

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"
)

// publishDue publishes what the broker should know by now. The order matters
// after a connection: availability, discovery, state, backlog, and the last report
// where none was in the backlog.
func (s *session) publishDue() error {
	s.publishAvailability()
	if err := s.publishDiscovery(); err != nil {
		return err
	}
	if err := s.publishState(); err != nil {
		return err
	}
	if err := s.publishBacklog(); err != nil {
		return err
	}
	return s.publishLast()
}

// publishAvailability says "online" while the values are live. It is published
// again when somebody else said "offline", such as the last will of our own
// connection before this one, which a broker may send after this one began. What
// says the same waits for the acknowledgement, so that two who contradict each
// other do not flood the broker; what says something else does not, because the
// state comes right behind it.
func (s *session) publishAvailability() {
	want := Offline
	if _, _, live := s.g.view.now(); live {
		want = Online
	}
	if s.availability == want || s.availabilityFlying == want || s.full() {
		return
	}
	s.availability, s.availabilityFlying = want, want
	s.publish(s.g.topics.Availability, true, []byte(want), func() {
		if s.availabilityFlying == want { // else there is a newer one
			s.availabilityFlying = ""
		}
	})
}

// publishState publishes the newest state if it differs from the last one. While
// one is on its way the next waits, and only the newest of those is sent.
func (s *session) publishState() error {
	hello, snapshot, live := s.g.view.now()
	if !live || s.availability == Offline || s.stateFlying || s.full() {
		return nil
	}
	state := showState(hello, snapshot)
	same := state
	same.Time = Time{}
	if s.stated && reflect.DeepEqual(same, s.state) {
		return nil
	}
	payload, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("mqtt: state: %w", err)
	}
	s.state, s.stated, s.stateFlying = same, true, true
	s.publish(s.g.topics.State, true, payload, func() { s.stateFlying = false })
	return nil
}

// publishBacklog sends the oldest events and reports that are not on their way yet.
func (s *session) publishBacklog() error {
	if !s.more || len(s.sent) >= backlogWindow || s.full() {
		return nil
	}
	items, err := s.g.backlog.Next(backlogWindow)
	if err != nil {
		s.more = false // until something is added to it, or for a while
		s.g.backlogFailed(err)
		return nil
	}
	s.more = false
	for _, item := range items {
		k := item.key()
		if s.sent[k] {
			continue
		}
		if len(s.sent) >= backlogWindow || s.full() {
			break // the acknowledgement of one of those makes room for the next
		}
		if err := s.publishItem(item, k); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) publishItem(item Item, k key) error {
	topic, retained, v := s.g.topics.Event, false, any(nil)
	switch {
	case item.Report != nil:
		topic, retained, v = s.g.topics.Session, true, showReport(item.Boot, item.Report)
		s.lastTold = true
	case item.Own != nil:
		v = showOwn(item.Boot, item.Own)
	default:
		v = showEvent(item.Boot, item.Event)
	}
	payload, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("mqtt: %s: %w", topic, err)
	}
	s.sent[k] = true
	s.publish(topic, retained, payload, func() { s.done(item) })
	return nil
}

// done ends the wait of an item that the broker has acknowledged. While the backlog
// cannot note that, for example on a full disk, the item counts as on its way: it
// would be given out again at once, and published for ever.
func (s *session) done(item Item) {
	s.more = true
	if err := s.g.backlog.Acknowledge(item); err != nil {
		s.g.backlogFailed(err)
		s.unmarked = append(s.unmarked, item)
		s.mark = time.After(s.g.pace.keepAgain)
		return
	}
	delete(s.sent, item.key())
}

// markAgain notes what could not be noted, as far as that goes now.
func (s *session) markAgain() {
	items := s.unmarked
	s.unmarked, s.mark = nil, nil
	for i, item := range items {
		if s.done(item); s.mark != nil {
			s.unmarked = append(s.unmarked, items[i+1:]...)
			return
		}
	}
}

// publishTelemetry publishes the newest measurement once, at QoS 0; not while
// other messages wait to be written, which have to arrive and this has not.
func (s *session) publishTelemetry() error {
	hello, snapshot, live := s.g.view.now()
	if !live || snapshot == s.measured || len(s.wire) > 0 {
		return nil
	}
	payload, err := json.Marshal(showTelemetry(hello.Boot, snapshot))
	if err != nil {
		return fmt.Errorf("mqtt: telemetry: %w", err)
	}
	s.measured = snapshot
	s.wire <- packet{topic: s.g.topics.Telemetry, payload: payload} // it is empty
	return nil
}

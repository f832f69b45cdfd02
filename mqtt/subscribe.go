package mqtt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// refused is a broker's answer to a subscription that its access rules forbid, or
// that it cannot serve now (MQTT 3.1.1, section 3.9.3).
const refused = 0x80

// errUnsubscribed: the broker does not answer a subscription.
var errUnsubscribed = errors.New("mqtt: the broker does not answer the subscription")

// subscribe asks for requests, and for our own availability to notice when
// somebody else contradicts it. Both are asked for before anything is
// published: who reads "online" can send a request.
func (s *session) subscribe(ctx context.Context) error {
	topics := &s.g.topics
	s.unheard = []string{topics.Request, topics.Request + "/+", topics.Availability}
	if !s.g.config.HomeAssistant.Disabled {
		s.unheard = append(s.unheard, s.hear())
	}
	return s.subscribeRest(ctx)
}

// subscribeRest asks for what the broker has not granted yet, at QoS 1, and where
// it refuses that at QoS 0. What is refused all the same it asks for again later.
//
// A cluster that has just lost a node lets QoS 1 subscriptions wait for seconds and
// refuses some, because it has to find a place for what is unacknowledged. Without
// a session QoS 0 brings the same requests while the connection lasts, so several
// brokers are asked for nothing else: a table that hears no stop because it
// insisted would be the worse one.
func (s *session) subscribeRest(ctx context.Context) error {
	topics := &s.g.topics
	levels := []byte{1, 0}
	if len(strings.Fields(s.g.config.Broker)) > 1 {
		levels = []byte{0}
	}
	for _, qos := range levels {
		if len(s.unheard) == 0 {
			break
		}
		filters := make(map[string]byte, len(s.unheard))
		for _, f := range s.unheard {
			filters[f] = qos
		}
		token := s.conn.client.SubscribeMultiple(filters, nil)
		if err := s.wait(ctx, token, errUnsubscribed); err != nil {
			return err
		}
		granted := token.(*paho.SubscribeToken).Result()
		s.unheard = slices.DeleteFunc(s.unheard, func(f string) bool { return granted[f] != refused })
	}
	deaf := slices.Contains(s.unheard, topics.Request)
	if deaf && !s.deaf {
		// Watching alone is a use of its own; that nobody can stop the table from
		// here must be said.
		s.g.log.Error("mqtt: the broker forbids to read requests, so nobody can send any, not even a stop",
			"do", "allow this user to read "+topics.Request+" at the broker", "topic", topics.Request)
	}
	if s.deaf && !deaf {
		s.g.log.Info("mqtt: requests are read again")
	}
	s.deaf, s.again = deaf, nil
	if len(s.unheard) > 0 {
		s.refusals++
		s.again = time.After(s.g.pace.reask.wait(s.refusals))
	}
	return nil
}

// wait waits for the broker, never longer than for an acknowledgement.
func (s *session) wait(ctx context.Context, token paho.Token, late error) error {
	timeout := time.NewTimer(s.g.pace.ack)
	defer timeout.Stop()
	select {
	case <-token.Done():
		if err := token.Error(); err != nil {
			return s.conn.reason(fmt.Errorf("mqtt: %w", err))
		}
		return nil
	case err := <-s.conn.lost:
		return err
	case <-timeout.C:
		return late
	case <-ctx.Done():
		return ctx.Err()
	}
}

package mqtt

import (
	"slices"
	"time"
)

// unechoed is the reason of a complaint.
const unechoed = "unechoed"

// listen complains when our own availability, published since and acknowledged, has
// not come back: Mosquitto acknowledges what its access rules forbid and drops it,
// and grants subscriptions that it then brings nothing for. All would look well
// here, while nobody sees the table and no stop arrives.
func (s *session) listen() {
	topics := &s.g.topics
	if s.conn.echoed.Load() {
		s.g.silence.settle()
		return
	}
	if s.availability == "" || s.availabilityFlying != "" || slices.Contains(s.unheard, topics.Availability) {
		return // not published yet, or the broker has said that we will not hear it
	}
	if s.g.silence.worth(unechoed, time.Now()) {
		s.g.log.Error("mqtt: the broker drops what this table publishes, or brings nothing, so perhaps nobody sees it and no stop arrives",
			"do", "allow this user to write and read traction/"+s.g.config.TableID+"/# at the broker, and look at its log", "topic", topics.Availability)
	}
}

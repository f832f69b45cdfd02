package mqtt

import (
	"encoding/json"
	"errors"
	"fmt"
)

// publishLast publishes the last treatment's report once after each connection,
// although the broker has acknowledged it before: a broker that was restarted
// without a store has forgotten it, and nobody would be told until the next
// treatment. What is still in the backlog follows and is newer, or the same.
func (s *session) publishLast() error {
	if s.lastTold || s.g.reports == nil || s.full() {
		return nil
	}
	s.lastTold = true
	boot, report, err := s.g.reports.Report("")
	switch {
	case errors.Is(err, ErrNoReport):
		return nil
	case err != nil:
		s.g.backlogFailed(err)
		return nil
	}
	payload, err := json.Marshal(showReport(boot, &report))
	if err != nil {
		return fmt.Errorf("mqtt: session: %w", err)
	}
	s.publish(s.g.topics.Session, true, payload, func() {})
	return nil
}

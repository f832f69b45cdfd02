package mqtt

import (
	"encoding/json"
	"errors"
	"fmt"
)

// publishLast publishes the last treatment's report once after each connection,
// although the broker has acknowledged it before: a broker that was restarted
// without a store has forgotten it, and nobody would be told until the next
// treatment. It waits for the backlog: a report from there is newer, or the same,
// and before the ones in it the last would come too early and be replaced by them.
func (s *session) publishLast() error {
	waits := s.more || len(s.sent) > len(s.unmarked)
	if s.lastTold || s.g.reports == nil || waits || s.full() {
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

package simtable

import (
	"fmt"
	"time"
)

const (
	// keepEvery is how old the state in the file may be, in the table's time.
	keepEvery = 5 * time.Millisecond
	// absence is how much of the time in which nobody ran the table is made up for: far more than a restart takes. After
	// it only the pad and the creep would still move.
	absence = time.Minute
)

// Keep lets the table go on where the file says that it was left, and from now on keeps the file up to date, so that a
// process that is killed at any moment leaves a state of the last 5 ms. It reports whether there was a state.
//
// The time in which nobody ran the table has passed for it too, up to a minute: with the outputs as they were left, so
// without steps and without a charge pump, and since QuietState with all of them low. A self-locking table is then still
// under tension; a back-drivable one has let go if its power or its ENABLE was gone. The harness is as it was, and so
// are the emergency stop and what slips, drift and creep had done; other switches are let go. Faults of the table go on
// as well: Fault.At counts from the first New.
//
// Call it after Inject and before the first pin is touched. A state of another table or patient is an ErrState and
// changes nothing.
func (s *Sim) Keep(f *StateFile) (resumed bool, err error) {
	identity := s.identity()
	if f.found {
		if f.last.identity != identity {
			return false, fmt.Errorf("%w: it is of another table, patient or version of the program", ErrState)
		}
		s.resume(&f.last, f.wall().UnixNano())
	}
	f.last.identity = identity
	s.kept = f
	s.settleMore()
	s.save()
	if f.err != nil {
		return f.found, fmt.Errorf("simtable: state: %w", f.err)
	}
	return f.found, nil
}

// resume lets the time since the state was left pass.
func (s *Sim) resume(st *state, wall int64) {
	now := s.now()
	if st.quiet == 0 {
		s.put(st, now-away(st.wall, wall))
		s.advance(now)
		return
	}
	quiet := away(st.quiet, wall)
	s.put(st, now-quiet-away(st.wall, st.quiet))
	s.advance(now - quiet)
	s.pins.setLevels(s, 0, now-quiet)
	s.advance(now)
}

// away is the time between two readings of a clock that people may set: 0 to absence.
func away(from, to int64) time.Duration {
	return min(max(time.Duration(to-from), 0), absence)
}

// save notes the state as it is at s.at. While the physics catch up with the clock nothing is written: the newest state
// is a few steps away.
func (s *Sim) save() {
	behind := s.now() - s.at
	if s.saveAt = s.at + keepEvery; behind >= keepEvery {
		return
	}
	f := s.kept
	s.take(&f.last)
	f.last.wall = f.wall().UnixNano() - int64(behind)
	f.write()
}

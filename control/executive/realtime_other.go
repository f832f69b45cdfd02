//go:build !linux

package executive

import "errors"

func (r RealTime) acquire() error {
	if r.Priority > 0 {
		return noRealTime("SCHED_FIFO", errors.ErrUnsupported, "a real table needs Linux")
	}
	return nil
}

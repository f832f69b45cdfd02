package executive

import (
	"errors"

	"golang.org/x/sys/unix"
)

// acquire raises the calling thread, which must be locked to its goroutine. All
// that was refused is in the error; what was granted stays.
func (r RealTime) acquire() error {
	var errs []error
	if r.LockMemory { // first: it takes some milliseconds, in which others may run
		if err := lockMemory(); err != nil {
			errs = append(errs, noRealTime("lock memory", err, "raise LimitMEMLOCK"))
		}
	}
	if r.Priority > 0 {
		// Should the priority be refused, the kernel still wakes this thread when it
		// asked for it, and not with others as it suits. It has no such latitude with
		// threads under SCHED_FIFO. Cannot fail.
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	}
	if r.Priority > 0 && r.CPU >= 0 {
		var set unix.CPUSet
		set.Set(r.CPU)
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			errs = append(errs, noRealTime("stay on one CPU", err, "check that control.cpu names an existing CPU"))
		}
	}
	if r.Priority > 0 {
		attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: uint32(r.Priority)}
		if err := unix.SchedSetAttr(0, &attr, 0); err != nil {
			errs = append(errs, noRealTime("SCHED_FIFO", err, "run as a service with LimitRTPRIO, or as root, or give CAP_SYS_NICE"))
		}
	}
	return errors.Join(errs...)
}

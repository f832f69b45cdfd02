package executive

import (
	"errors"

	"golang.org/x/sys/unix"
)

// acquire raises the calling thread, which must be locked to its goroutine. All
// that was refused is in the error; what was granted stays.
func (r RealTime) acquire() error {
	var errs []error
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
	if r.LockMemory {
		// ONFAULT: lock what is used, not the address space that Go reserves.
		if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); err != nil {
			errs = append(errs, noRealTime("lock memory", err, "raise LimitMEMLOCK"))
		}
	}
	return errors.Join(errs...)
}

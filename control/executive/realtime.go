package executive

import (
	"errors"
	"fmt"
)

// RealTime is what the executive's thread asks of the kernel.
type RealTime struct {
	// Priority under SCHED_FIFO, 1 to 99; 0 = ordinary scheduling.
	Priority int
	// CPU to stay on with that priority; -1 = any.
	CPU int
	// LockMemory keeps the process's pages from being swapped out.
	LockMemory bool
}

// ErrNoRealTime: the kernel refused real-time scheduling or locked memory, so not
// one tick runs (R-REAL-TIME).
var ErrNoRealTime = errors.New("no real-time priority")

func noRealTime(what string, err error, advice string) error {
	return fmt.Errorf("%w: %s: %w; %s", ErrNoRealTime, what, err, advice)
}

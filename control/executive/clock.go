package executive

import "time"

// Clock is the time an executive lives in. Times are monotonic since an origin
// that does not matter.
type Clock interface {
	Now() time.Duration
	// SleepUntil returns at t or later; at once when t has passed.
	SleepUntil(t time.Duration)
}

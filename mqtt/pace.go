package mqtt

import (
	"math/rand/v2"
	"sync"
	"time"
)

// pace holds every time and rate of the gateway in one place.
type pace struct {
	telemetry time.Duration // between two telemetry messages
	refresh   time.Duration // after which state is published although nothing changed

	stale    time.Duration // without a snapshot the control process counts as gone
	redial   backoff       // to the control process
	ask      time.Duration // for the control process to answer a request
	stopping time.Duration // for a stop to find a control process that is not there

	reconnect backoff       // to the broker
	settled   time.Duration // a connection that lasted so long starts the backoff anew
	connect   time.Duration // dial, TLS and CONNACK together
	keepAlive time.Duration // without traffic the client pings
	ping      time.Duration // for the broker to answer a ping
	write     time.Duration // for one packet to leave
	ack       time.Duration // for the broker to acknowledge
	farewell  time.Duration // for the last "offline" at a clean stop

	responseAge time.Duration // an older response is of no use to anybody
	repeat      time.Duration // before the same complaint is logged again
}

// defaultPace: telemetry, refresh, keep-alive and ping are part of the contract.
// A keep-alive of 15 s makes the last will show after 22 s at most (1.5 times,
// MQTT 3.1.1 section 3.1.2.10).
func defaultPace() pace {
	return pace{
		telemetry:   200 * time.Millisecond,
		refresh:     30 * time.Second,
		stale:       3 * time.Second,
		redial:      backoff{first: 100 * time.Millisecond, most: 5 * time.Second},
		ask:         3 * time.Second,
		stopping:    10 * time.Second,
		reconnect:   backoff{first: time.Second, most: 60 * time.Second},
		settled:     30 * time.Second,
		connect:     10 * time.Second,
		keepAlive:   15 * time.Second,
		ping:        5 * time.Second,
		write:       5 * time.Second,
		ack:         10 * time.Second,
		farewell:    2 * time.Second,
		responseAge: 30 * time.Second,
		repeat:      10 * time.Minute,
	}
}

// backoff grows from first to most, doubling with each failure in a row.
type backoff struct{ first, most time.Duration }

// wait before the next try after so many failures in a row: at random between
// half of the step and all of it, so that many tables do not come back to a
// restarted broker in step.
func (b backoff) wait(failures int) time.Duration {
	step := b.first
	for i := 1; i < failures && step < b.most; i++ {
		step *= 2
	}
	step = min(step, b.most)
	return step/2 + rand.N(step/2+1)
}

// limiter is a token bucket: rate per second on average, burst at once.
type limiter struct {
	rate, burst float64

	mu     sync.Mutex
	tokens float64
	last   time.Time
}

func newLimiter(rate, burst float64) *limiter {
	return &limiter{rate: rate, burst: burst, tokens: burst}
}

// allow takes one token if there is one.
func (l *limiter) allow(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.last.IsZero() {
		l.tokens = min(l.burst, l.tokens+l.rate*max(0, now.Sub(l.last).Seconds()))
	}
	l.last = now
	if l.tokens < 1 {
		return false
	}
	l.tokens--
	return true
}

// complaint decides whether a reason is worth a log line: when it is a new one,
// or when the same one still holds after the repeat time.
type complaint struct {
	repeat time.Duration

	mu     sync.Mutex
	reason string
	at     time.Time
}

func (c *complaint) worth(reason string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if reason == c.reason && now.Sub(c.at) < c.repeat {
		return false
	}
	c.reason, c.at = reason, now
	return true
}

// settle forgets the reason: the trouble is over. It tells whether there was one.
func (c *complaint) settle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.reason != ""
	c.reason = ""
	return was
}

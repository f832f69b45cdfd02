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

	stale     time.Duration // without a snapshot the control process counts as gone
	redial    backoff       // to the control process
	ask       time.Duration // for the control process to answer a request
	keepAgain time.Duration // before the backlog is offered again what it could not take
	stopping  time.Duration // for a stop to find a control process that is not there

	reconnect backoff       // to the broker
	settled   time.Duration // a connection that lasted so long starts the backoff anew
	reask     backoff       // to ask again for topics that the broker refused
	connect   time.Duration // dial, TLS and CONNACK together
	keepAlive time.Duration // without traffic the client pings
	ping      time.Duration // for the broker to answer a ping
	write     time.Duration // for one packet to leave
	ack       time.Duration // for the broker to acknowledge
	farewell  time.Duration // for the last "offline" at a clean stop

	announcing announcing // in Home Assistant

	responseAge time.Duration // an older response is of no use to anybody
	repeat      time.Duration // before the same complaint is logged again
}

// defaultPace: telemetry, refresh, keep-alive and ping are part of the contract.
// A keep-alive of 15 s makes the last will show after 22 s at most (1.5 times,
// MQTT 3.1.1 section 3.1.2.10).
//
// reconnect is for a clinic: a broker that restarts drops every table in the same
// instant. 500 tables that come back anywhere in 24 s are 21 connections a second,
// and in none of 20,000 simulated outages more than 50 in any second. Whoever fails
// waits from 24 to 48 s: second attempts begin where the first ones end, and are
// never more a second than those. With the longest wait and the time for
// connecting, all are back within 60 s of the broker, however long it was away.
// The price: a single table at home, too, is without remote stop for twelve
// seconds on average after its broker restarted. The network is never what the
// person on the table depends on.
//
// settled is longer than the longest wait and connecting together. Two gateways
// with one client id throw each other out when the other's wait is over; a
// shorter one would take that for health, hurry, and log each round.
func defaultPace() pace {
	return pace{
		telemetry:   200 * time.Millisecond,
		refresh:     30 * time.Second,
		stale:       3 * time.Second,
		redial:      backoff{first: 100 * time.Millisecond, most: 5 * time.Second},
		ask:         3 * time.Second,
		keepAgain:   time.Second,
		stopping:    10 * time.Second,
		reconnect:   backoff{spread: 24 * time.Second, first: 24 * time.Second, most: 48 * time.Second},
		settled:     60 * time.Second,
		reask:       backoff{first: 2 * time.Second, most: 60 * time.Second},
		connect:     10 * time.Second,
		keepAlive:   15 * time.Second,
		ping:        5 * time.Second,
		write:       5 * time.Second,
		ack:         10 * time.Second,
		farewell:    2 * time.Second,
		announcing:  defaultAnnouncing(),
		responseAge: 30 * time.Second,
		repeat:      10 * time.Minute,
	}
}

// backoff grows from first to most, doubling with each failure in a row.
type backoff struct {
	// spread, unless 0, replaces the first wait: anywhere from 0 to spread.
	spread      time.Duration
	first, most time.Duration
}

// wait before the next try after so many failures in a row: at random between
// half of the step and all of it, or in the whole of spread, so that many tables
// do not come back to a restarted broker in step.
func (b backoff) wait(failures int) time.Duration {
	if b.spread > 0 && failures <= 1 {
		return rand.N(b.spread + 1)
	}
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
	// answered is how it was last said that things are well, "" = not yet since the
	// last complaint.
	answered string
}

func (c *complaint) worth(reason string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if reason == c.reason && now.Sub(c.at) < c.repeat {
		return false
	}
	c.reason, c.at, c.answered = reason, now, ""
	return true
}

// answer tells whether it is worth saying that things are well in this way: when
// it was not said since the last complaint. Trouble that comes and goes, such as
// two gateways with one client id, is then a pair of lines now and then.
func (c *complaint) answer(how string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answered == how {
		return false
	}
	c.answered = how
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

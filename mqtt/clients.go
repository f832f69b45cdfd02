package mqtt

import (
	"sync"
	"time"
)

const (
	// requestRate and requestBurst limit the requests of one client, but for stop and
	// pause, per second: people and automations need a few.
	requestRate, requestBurst = 5, 10
	// mostClients are told apart at a time; further ones share one limit.
	mostClients = 64
	// clientIdle is when a client's limit has long been full again.
	clientIdle = 10 * time.Second
)

// clients limits each client's requests on its own. MQTT 3.1.1 does not tell who
// published a message; the broker's access rules can tie the topic request/<client>
// to a user, and the plain topic is one client.
type clients struct {
	mu     sync.Mutex
	byName map[string]*client
	others *limiter
}

type client struct {
	limit *limiter
	last  time.Time
}

func newClients() *clients {
	return &clients{byName: make(map[string]*client), others: newLimiter(requestRate, requestBurst)}
}

// allow takes one request of a client, if it may have one more now.
func (c *clients) allow(name string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.byName[name]
	if known == nil {
		if len(c.byName) >= mostClients && !c.makeRoom(now) {
			return c.others.allow(now)
		}
		known = &client{limit: newLimiter(requestRate, requestBurst)}
		c.byName[name] = known
	}
	known.last = now
	return known.limit.allow(now)
}

// makeRoom forgets who has been quiet and tells whether there was anybody.
func (c *clients) makeRoom(now time.Time) bool {
	for name, k := range c.byName {
		if now.Sub(k.last) > clientIdle {
			delete(c.byName, name)
		}
	}
	return len(c.byName) < mostClients
}

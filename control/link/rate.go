package link

import (
	"sync"
	"time"
)

// bucket lets rate tokens a second through, and burst at once after a rest.
type bucket struct {
	rate, burst float64

	mu     sync.Mutex
	used   float64 // tokens taken and not yet grown again
	looked time.Time
}

// take tells whether there is a token at now.
func (b *bucket) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used = max(0, b.used-b.rate*now.Sub(b.looked).Seconds())
	b.looked = now
	if b.used+1 > b.burst {
		return false
	}
	b.used++
	return true
}

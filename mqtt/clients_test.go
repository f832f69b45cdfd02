package mqtt

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestEachClientHasItsOwnLimit(t *testing.T) {
	c := newClients()
	now := time.Now()
	took := func(name string) (n int) {
		for range 100 {
			if c.allow(name, now) {
				n++
			}
		}
		return n
	}
	assert.Equal(t, requestBurst, took("greedy"))
	assert.Equal(t, requestBurst, took("modest"), "another client's limit is untouched")
	now = now.Add(time.Second)
	assert.Equal(t, requestRate, took("greedy"))
}

func TestClientsAreBounded(t *testing.T) {
	c := newClients()
	now := time.Now()
	allowed := 0
	for i := range 10000 {
		if c.allow(fmt.Sprint(i), now) {
			allowed++
		}
		assert.LessOrEqual(t, len(c.byName), mostClients)
	}
	assert.Equal(t, mostClients+requestBurst, allowed, "names that nobody has do not widen the limit without end")
	now = now.Add(clientIdle + time.Second)
	assert.True(t, c.allow("new", now))
	assert.Len(t, c.byName, 1, "quiet ones are forgotten")
}

package fuzz

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

var sink []byte

// TestBoundedHasTeeth shows that the check can fail, and that it depends on the
// size of the input.
func TestBoundedHasTeeth(t *testing.T) {
	for _, c := range []struct {
		name        string
		bytes, took int
		fails       bool
	}{
		{"nothing", 0, 0, false},
		{"little of little", 10, 1 << 20, false},
		{"much of little", 10, 2 * fixed, true},
		{"much of much", 64 << 10, 2 * fixed, false},
	} {
		inner := &testing.T{}
		Bounded(inner, c.bytes, func() { sink = make([]byte, c.took) })
		assert.Equal(t, c.fails, inner.Failed(), c.name)
	}
}

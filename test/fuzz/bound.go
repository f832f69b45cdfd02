// Package fuzz holds what every fuzz target demands of a decoder besides the
// decoder's own promises: it comes to an end, and it takes memory in proportion
// to what it was given. The command "run" beside it runs all targets.
package fuzz

import (
	"fmt"
	"runtime/metrics"
	"testing"
	"time"
)

const (
	// longest is the time for one input. Decoders need some milliseconds; nothing
	// but a loop without end, or a cost that grows with the square, comes near.
	longest = 10 * time.Second
	// fixed and perByte bound the memory in bytes that decoding may allocate, all
	// garbage included: a TOML key of four bytes that nobody asked for becomes a
	// message of some hundreds.
	fixed   = 4 << 20
	perByte = 1024
)

// Bounded runs decode on an input of that many bytes. It fails the test when
// decode allocates more than inputs of that size can need, and ends the program
// when decode does not return: only so does the fuzzing engine keep the input.
func Bounded(t testing.TB, bytes int, decode func()) {
	t.Helper()
	defer time.AfterFunc(longest, func() {
		panic(fmt.Sprintf("decoding %d bytes takes longer than %v", bytes, longest))
	}).Stop()
	before := allocated()
	decode()
	most := uint64(fixed + perByte*bytes)
	if took := allocated() - before; took > most {
		t.Errorf("decoding %d bytes allocated %d bytes, allowed: %d", bytes, took, most)
	}
}

// allocated is how many bytes this program has allocated so far, to the accuracy
// of the allocator's spans.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

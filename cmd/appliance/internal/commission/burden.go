package commission

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"
)

// Burdens are the kinds of load that a computer is put under.
var Burdens = []string{"cpu", "memory", "disk"}

const (
	// burdenMemory is touched over and over: more than any cache of such a computer
	// holds, an eighth of the smallest one's memory.
	burdenMemory = 64 << 20
	// burdenBlock is written and flushed 16 times a second: 1 MB a second keeps a
	// card busy with flushes without wearing it, 60 MB in a check.
	burdenBlock = 64 << 10
	burdenPause = time.Second / 16
	// burdenFile is where writing begins again.
	burdenFile = 8 << 20
)

// Burden keeps the computer busy in one way until ctx ends, the time is over, or
// its parent, at the other end of lifeline, is gone. The disk's file is in folder
// and has no name any more.
func Burden(ctx context.Context, kind, folder string, most time.Duration, lifeline io.Reader) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, lifeline) // its end is the message
		cancel()
	}()
	// Should memory run out it is this process that the kernel takes; where it may not
	// say so, it is one like any other.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
	switch kind {
	case "cpu":
		for range runtime.NumCPU() - 1 {
			go burnCPU(ctx)
		}
		burnCPU(ctx)
		return nil
	case "memory":
		burnMemory(ctx)
		return nil
	case "disk":
		return burnDisk(ctx, folder)
	}
	return fmt.Errorf("burden %q: unknown, allowed: %v", kind, Burdens)
}

// burnCPU computes, and looks at ctx every few microseconds.
func burnCPU(ctx context.Context) {
	x := uint64(88172645463325252) // xorshift64: its next value needs this one, so nothing is left out
	for ctx.Err() == nil && x != 0 {
		for range 10_000 {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
		}
	}
}

// burnMemory walks over more memory than the caches hold, a cache line at a time,
// and lets it go and asks for it again after each round, for the kernel's part.
func burnMemory(ctx context.Context) {
	const line = 64
	for ctx.Err() == nil {
		b := make([]byte, burdenMemory/2) // the collector keeps up to as much again
		for round := byte(1); round <= 4 && ctx.Err() == nil; round++ {
			for i := 0; i < len(b); i += line {
				b[i] += round
			}
		}
	}
}

// burnDisk writes and flushes.
func burnDisk(ctx context.Context, folder string) (err error) {
	f, err := os.CreateTemp(folder, ".appliance-check-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	// Without its name it is gone whatever becomes of this process.
	if err := os.Remove(f.Name()); err != nil {
		return err
	}
	ticker := time.NewTicker(burdenPause)
	defer ticker.Stop()
	block := make([]byte, burdenBlock)
	for at := int64(0); ; at = (at + burdenBlock) % burdenFile {
		if _, err := f.WriteAt(block, at); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

package commission

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// raised runs f on a thread of its own, raised to SCHED_FIFO on one CPU (-1 = any)
// with locked memory, as the control process is, and gives everything back. What
// the kernel refuses does not keep f from running. A priority of 0 asks for
// nothing.
func raised(priority, cpu int, f func()) grant {
	if priority == 0 {
		f()
		return grant{}
	}
	done := make(chan grant)
	go func() {
		runtime.LockOSThread()
		g, restored := raise(priority, cpu, f)
		if restored {
			runtime.UnlockOSThread()
		}
		// A thread that could not be lowered again stays locked and dies with this
		// goroutine.
		done <- g
	}()
	return <-done
}

// raise does it on the locked thread; restored tells that the thread is as before.
func raise(priority, cpu int, f func()) (g grant, restored bool) {
	g.asked, restored = true, true
	before, err := unix.SchedGetAttr(0, 0)
	if err == nil {
		attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: uint32(priority)}
		err = unix.SchedSetAttr(0, &attr, 0)
	}
	if g.fifo = err; err == nil {
		defer func() { restored = unix.SchedSetAttr(0, before, 0) == nil && restored }()
	}
	if cpu >= 0 {
		var old, one unix.CPUSet
		one.Set(cpu)
		if err = unix.SchedGetaffinity(0, &old); err == nil {
			err = unix.SchedSetaffinity(0, &one)
		}
		if g.cpu = err; err == nil {
			defer func() { restored = unix.SchedSetaffinity(0, &old) == nil && restored }()
		}
	}
	// ONFAULT: lock what is used, not the address space that Go reserves.
	if g.memory = unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); g.memory == nil {
		defer func() { _ = unix.Munlockall() }() // never refused
	}
	f()
	return g, restored
}

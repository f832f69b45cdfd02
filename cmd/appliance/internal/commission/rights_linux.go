package commission

import (
	"errors"
	"fmt"
	"os/user"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Rights becomes a service's user under a service's limits, for good, and tries
// what its real-time thread asks for. Only root can do that, in a process of its
// own. The error is about the way there; refusals are in the result.
func Rights(w RightsWanted) (g RightsGranted, err error) {
	runtime.LockOSThread() // never unlocked: this process has nothing else to do
	u, err := user.Lookup(w.User)
	if err != nil {
		return g, err
	}
	uid, uidErr := strconv.Atoi(u.Uid)
	gid, gidErr := strconv.Atoi(u.Gid)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return g, err
	}
	for _, l := range []struct {
		name     string
		resource int
		text     string
	}{{"LimitRTPRIO", unix.RLIMIT_RTPRIO, w.RealTime}, {"LimitMEMLOCK", unix.RLIMIT_MEMLOCK, w.Locked}} {
		n, _ := bound(l.text)
		if err := unix.Setrlimit(l.resource, &unix.Rlimit{Cur: n, Max: n}); err != nil {
			return g, fmt.Errorf("%s=%s: %w", l.name, l.text, err)
		}
	}
	// In this order: after the last one nothing more is allowed. It also drops every
	// capability (capabilities(7)).
	if err := errors.Join(syscall.Setgroups([]int{gid}), syscall.Setgid(gid), syscall.Setuid(uid)); err != nil {
		return g, fmt.Errorf("become user %q: %w", w.User, err)
	}
	granted, _ := raise(w.Priority, w.CPU, func() {})
	return RightsGranted{Scheduling: reason(granted.fifo), CPU: reason(granted.cpu), Memory: reason(granted.memory)}, nil
}

func reason(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

package parts

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Patience bounds every wait for a real process. Only what is broken uses it up,
// however slow or busy the machine is. It is also twice the longest that a table
// takes to come back to a broker whose restart it has missed.
const Patience = 2 * time.Minute

// Await looks until a condition holds, for most at the longest, and tells whether
// it did. The next look comes after a twentieth of the time waited so far, 10 to
// 50 ms: soon after what is quick, and seldom enough for what takes long or costs
// something to look at.
func Await(most time.Duration, holds func() bool) bool {
	for began := time.Now(); !holds(); {
		waited := time.Since(began)
		if waited > most {
			return false
		}
		time.Sleep(min(max(waited/20, 10*time.Millisecond), 50*time.Millisecond))
	}
	return true
}

// Eventually waits until a condition holds, and ends the test if that uses up
// Patience.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	if !Await(Patience, holds) {
		t.Fatalf("waited %v for: %s", Patience, what)
	}
}

// given are the addresses that FreeAddress has given.
var given struct {
	sync.Mutex
	all map[string]bool
}

// The ports of FreeAddress lie below those that the kernel gives to whoever connects
// (32768 and up, ip(7)): one of these may be taken between the look and its use.
const (
	portsFrom = 10_000
	portsTo   = 32_768
)

// FreeAddress is a host:port of loopback where nobody listens now, none twice.
func FreeAddress(t testing.TB) string {
	t.Helper()
	given.Lock()
	defer given.Unlock()
	if given.all == nil {
		given.all = map[string]bool{}
	}
	for range 1000 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(portsFrom+rand.IntN(portsTo-portsFrom)))
		if given.all[address] {
			continue
		}
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue // somebody listens there
		}
		_ = l.Close() // nobody has connected
		given.all[address] = true
		return address
	}
	t.Fatal("no address is free")
	return ""
}

// FreePort is the port of a FreeAddress.
func FreePort(t testing.TB) string {
	t.Helper()
	_, port, _ := net.SplitHostPort(FreeAddress(t)) // the kernel has made it
	return port
}

// Listens tells whether somebody takes connections at an address.
func Listens(address string) bool {
	c, err := net.DialTimeout("tcp", address, Patience)
	if err == nil {
		_ = c.Close() // nothing was sent
	}
	return err == nil
}

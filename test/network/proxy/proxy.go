// Package proxy stands between MQTT clients and their broker in tests: it breaks
// the way between them in the manners in which networks break, and counts what
// goes through.
package proxy

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Fault is what is wrong with the way to the broker.
type Fault int

const (
	// None: everything goes through.
	None Fault = iota
	// Drop ends each connection as soon as it was made.
	Drop
	// LoseUp loses all that clients send, the end of their connection included.
	LoseUp
	// LoseDown loses all that the broker sends.
	LoseDown
	// LoseBoth loses everything: a cable pulled out behind the next switch.
	LoseBoth
	// Stall does not even read: the senders' buffers fill up.
	Stall
)

// up and down are the directions, from the client and from the broker.
const (
	up = iota
	down
)

// loses tells what of one direction is lost.
func (f Fault) loses(direction int) bool {
	return f == LoseBoth || direction == up && f == LoseUp || direction == down && f == LoseDown
}

// Publish is one PUBLISH packet from a client, or the broker's word that it has it.
type Publish struct {
	// Acknowledged: this is the PUBACK, on its way to the client.
	Acknowledged bool
	// At is when it went through.
	At time.Time
	// Connection counts the connections through this proxy from 1.
	Connection int
	Topic      string
	QoS        byte
	Retained   bool
	Payload    []byte
}

// Counts is what went through so far.
type Counts struct {
	// Accepted are the moments at which somebody connected to the proxy, in order.
	Accepted []time.Time
	// Connects are the moments at which a CONNECT went to the broker, in order.
	Connects []time.Time
	// Publishes by clients of any quality of service, lost ones included.
	Publishes int
	// InFlight is the most that were unacknowledged at QoS 1 on one connection.
	InFlight int
	// Open is how many connections there are now.
	Open int
}

// Proxy is a way to one broker. Its methods may be called from any goroutine.
type Proxy struct {
	listener net.Listener
	broker   string
	see      func(Publish)
	wg       sync.WaitGroup

	mu     sync.Mutex
	fault  Fault
	over   bool
	mended chan struct{} // closed by the next Set
	counts Counts
	open   map[*way]bool
	last   int // connection
}

// dialWait is for a broker on the same machine.
const dialWait = 5 * time.Second

// Listen opens a way to the broker at that address, on a free port of loopback.
// see, unless nil, gets each PUBLISH of a client, lost or not, and again when its
// PUBACK goes through; what goes in one direction of one connection in its order.
// It must not wait.
func Listen(broker string, see func(Publish)) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("proxy: listen: %w", err)
	}
	if see == nil {
		see = func(Publish) {}
	}
	p := &Proxy{listener: l, broker: broker, see: see, mended: make(chan struct{}), open: make(map[*way]bool)}
	p.wg.Go(p.accept)
	return p, nil
}

// Addr is where clients connect to.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Set makes a fault, also on the connections that there are, or mends it with None.
func (p *Proxy) Set(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
	close(p.mended)
	p.mended = make(chan struct{})
}

// Cut ends all connections at once and tells how many there were.
func (p *Proxy) Cut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for w := range p.open {
		w.close()
	}
	return len(p.open)
}

// Counts returns a copy of what was counted.
func (p *Proxy) Counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.counts
	c.Accepted = append([]time.Time(nil), c.Accepted...)
	c.Connects = append([]time.Time(nil), c.Connects...)
	c.Open = len(p.open)
	return c
}

// Close ends everything and waits until it has ended.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.over = true
	p.mu.Unlock()
	err := p.listener.Close()
	p.Set(Drop)
	p.Cut()
	p.wg.Wait()
	return err
}

func (p *Proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // out of descriptors, which may pass
			time.Sleep(10 * time.Millisecond)
		default:
			p.wg.Go(func() { p.join(conn) })
		}
	}
}

// join makes one way from a client to the broker and serves it to its end.
func (p *Proxy) join(client net.Conn) {
	defer client.Close() //nolint:errcheck // a connection that is over
	p.mu.Lock()
	p.counts.Accepted = append(p.counts.Accepted, time.Now())
	refused := p.fault == Drop || p.over
	p.mu.Unlock()
	if refused {
		return
	}
	broker, err := net.DialTimeout("tcp", p.broker, dialWait)
	if err != nil {
		return
	}
	w := p.begin(client, broker)
	if w == nil {
		_ = broker.Close()
		return
	}
	var both sync.WaitGroup
	for direction := range w.ends {
		both.Go(func() {
			if w.carry(direction) {
				w.close()
			} else {
				_ = w.ends[direction].Close() // the other side does not hear of it
			}
		})
	}
	both.Wait()
	p.mu.Lock()
	delete(p.open, w)
	p.mu.Unlock()
}

// begin registers a way, unless the proxy was closed meanwhile.
func (p *Proxy) begin(client, broker net.Conn) *way {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return nil
	}
	p.last++
	w := &way{proxy: p, number: p.last, ends: [2]net.Conn{client, broker}, closed: make(chan struct{}), flying: make(map[uint16]*Publish)}
	p.open[w] = true
	return w
}

// Storm is the most of these moments, which are in order, within any second.
func Storm(moments []time.Time) (most int) {
	from := 0
	for i, m := range moments {
		for m.Sub(moments[from]) >= time.Second {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}

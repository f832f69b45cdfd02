// Package broker is the MQTT broker inside the one-command demo.
//
// It is NOT FOR PRODUCTION: anybody on this machine may connect, read and
// publish, nothing is kept over a restart, and its engine panics on at least
// one malformed packet. It therefore listens on loopback only, and never runs
// in the process that controls a table with a person on it. For real use take
// Mosquitto or another broker with users, access rules and TLS.
package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
)

// ErrNotLoopback: the address can be reached from outside this machine.
var ErrNotLoopback = errors.New("the demo broker listens on loopback only")

const (
	// maxClients is far more than a demo needs.
	maxClients = 64
	// maxPacket in bytes; the largest payload of the contract is a state of about 4 KiB.
	maxPacket = 64 << 10
	// maxPending is how many messages wait for a slow reader before it loses some.
	maxPending = 1024
	// sysInterval in seconds between the engine's own statistics.
	sysInterval = 60
	// closeTimeout bounds Close: the engine waits for each client's goroutine.
	closeTimeout = 5 * time.Second
)

// Broker is a running demo broker.
type Broker struct {
	server   *mochi.Server
	listener *listener
	once     sync.Once
	closeErr error
	closing  chan struct{} // closed by Close
}

// Start listens on addr, for example "127.0.0.1:1883", or "127.0.0.1:0" for any
// free port, and serves until ctx ends or Close is called. An address that is
// not loopback gives ErrNotLoopback.
func Start(ctx context.Context, addr string) (*Broker, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	if err := loopback(ctx, addr); err != nil {
		return nil, err
	}
	limits := mochi.NewDefaultServerCapabilities()
	limits.MaximumClients = maxClients
	limits.MaximumPacketSize = maxPacket
	limits.MaximumClientWritesPending = maxPending
	server := mochi.New(&mochi.Options{
		Capabilities: limits,
		// The engine logs every client that goes away; what matters here comes
		// back as an error or from the listener.
		Logger:                 slog.New(slog.DiscardHandler),
		SysTopicResendInterval: sysInterval,
	})
	if err := server.AddHook(new(auth.AllowHook), nil); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	l := newListener(addr)
	if err := server.AddListener(l); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	if err := server.Serve(); err != nil {
		return nil, errors.Join(fmt.Errorf("broker: %w", err), l.socket.Close())
	}
	b := &Broker{server: server, listener: l, closing: make(chan struct{})}
	go func() {
		select {
		case <-ctx.Done():
			_ = b.Close() // the error is kept for the caller's own Close
		case <-b.closing:
		}
	}()
	return b, nil
}

// Addr is the address in use, with the real port.
func (b *Broker) Addr() string { return b.listener.Address() }

// Close ends the broker and every connection to it, within five seconds. It may
// be called more than once.
func (b *Broker) Close() error {
	b.once.Do(func() {
		close(b.closing)
		done := make(chan error, 1)
		go func() { done <- b.server.Close() }()
		select {
		case b.closeErr = <-done:
		case <-time.After(closeTimeout):
			b.closeErr = errors.New("broker: clients did not end in time")
		}
	})
	return b.closeErr
}

// loopback refuses every address that another machine could reach.
func loopback(ctx context.Context, addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("broker: address %q: %w", addr, err)
	}
	if host == "" {
		return fmt.Errorf("broker: address %q means every network: %w, allowed: 127.0.0.1:port or [::1]:port", addr, ErrNotLoopback)
	}
	ips, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil {
		return fmt.Errorf("broker: address %q: %w", addr, err)
	}
	for _, ip := range ips {
		if !ip.IP.IsLoopback() {
			return fmt.Errorf("broker: address %q is %v: %w, allowed: 127.0.0.1:port or [::1]:port", addr, ip.IP, ErrNotLoopback)
		}
	}
	return nil
}

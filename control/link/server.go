package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"traction/control"
)

// Source is what a server shows and where it sends commands. The executive
// implements it; every method may be called from several goroutines, returns
// soon and does not keep the slices it is given.
type Source interface {
	Boot() Boot
	Snapshot() control.Snapshot
	// Entries copies entries with Seq >= from into buf, in order, and tells the
	// oldest Seq still held, 0 when there is none.
	Entries(from uint64, buf []control.Entry) (n int, oldest uint64)
	// Events does the same for events.
	Events(from uint64, buf []control.Event) (n int, oldest uint64)
	// Reports copies the reports of treatments >= from into buf, in order.
	Reports(from uint32, buf []control.Report) int
	// Submit queues a command and waits for its reply until ctx ends. It returns
	// ErrQueueFull at once when there is no room.
	Submit(ctx context.Context, c control.Command) (control.Reply, error)
	// Stop asks for a release: a flag, so it needs no room and never waits.
	Stop(o control.Origin)
}

// Library resolves the programme of a select request.
type Library interface {
	Programme(name string) (*control.Programme, error)
	Programmes() []string
}

// ErrQueueFull is Submit's answer when too many commands wait.
var ErrQueueFull = errors.New("link: command queue is full")

// Everything that a client can use up is bounded, for each socket on its own, so
// that the network's socket cannot crowd out the table's.
const (
	maxClients = 16
	// submitWait is how long the executive may take for a command; it takes one a
	// millisecond and its queue is short.
	submitWait = time.Second
	// silenceWait is six pings.
	silenceWait = 30 * time.Second
	// acceptEvery spaces connections out, because each one costs memory that
	// becomes garbage, and garbage collection disturbs the control loop.
	acceptEvery = 20 * time.Millisecond
	// acceptTries is how often accepting may fail in a row, acceptPause apart.
	acceptTries = 100
	acceptPause = 100 * time.Millisecond
	// Remote requests: people and automations need a few a second.
	requestRate, requestBurst = 20, 10
	// Lines that are decoded. Further ones are only searched for a stop, which
	// makes no garbage.
	lineRate, lineBurst = 100, 100
	// Lines in the log.
	noteRate, noteBurst = 1, 10
)

// Options of a Server; the zero value is usable.
type Options struct {
	// Log is told about clients that are refused or dropped; nil = nobody is.
	Log *slog.Logger
	// Remote is what remote users may do, for Hello; the controller enforces it.
	Remote control.Permission
	// Key that signatures are checked with, of LeastKey bytes at least; nil = none is asked for.
	Key []byte
}

// Server serves one Source on any number of sockets.
type Server struct {
	src   Source
	lib   Library
	log   *slog.Logger
	may   control.Permission
	key   []byte
	born  time.Time       // monotonic: a step of the wall clock is no silence
	heard [2]atomic.Int64 // by origin, nanoseconds since born of the last line, 0 = never
}

// SilentAfter is when a side counts as gone: two pings and some patience, so
// that a gateway may be restarted in between.
const SilentAfter = 12 * time.Second

// Silent tells whether nothing has been heard from any client of that origin
// for SilentAfter, or ever. It may be called from the real-time thread.
func (s *Server) Silent(o control.Origin) bool {
	heard := s.heard[o&1].Load()
	return heard == 0 || time.Since(s.born)-time.Duration(heard) > SilentAfter
}

// NewServer makes a server; Serve starts it.
func NewServer(src Source, lib Library, o Options) *Server {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{src: src, lib: lib, log: o.Log, may: o.Remote, key: o.Key, born: time.Now()}
}

// door is one socket: what its clients share.
type door struct {
	*Server
	ctx                                context.Context // ends with Serve
	origin                             control.Origin
	memory                             memory
	requestLimit, lineLimit, noteLimit bucket
	places                             chan struct{} // one for each client
	sessions                           sync.WaitGroup
}

// Serve accepts clients on l until ctx ends, all of their commands having the
// given origin. It closes l and all connections, and returns nil, or the error
// when accepting keeps failing.
func (s *Server) Serve(ctx context.Context, l net.Listener, origin control.Origin) error {
	ctx, cancel := context.WithCancel(ctx)
	d := &door{Server: s, ctx: ctx, origin: origin,
		requestLimit: bucket{rate: requestRate, burst: requestBurst},
		lineLimit:    bucket{rate: lineRate, burst: lineBurst},
		noteLimit:    bucket{rate: noteRate, burst: noteBurst},
		places:       make(chan struct{}, maxClients)}
	closed := context.AfterFunc(ctx, func() { _ = l.Close() }) // its error changes nothing any more
	defer func() {
		cancel()
		d.sessions.Wait()
		if closed() {
			_ = l.Close()
		}
	}()
	for failures := 0; ; {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case err == nil:
			failures = 0
			d.welcome(conn)
			pause(ctx, acceptEvery)
		case errors.Is(err, net.ErrClosed) || failures == acceptTries:
			return fmt.Errorf("link: accept: %w", err)
		default: // out of file descriptors, say, which may pass
			failures++
			pause(ctx, acceptPause)
		}
	}
}

// welcome starts a session, or says that there is no room.
func (d *door) welcome(conn net.Conn) {
	select {
	case d.places <- struct{}{}:
		d.sessions.Go(func() {
			defer func() { <-d.places }()
			newSession(d, conn).run()
		})
	default:
		d.note("client refused, there are too many", "most", maxClients)
		_ = conn.SetWriteDeadline(time.Now().Add(acceptEvery))
		_, _ = conn.Write(appendSeldom(nil, "error", errorJSON{fmt.Sprintf("%d clients are connected already, no more are allowed", maxClients)}))
		_ = conn.Close()
	}
}

// pause waits for d or for the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

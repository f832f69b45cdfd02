package mqtt

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"traction/control/link"
)

// Link is the connection to the control process; link.Client is one.
type Link interface {
	Hello() link.Hello
	Subscribe(link.Subscription) error
	Next(context.Context) (link.Update, error)
	Request(context.Context, link.Request) (link.Response, error)
	Close() error
}

// Dialer opens a new Link; the gateway calls it again after each loss.
type Dialer func(context.Context) (Link, error)

// Socket dials the control process's socket for gateways.
func Socket(path string) Dialer {
	return func(ctx context.Context) (Link, error) {
		c, err := link.Dial(ctx, path)
		if err != nil {
			return nil, err
		}
		return c, nil
	}
}

// Parts are what a Gateway works with.
type Parts struct {
	// Dial connects to the control process.
	Dial Dialer
	// Backlog keeps events and reports; nil = in memory.
	Backlog Backlog
	// Reports finds past treatments; nil = nobody can.
	Reports Reports
	// Version of the program.
	Version string
	// Log of the gateway; nil = slog.Default.
	Log *slog.Logger
}

const (
	// outQueue holds responses and the gateway's own events until they are published.
	outQueue = 64
	// requestQueue is one second of requests at the highest rate.
	requestQueue = 20
	// urgentQueue: see Gateway.urgent.
	urgentQueue = 16
	// refusalRate and refusalBurst limit the answers to those above the limit.
	refusalRate, refusalBurst = 2, 2
)

// Gateway connects one table's control process to one broker.
type Gateway struct {
	config  Config
	topics  Topics
	pace    pace
	dial    Dialer
	backlog Backlog
	reports Reports
	version string
	log     *slog.Logger
	running atomic.Bool

	view     view
	changed  chan struct{} // one signal: the view is another
	filled   chan struct{} // one signal: the backlog has got more
	out      chan outgoing
	requests chan incoming
	stops    chan incoming
	pauses   chan incoming

	clients           *clients
	refusals          *limiter
	dropped, connects atomic.Uint64

	boot    string // of this run of the gateway, for its own events
	started time.Time
	ownMu   sync.Mutex
	own     map[Kind]*told
	telling chan OwnEvent

	discovery discovery

	trouble, linkTrouble, backlogTrouble, flood, silence complaint
}

// outgoing is one message that waits for the connection's window.
type outgoing struct {
	topic    string
	retained bool
	payload  []byte
	until    time.Time // after this it is of no use; zero = always of use
}

// New makes a gateway. The error is Config.Validate's.
func New(c Config, p Parts) (*Gateway, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if p.Dial == nil {
		return nil, errors.New("mqtt: a gateway needs a way to dial the control process")
	}
	if p.Backlog == nil {
		p.Backlog = new(Memory)
	}
	if p.Log == nil {
		p.Log = slog.Default()
	}
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	g := &Gateway{
		config: c, topics: TopicsOf(c.TableID), dial: p.Dial, backlog: p.Backlog, reports: p.Reports, version: p.Version, log: p.Log,
		changed: make(chan struct{}, 1), filled: make(chan struct{}, 1),
		out:      make(chan outgoing, outQueue),
		requests: make(chan incoming, requestQueue),
		stops:    make(chan incoming, urgentQueue),
		pauses:   make(chan incoming, urgentQueue),
		clients:  newClients(),
		refusals: newLimiter(refusalRate, refusalBurst),
		boot:     hex.EncodeToString(id[:]), started: time.Now(),
		own: make(map[Kind]*told), telling: make(chan OwnEvent, ownQueue),
	}
	g.setPace(defaultPace())
	return g, nil
}

// setPace must not be called once Run was.
func (g *Gateway) setPace(p pace) {
	g.pace, g.view.stale = p, p.stale
	for _, c := range []*complaint{&g.trouble, &g.linkTrouble, &g.backlogTrouble, &g.flood, &g.silence} {
		c.repeat = p.repeat
	}
}

// Run works until ctx ends, then publishes "offline", disconnects and returns
// nil. Whatever goes wrong before is logged and tried again. It can be called once.
func (g *Gateway) Run(ctx context.Context) error {
	if g.running.Swap(true) {
		return errors.New("mqtt: this gateway has been run before")
	}
	var wg sync.WaitGroup
	wg.Go(func() { g.follow(ctx) })
	wg.Go(func() { g.keepOwn(ctx) })
	wg.Go(func() { g.workRequests(ctx) })
	wg.Go(func() { g.workUrgent(ctx, g.stops) })
	wg.Go(func() { g.workUrgent(ctx, g.pauses) })
	wg.Go(func() { g.serve(ctx) })
	wg.Wait()
	return nil
}

// post hands a message to the connection without waiting. While there is none a
// few are kept; what does not fit is counted and lost.
func (g *Gateway) post(o outgoing) {
	select {
	case g.out <- o:
	default:
		g.drop("a response or event of the gateway itself")
	}
}

// postJSON posts a payload that is not retained.
func (g *Gateway) postJSON(topic string, until time.Time, v any) {
	payload, err := json.Marshal(v)
	if err != nil {
		g.log.Error("mqtt: a payload could not be encoded", "topic", topic, "error", err)
		return
	}
	g.post(outgoing{topic: topic, payload: payload, until: until})
}

// drop counts what was lost to a flood, and says so now and then.
func (g *Gateway) drop(what string) {
	n := g.dropped.Add(1)
	if g.flood.worth("flood", time.Now()) { // of whatever kind: a flood must not fill the log
		g.log.Warn("mqtt: more messages than can be handled; find their sender", "dropped", what, "dropped_so_far", n)
	}
}

// signal wakes the reader of a channel with room for one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// pause waits, or tells that ctx has ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

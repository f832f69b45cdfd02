//go:build linux

package network

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/control/link"
	"traction/mqtt"
	"traction/test/network/proxy"
	"traction/test/parts"
)

var (
	tables = flag.Int("tables", 30, "tables that TestStorm drops all at once")
	away   = flag.Duration("away", 0, "how long the broker of TestStorm is gone besides being restarted")
)

// What a clinic's broker is promised, for 500 tables.
const (
	backWithin = 60 * time.Second
	stormMost  = 50 // connections in any second
)

// TestStorm drops all tables of a clinic at once, by killing their broker, and
// watches them come back at the gateway's own pace.
func TestStorm(t *testing.T) {
	parts.Heavy(t, "takes half a minute of real time")
	t.Parallel()
	broker := newMosquitto(t, "")
	way, err := proxy.Listen(broker.Address, nil)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, way.Close()) })
	there := watch(t, broker)
	ctx, cancel := context.WithCancel(context.Background())
	var clinic sync.WaitGroup
	t.Cleanup(clinic.Wait)
	t.Cleanup(cancel)
	for i := range *tables {
		g, err := mqtt.New(mqtt.Config{Broker: "tcp://" + way.Addr(), TableID: fmt.Sprintf("t%d", i)},
			mqtt.Parts{Dial: func(context.Context) (mqtt.Link, error) { return newStill(fmt.Sprintf("t%d", i)), nil }, Log: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		clinic.Go(func() { assert.NoError(t, g.Run(ctx)) })
		time.Sleep(5 * time.Millisecond) // people switch them on one after the other
	}
	parts.Eventually(t, "all are there", func() bool { return there.count() == *tables })

	before := way.Counts()
	way.Set(proxy.Drop)
	broker.Restart(t) // which drops them all
	time.Sleep(*away)
	there = watch(t, broker)
	began := time.Now()
	way.Set(proxy.None)
	require.True(t, parts.Await(2*backWithin, func() bool { return there.count() == *tables }), "all are back")
	took := time.Since(began)
	after := way.Counts()
	connects, accepted := after.Connects[len(before.Connects):], after.Accepted[len(before.Accepted):]
	t.Logf("%d tables, broker away for %v: all back %v after it; %d connections, at most %d in any second; %d attempts, at most %d in any second",
		*tables, *away, took.Round(100*time.Millisecond), len(connects), proxy.Storm(connects), len(accepted), proxy.Storm(accepted))
	assert.LessOrEqual(t, took, backWithin)
	if *tables <= 500 {
		assert.LessOrEqual(t, proxy.Storm(connects), stormMost)
	}
}

// online counts the tables that are.
type online struct {
	mu     sync.Mutex
	tables map[string]bool
}

func (o *online) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.tables)
}

// watch follows the availability of all tables.
func watch(t *testing.T, broker *parts.Mosquitto) *online {
	t.Helper()
	o := &online{tables: make(map[string]bool)}
	subscribe(t, client(t, broker.Address, "watch"), "traction/+/availability", func(m paho.Message) {
		o.mu.Lock()
		defer o.mu.Unlock()
		if string(m.Payload()) == mqtt.Online {
			o.tables[strings.Split(m.Topic(), "/")[1]] = true
		} else {
			delete(o.tables, strings.Split(m.Topic(), "/")[1])
		}
	})
	return o
}

// still is the link to a table on which nothing happens. It shows itself once a
// second instead of ten times: here five hundred tables share one computer.
type still struct {
	hello  link.Hello
	shown  bool
	closed chan struct{}
	once   sync.Once
}

func newStill(table string) *still {
	boot := link.Boot{ID: "b-" + table, Started: time.Now(), Table: table, Version: "test"}
	return &still{hello: link.Hello{Boot: boot, Schema: link.Schema}, closed: make(chan struct{})}
}

func (s *still) Hello() link.Hello                 { return s.hello }
func (s *still) Subscribe(link.Subscription) error { return nil }
func (s *still) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

func (s *still) Next(ctx context.Context) (link.Update, error) {
	wait := time.Second
	if !s.shown {
		wait, s.shown = 0, true
	}
	select {
	case <-time.After(wait):
		return link.Update{Snapshot: &control.Snapshot{At: time.Since(s.hello.Started), Rev: 1000, Cell: control.CellOK}}, nil
	case <-s.closed:
		return link.Update{}, link.ErrClosed
	case <-ctx.Done():
		return link.Update{}, ctx.Err()
	}
}

func (s *still) Request(_ context.Context, r link.Request) (link.Response, error) {
	return link.Answer(r.ID, control.Reply{Kind: r.Command, Rev: 1000}), nil
}

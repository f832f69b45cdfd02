package broker

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// generous is a time that only a broken program needs.
const generous = 20 * time.Second

func start(t *testing.T) *Broker {
	t.Helper()
	b, err := Start(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close()) })
	return b
}

func client(t *testing.T, b *Broker, id string) paho.Client {
	t.Helper()
	c := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + b.Addr()).SetClientID(id).
		SetAutoReconnect(false).SetConnectTimeout(generous))
	require.NoError(t, paho.WaitTokenTimeout(c.Connect(), generous))
	t.Cleanup(func() { c.Disconnect(100) })
	return c
}

func TestOnlyLoopback(t *testing.T) {
	for _, addr := range []string{":1883", "0.0.0.0:0", "[::]:0", "192.0.2.1:1883", "10.0.0.1:0"} {
		b, err := Start(t.Context(), addr)
		require.Nil(t, b, addr)
		assert.ErrorIs(t, err, ErrNotLoopback, addr)
	}
	_, err := Start(t.Context(), "127.0.0.1")
	assert.ErrorContains(t, err, "missing port")
}

func TestPublishReachesSubscriber(t *testing.T) {
	b := start(t)
	got := make(chan string, 1)
	c := client(t, b, "reader")
	require.NoError(t, paho.WaitTokenTimeout(c.Subscribe("a/b", 1, func(_ paho.Client, m paho.Message) {
		got <- string(m.Payload())
	}), generous))
	require.NoError(t, paho.WaitTokenTimeout(client(t, b, "writer").Publish("a/b", 1, false, "hello"), generous))
	select {
	case s := <-got:
		assert.Equal(t, "hello", s)
	case <-time.After(generous):
		t.Fatal("the message did not arrive")
	}
}

func TestPortInUseIsAnError(t *testing.T) {
	b := start(t)
	_, err := Start(t.Context(), b.Addr())
	assert.ErrorContains(t, err, "address already in use")
}

// A SUBSCRIBE of MQTT 5 whose filter has no options byte: the engine reads
// behind the end of its buffer.
var malformedSubscribe = []byte{0x82, 0x05, 0x00, 0x01, 0x00, 0x00, 0x00}

func TestPanicEndsOneConnectionOnly(t *testing.T) {
	b := start(t)
	conn, err := net.Dial("tcp", b.Addr())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(generous)))
	connect := []byte{0x10, 0x10, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 60, 0, 0, 3, 'e', 'v', 'l'}
	_, err = conn.Write(connect)
	require.NoError(t, err)
	in := bufio.NewReader(conn)
	first, err := in.ReadByte()
	require.NoError(t, err)
	require.Equal(t, byte(0x20), first, "CONNACK")
	_, err = conn.Write(malformedSubscribe)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, in)
	require.NoError(t, err, "the broker closes this connection")

	again := client(t, b, "next")
	assert.NoError(t, paho.WaitTokenTimeout(again.Publish("still/alive", 1, false, "1"), generous))
}

func TestCloseEndsSilentConnections(t *testing.T) {
	b, err := Start(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	silent, err := net.Dial("tcp", b.Addr())
	require.NoError(t, err)
	defer silent.Close()
	require.NoError(t, silent.SetDeadline(time.Now().Add(generous)))
	require.NoError(t, b.Close())
	_, err = io.Copy(io.Discard, silent)
	assert.NotErrorIs(t, err, os.ErrDeadlineExceeded, "closed by the broker, not by our own deadline")
	require.NoError(t, b.Close(), "again")
}

func TestContextEndsIt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b, err := Start(ctx, "127.0.0.1:0")
	require.NoError(t, err)
	cancel()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", b.Addr())
		if err == nil {
			conn.Close()
		}
		return err != nil
	}, generous, 5*time.Millisecond)
	_, err = Start(ctx, "127.0.0.1:0")
	assert.ErrorIs(t, err, context.Canceled)
}

func ExampleStart() {
	b, err := Start(context.Background(), "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer b.Close()
	host, _, _ := net.SplitHostPort(b.Addr())
	fmt.Println(host)
	// Output: 127.0.0.1
}

// The race detector finds what this would show: a wildcard subscription reads
// the retained messages that other clients change.
func TestRetainedWhileSubscribing(t *testing.T) {
	b := start(t)
	var wg sync.WaitGroup
	for w := range 2 {
		writer := client(t, b, fmt.Sprintf("writer-%d", w))
		wg.Go(func() {
			for i := range 300 {
				writer.Publish(fmt.Sprintf("r/%d", w), 0, true, []byte("x")[:i%2])
			}
			writer.Publish("done", 1, false, "").WaitTimeout(generous)
		})
	}
	reader := client(t, b, "reader")
	for range 200 {
		require.NoError(t, paho.WaitTokenTimeout(reader.Subscribe("r/#", 1, func(paho.Client, paho.Message) {}), generous))
	}
	wg.Wait()
}

func TestOneTurnAtATime(t *testing.T) {
	var all sync.Mutex
	newTurn := func() (*turn, net.Conn) {
		in, out := net.Pipe()
		t.Cleanup(func() { in.Close(); out.Close() })
		return &turn{Conn: in, all: &all}, out
	}
	first, a := newTurn()
	second, b := newTurn()
	go func() { _, _ = a.Write([]byte("1")) }()
	buf := make([]byte, 1)
	_, err := first.Read(buf)
	require.NoError(t, err)
	require.False(t, all.TryLock(), "the first has the turn")
	got := make(chan error, 1)
	go func() {
		_, err := second.Read(make([]byte, 1))
		second.end()
		got <- err
	}()
	_, err = b.Write([]byte("2"))
	require.NoError(t, err)
	first.end()
	require.NoError(t, <-got)
	require.True(t, all.TryLock(), "nobody has the turn")
}

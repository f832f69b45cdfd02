package link

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"traction/control"
)

// ErrClosed: the connection is over, because the control process ended it or
// vanished or because Close was called. Dial again.
var ErrClosed = errors.New("link: connection closed")

const (
	// writeWait is how long one write may take before the other side counts as
	// hung; the control process reads within milliseconds.
	writeWait = 2 * time.Second
	// answerWait is the longest wait for a response; the server itself gives up
	// after submitWait.
	answerWait = 5 * time.Second
	// pingEvery keeps the server, which drops silent clients after silenceWait.
	pingEvery = 5 * time.Second
	// updateQueue is how many messages wait for Next before the reader stops
	// reading. 16 MB at the very most.
	updateQueue = 256
)

// Client is one connection to the control process. Its methods may be called
// from several goroutines. Whoever subscribes keeps calling Next: while the
// queue is full nothing is read, responses neither, and the server drops the
// client after 2 s. A stop acts even then.
type Client struct {
	conn    net.Conn
	hello   Hello
	updates chan Update
	closing chan struct{} // Close was called or the reader ended
	once    sync.Once
	wg      sync.WaitGroup

	write sync.Mutex
	line  []byte // guarded by write

	mu      sync.Mutex
	waiting map[string][]chan Response // by id, in the order of asking
	err     error                      // set before updates is closed
}

// Hello is what the server said first.
func (c *Client) Hello() Hello { return c.hello }

// Subscribe asks for updates, in place of what was asked for before.
func (c *Client) Subscribe(s Subscription) error {
	if err := s.validate(); err != nil {
		return fmt.Errorf("link: subscribe: %w", err)
	}
	return c.send(func(b []byte) []byte { return appendSubscription(b, &s) })
}

// Next waits for the next update. After the connection ended it first hands out
// what had arrived, then ErrClosed with the reason.
func (c *Client) Next(ctx context.Context) (Update, error) {
	select {
	case u, open := <-c.updates:
		if !open {
			return Update{}, c.reason()
		}
		return u, nil
	case <-ctx.Done():
		return Update{}, ctx.Err()
	}
}

// Request sends a command and waits for its response, 5 s at most. An empty ID
// is filled in. A refusal is a Response, not an error; the error is Validate's,
// the context's, or ErrClosed: then whether the command acted is not known.
// A stop is sent with nothing but its id, so that nothing can be wrong with it.
func (c *Client) Request(ctx context.Context, r Request) (Response, error) {
	if r.Command == control.CommandStop {
		r = Request{ID: r.ID, Command: r.Command}
		if !validID(r.ID) {
			r.ID = ""
		}
	}
	if r.ID == "" {
		r.ID = rand.Text()
	}
	if err := r.Validate(); err != nil {
		return Response{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	answer := c.expect(r.ID)
	defer c.forget(r.ID, answer)
	if err := c.send(func(b []byte) []byte { return appendRequest(b, &r) }); err != nil {
		return Response{}, err
	}
	select {
	case response := <-answer:
		return response, nil
	case <-c.closing:
		select {
		case response := <-answer: // it came before the end
			return response, nil
		default:
			return Response{}, c.reason()
		}
	case <-ctx.Done():
		return Response{}, fmt.Errorf("link: %s was not answered: %w", r.Command, ctx.Err())
	}
}

// Close ends the connection; a treatment goes on without it.
func (c *Client) Close() error {
	c.end(ErrClosed)
	c.wg.Wait()
	return nil
}

// end closes the connection once and keeps the first reason.
func (c *Client) end(why error) {
	c.once.Do(func() {
		c.mu.Lock()
		c.err = why
		c.mu.Unlock()
		close(c.closing)
		_ = c.conn.Close() // nothing is left to be lost
	})
}

func (c *Client) reason() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// send writes one line; a write that hangs or fails ends the connection.
func (c *Client) send(line func([]byte) []byte) error {
	c.write.Lock()
	defer c.write.Unlock()
	select {
	case <-c.closing:
		return c.reason()
	default:
	}
	c.line = line(c.line[:0])
	_ = c.conn.SetWriteDeadline(time.Now().Add(writeWait)) // fails only on a closed connection, as the write then does
	if _, err := c.conn.Write(c.line); err != nil {
		c.end(fmt.Errorf("%w: %w", ErrClosed, err))
		return c.reason()
	}
	return nil
}

// ping keeps the server from taking a quiet client for a dead one.
func (c *Client) ping() {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-c.closing:
			return
		case <-tick.C:
			_ = c.send(func(b []byte) []byte { return append(b, "{\"ping\":{}}\n"...) }) // a failure has ended the connection
		}
	}
}

// read hands out everything that the server sends until it ends.
func (c *Client) read(lines *bufio.Reader) {
	defer close(c.updates)
	for {
		raw, err := lines.ReadSlice('\n')
		if err != nil {
			c.end(fmt.Errorf("%w: %w", ErrClosed, err))
			return
		}
		l, err := parseServerLine(raw)
		switch {
		case err != nil:
			c.end(fmt.Errorf("%w: not understood: %w", ErrClosed, err))
			return
		case l.fault != "":
			c.end(fmt.Errorf("%w: %s", ErrClosed, l.fault))
			return
		case l.response != nil:
			c.deliver(*l.response)
		case l.hello == nil:
			select {
			case c.updates <- l.update:
			case <-c.closing:
				return
			}
		}
	}
}

// expect registers for the response to id.
func (c *Client) expect(id string) chan Response {
	answer := make(chan Response, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting[id] = append(c.waiting[id], answer)
	return answer
}

// forget takes the registration back.
func (c *Client) forget(id string, answer chan Response) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(id, slices.Index(c.waiting[id], answer))
}

// deliver gives a response to whoever asked first under its id. One that nobody
// waits for any more is dropped.
func (c *Client) deliver(r Response) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if queue := c.waiting[r.ID]; len(queue) > 0 {
		queue[0] <- r
		c.drop(r.ID, 0)
	}
}

// drop removes the i-th registration for id, if there is one.
func (c *Client) drop(id string, i int) {
	if i < 0 {
		return
	}
	if c.waiting[id] = slices.Delete(c.waiting[id], i, i+1); len(c.waiting[id]) == 0 {
		delete(c.waiting, id)
	}
}

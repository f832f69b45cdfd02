package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// connection is one connection to the broker, from CONNECT to its end. It is
// never used again: the client library's own way to reconnect sleeps without
// jitter and deaf to a stop, and sends what was in flight before in between what
// is new, so that an old state could replace a newer one. With a new client for
// each connection there is nothing old to send.
type connection struct {
	client paho.Client
	// lost gets the reason when the connection ends.
	lost chan error
	// contradicted gets a signal when somebody else said "offline".
	contradicted chan struct{}
	// echoed: our own availability has come back, see session.listen.
	echoed atomic.Bool

	mu   sync.Mutex
	conn *framed
	over bool // cut was called
}

// reasonWait is how long the library may take to say why a connection ended.
const reasonWait = 500 * time.Millisecond

var (
	errConnectTimeout = errors.New("the broker did not answer the connection in time")
	errEnded          = errors.New("the connection was given up")
	errSilent         = errors.New("the broker does not answer a ping")
)

// silent is how the library says, in words only, that a ping was not answered.
const silent = "pingresp not received"

// connect makes one attempt at one broker.
func (g *Gateway) connect(ctx context.Context, broker *url.URL) (*connection, error) {
	c := &connection{lost: make(chan error, 1), contradicted: make(chan struct{}, 1)}
	options, err := g.options(ctx, c, broker)
	if err != nil {
		return nil, err
	}
	c.client = paho.NewClient(options)
	token := c.client.Connect()
	timeout := time.NewTimer(g.pace.connect + time.Second) // the library's own comes first
	defer timeout.Stop()
	select {
	case <-token.Done():
		err = token.Error()
	case <-ctx.Done():
		err = ctx.Err()
	case <-timeout.C:
		err = errConnectTimeout
	}
	if err != nil {
		c.cut()
		return nil, fmt.Errorf("mqtt: connect: %w", err)
	}
	return c, nil
}

// options sets the client library up; what is not its default has its reason here.
func (g *Gateway) options(ctx context.Context, c *connection, broker *url.URL) (*paho.ClientOptions, error) {
	o := paho.NewClientOptions()
	o.Servers = []*url.URL{broker}
	o.SetProtocolVersion(4) // 3.1.1 and no other, so a refusal is not tried again as 3.1
	o.SetClientID(g.config.clientID())
	// A session would hand out requests that were queued while nobody listened.
	o.SetCleanSession(true)
	o.SetStore(paho.NewOrderedMemoryStore())
	o.SetAutoReconnect(false).SetConnectRetry(false) // Gateway.serve does both
	o.SetConnectTimeout(g.pace.connect)
	o.SetKeepAlive(g.pace.keepAlive).SetPingTimeout(g.pace.ping)
	o.SetWriteTimeout(g.pace.write)
	o.SetBinaryWill(g.topics.Availability, []byte(Offline), 1, true)
	// Requests keep the order in which the broker sent them. That is safe because
	// the handler never waits: it puts a request into a queue or drops it.
	o.SetOrderMatters(true)
	o.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { g.receive(c, m) })
	o.SetConnectionLostHandler(func(_ paho.Client, err error) {
		if strings.HasPrefix(err.Error(), silent) {
			err = errSilent
		}
		c.fail(fmt.Errorf("mqtt: connection lost: %w", err))
	})
	if g.config.Username != "" {
		o.SetUsername(g.config.Username)
	}
	if g.config.PasswordFile != "" {
		password, err := readPassword(g.config.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("mqtt: password_file %q: %w", g.config.PasswordFile, err)
		}
		o.SetPassword(password)
	}
	var secure *tls.Config
	if encrypted[broker.Scheme] {
		var err error
		if secure, err = g.config.tlsConfig(broker.Hostname()); err != nil {
			return nil, err
		}
	}
	o.SetCustomOpenConnectionFn(func(u *url.URL, _ paho.ClientOptions) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, g.pace.connect)
		defer cancel()
		conn, err := open(ctx, u, secure)
		if err != nil {
			return nil, err
		}
		return c.take(newFramed(conn, func(topic string, retained bool) { g.tooLarge(c, topic, retained) }))
	})
	return o, nil
}

// open makes the network connection; it ends with ctx.
func open(ctx context.Context, u *url.URL, secure *tls.Config) (net.Conn, error) {
	switch u.Scheme {
	case "ws", "wss":
		timeout := time.Second
		if deadline, ok := ctx.Deadline(); ok {
			timeout = time.Until(deadline)
		}
		direct := func(*http.Request) (*url.URL, error) { return nil, nil }
		return paho.NewWebsocket(u.String(), secure, timeout, nil, &paho.WebsocketOptions{Proxy: direct})
	case "ssl", "mqtts":
		return dialTLS(ctx, u.Host, secure)
	default:
		var d net.Dialer
		return d.DialContext(ctx, "tcp", u.Host)
	}
}

// take keeps the network connection for cut, unless that was called meanwhile.
func (c *connection) take(conn *framed) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return nil, errors.Join(errEnded, conn.Close())
	}
	c.conn = conn
	return conn, nil
}

// reason is why the connection ended, once it is known that it did: what the
// library says about a message in flight comes first and says less.
func (c *connection) reason(err error) error {
	timeout := time.NewTimer(reasonWait)
	defer timeout.Stop()
	select {
	case why := <-c.lost:
		return why
	case <-timeout.C:
		return err
	}
}

// fail reports the end of the connection; the first reason counts.
func (c *connection) fail(err error) {
	select {
	case c.lost <- err:
	default:
	}
}

// cut ends the connection without a word, so that the broker sends the last
// will. An attempt that is still under way comes to nothing.
func (c *connection) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if c.conn != nil {
		_ = c.conn.Close() // it is given up in any case
	}
}

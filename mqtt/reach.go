package mqtt

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// Stage is a part of the way to a broker.
type Stage string

// The stages, in their order.
const (
	Resolving  Stage = "resolving its name"
	Connecting Stage = "connecting"
	Encrypting Stage = "TLS"
	LoggingIn  Stage = "logging in"
)

// Reached tells how far an attempt came.
type Reached struct {
	// Broker is its URL.
	Broker string
	// Addresses are those that its name has; empty when it is one itself.
	Addresses []string
	// Took is the time for all of it.
	Took time.Duration
	// Err is nil when the broker let the client in; else Failed is where it ended.
	Err    error
	Failed Stage
}

const (
	// reachMost bounds each stage of an attempt.
	reachMost = 5 * time.Second
	// reachSuffix makes a client id of its own: the gateway's would throw it out.
	reachSuffix = "-check"
)

// Reach tries once to get to each broker that the configuration names, with the
// gateway's own settings, files and checks, and leaves again at once. It publishes
// nothing, subscribes to nothing and leaves no will, so it may be used while the
// gateway is connected. The error is Config.Validate's; then nothing was tried.
func Reach(ctx context.Context, c Config) ([]Reached, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	brokers, err := parseBrokers(c.Broker)
	if err != nil {
		return nil, err // Validate has said so, too
	}
	all := make([]Reached, len(brokers))
	for i, u := range brokers {
		all[i] = c.reach(ctx, u)
	}
	return all, nil
}

// reach tries one broker.
func (c *Config) reach(ctx context.Context, u *url.URL) (r Reached) {
	r.Broker = redact(u.String())
	began := time.Now()
	defer func() { r.Took = time.Since(began) }()
	stages := []struct {
		stage Stage
		try   func(context.Context) error
	}{
		{Resolving, func(ctx context.Context) error { return r.resolve(ctx, u.Hostname()) }},
		{Connecting, func(ctx context.Context) error { return touch(ctx, u.Host) }},
		{Encrypting, func(ctx context.Context) error { return c.shake(ctx, u) }},
		{LoggingIn, func(ctx context.Context) error { return c.logIn(ctx, u) }},
	}
	for _, s := range stages {
		bounded, cancel := context.WithTimeout(ctx, reachMost)
		r.Err = s.try(bounded)
		cancel()
		if r.Err != nil {
			r.Failed = s.stage
			return r
		}
	}
	return r
}

func (r *Reached) resolve(ctx context.Context, host string) (err error) {
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	r.Addresses, err = net.DefaultResolver.LookupHost(ctx, host)
	return err
}

// touch opens a connection and closes it, so that what fails here is not TLS.
func touch(ctx context.Context, address string) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// shake is the handshake alone; nothing with an unencrypted broker.
func (c *Config) shake(ctx context.Context, u *url.URL) error {
	if !encrypted[u.Scheme] {
		return nil
	}
	secure, err := c.tlsConfig(u.Hostname())
	if err != nil {
		return err
	}
	conn, err := dialTLS(ctx, u.Host, secure)
	if err != nil {
		return err
	}
	return conn.Close()
}

// logIn is a whole connection, with user and password.
func (c *Config) logIn(ctx context.Context, u *url.URL) error {
	o := paho.NewClientOptions()
	o.Servers = []*url.URL{u}
	o.SetProtocolVersion(4) // as the gateway's
	o.SetClientID(c.clientID() + reachSuffix)
	o.SetCleanSession(true)
	o.SetAutoReconnect(false).SetConnectRetry(false)
	o.SetConnectTimeout(reachMost).SetWriteTimeout(reachMost)
	if c.Username != "" {
		o.SetUsername(c.Username)
	}
	if c.PasswordFile != "" {
		password, err := readPassword(c.PasswordFile)
		if err != nil {
			return fmt.Errorf("mqtt: password_file %q: %w", c.PasswordFile, err)
		}
		o.SetPassword(password)
	}
	var secure *tls.Config
	if encrypted[u.Scheme] {
		var err error
		if secure, err = c.tlsConfig(u.Hostname()); err != nil {
			return err
		}
	}
	deadline, _ := ctx.Deadline() // reach has set one
	o.SetCustomOpenConnectionFn(func(u *url.URL, _ paho.ClientOptions) (net.Conn, error) {
		conn, err := open(ctx, u, secure)
		if err != nil {
			return nil, err
		}
		// Whatever says nothing must not hold the answer up.
		return conn, conn.SetDeadline(deadline)
	})
	client := paho.NewClient(o)
	token := client.Connect()
	var err error
	select {
	case <-token.Done():
		err = token.Error()
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil && !time.Now().Before(deadline) {
		return fmt.Errorf("%w: %w", errConnectTimeout, context.DeadlineExceeded)
	}
	if err == nil {
		client.Disconnect(0)
	}
	return err
}

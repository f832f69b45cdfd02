package mqtt

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// serve keeps a connection to the broker and says clearly why there is none.
func (g *Gateway) serve(ctx context.Context) {
	brokers, _ := parseBrokers(g.config.Broker) // New has seen that they are right
	failures := 0
	for turn := 0; ctx.Err() == nil; turn++ {
		began, broker := time.Now(), brokers[turn%len(brokers)]
		err := g.serveOnce(ctx, broker)
		if ctx.Err() != nil {
			return
		}
		// A connection that is taken and dropped at once is a failure too: two
		// gateways with one client id would otherwise throw each other out for ever.
		if time.Since(began) > g.pace.settled {
			failures = 0
			g.trouble.settle()
		}
		failures++
		wait := spreadOver(g.pace.reconnect.wait(roundOf(failures, len(brokers))), len(brokers))
		if why, advice := explain(err); g.trouble.worth(why, time.Now()) {
			g.log.Error("mqtt: not connected: "+why, "do", advice, "broker", redact(broker.String()),
				"client_id", g.config.clientID(), "next_try", wait.Round(time.Millisecond).String(), "error", err)
		}
		pause(ctx, wait)
	}
}

// roundOf is which round through the brokers a failure ended. The wait grows once a
// round: a node that is well must not be kept waiting for what the others do.
func roundOf(failures, brokers int) int { return 1 + (failures-1)/brokers }

// spreadOver shortens a wait that is long so that many tables do not come back to
// one broker at once: of several, all but a dead one share them.
func spreadOver(wait time.Duration, brokers int) time.Duration {
	return wait / time.Duration(max(1, brokers-1))
}

// serveOnce is the life of one connection.
func (g *Gateway) serveOnce(ctx context.Context, broker *url.URL) error {
	c, err := g.connect(ctx, broker)
	if err != nil {
		return err
	}
	s := newSession(g, c)
	defer s.close()
	g.connects.Add(1)
	if g.trouble.answer(broker.String()) {
		g.log.Info("mqtt: connected", "broker", redact(broker.String()), "client_id", g.config.clientID())
	}
	return s.run(ctx)
}

// explain says why there is no connection, and what to do about it.
func explain(err error) (why, advice string) {
	for _, part := range []func(error) (string, string){explainFile, explainConnack, explainTLS, explainNetwork} {
		if why, advice = part(err); why != "" {
			return why, advice
		}
	}
	return "the network or the broker failed", "look at the error, the network and the broker's log"
}

// explainFile is about the gateway's own files, which are read anew before each
// connection.
func explainFile(err error) (why, advice string) {
	if errors.As(err, new(fileError)) {
		return "a file of this gateway's own cannot be used", "correct the file that the error names; it is read again before each try"
	}
	return "", ""
}

// explainConnack is about what the broker answers to CONNECT (MQTT 3.1.1, section 3.2.2.3).
func explainConnack(err error) (why, advice string) {
	switch {
	case errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword):
		return "the broker refuses the user name or the password", "correct username and the contents of password_file"
	case errors.Is(err, packets.ErrorRefusedNotAuthorised):
		return "the broker does not let this user in", "correct username and password_file, or cert_file where certificates name the user, or allow the user at the broker"
	case errors.Is(err, packets.ErrorRefusedIDRejected):
		return "the broker refuses the client id", "set client_id to one that the broker accepts"
	case errors.Is(err, packets.ErrorRefusedServerUnavailable):
		return "the broker says that it is not available", "look at the broker's own log"
	case errors.Is(err, packets.ErrorRefusedBadProtocolVersion):
		return "the broker does not speak MQTT 3.1.1", "switch MQTT 3.1.1 on at the broker"
	}
	return "", ""
}

// explainTLS is about certificates, first the broker's and then our own.
func explainTLS(err error) (why, advice string) {
	var (
		unknown  x509.UnknownAuthorityError
		noRoots  x509.SystemRootsError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		record   tls.RecordHeaderError
		op       *net.OpError
	)
	switch {
	case errors.As(err, &unknown), errors.As(err, &noRoots):
		return "nobody known vouches for the broker's certificate", "set ca_file to the certificate of the authority that signed it"
	case errors.As(err, &hostname):
		return "the broker's certificate is for another name", "use in broker the host name that the certificate is for"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the broker's certificate has expired or is not valid yet", "set this computer's clock right, or renew the broker's certificate"
	case errors.As(err, &invalid):
		return "the broker's certificate is not valid", "look at the error, and have the broker's certificate made anew"
	case errors.As(err, &record):
		return "the broker answers without TLS", "use tcp:// for this port, or the port that is meant for TLS"
	case errors.As(err, &op) && op.Op == "remote error": // a TLS alert has no exported type
		return explainAlert(op.Err.Error())
	}
	return "", ""
}

// alerts are the broker's complaints in a TLS handshake, by their texts in
// crypto/tls (RFC 8446, section 6.2). In TLS 1.3 they arrive only after our side
// of the handshake is done, in place of the answer to CONNECT.
var alerts = []struct{ text, why, advice string }{
	{"expired certificate", "the broker refuses this gateway's certificate: it has expired", "renew cert_file and key_file, or set the broker's clock right"},
	{"revoked certificate", "the broker refuses this gateway's certificate: it was revoked", "set cert_file and key_file to a new certificate"},
	{"unknown certificate authority", "the broker refuses this gateway's certificate: it does not know who signed it", "set cert_file and key_file to a certificate of an authority that the broker knows"},
	{"certificate required", "the broker refuses this gateway's certificate: there is none", "set cert_file and key_file to a certificate that the broker accepts"},
	{"protocol version not supported", "the broker speaks no version of TLS that is safe", "switch TLS 1.2 or 1.3 on at the broker"},
}

func explainAlert(text string) (why, advice string) {
	for _, a := range alerts {
		if strings.Contains(text, a.text) {
			return a.why, a.advice
		}
	}
	return "the broker refuses this gateway's certificate", "set cert_file and key_file to a certificate that the broker accepts"
}

// explainNetwork is about the way to the broker.
func explainNetwork(err error) (why, advice string) {
	var lookup *net.DNSError
	switch {
	case errors.As(err, &lookup):
		return "the broker's name cannot be resolved", "correct the host in broker, or the name server"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens at the broker's address", "start the broker, or correct host and port in broker"
	case errors.Is(err, errMalformed):
		return "what answers at the broker's address does not speak MQTT", "correct host and port in broker"
	case errors.Is(err, errUnacknowledged), errors.Is(err, errUnsubscribed), errors.Is(err, errConnectTimeout), errors.Is(err, errSilent),
		errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return "the broker does not answer in time", "look at the network and at the broker's load"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the broker closed the connection", "look at the broker's log; tcp:// to a port for TLS, ssl:// to one without, and another client with the same client_id have this effect"
	}
	return "", ""
}

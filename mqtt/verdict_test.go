package mqtt

import (
	"crypto/tls"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// However late we write, the broker's complaint is what we hear.
func TestVerdictOutlivesTheConnection(t *testing.T) {
	a, stranger := authorities(t)
	server, err := tls.LoadX509KeyPair(a.file("broker.crt"), a.file("broker.key"))
	require.NoError(t, err)
	pool, err := readAuthorities(a.file("ca.crt"))
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	closed := make(chan error, 1)
	go func() {
		conn, err := l.Accept()
		if err == nil {
			err = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{server}, ClientCAs: pool,
				ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13}).Handshake()
			conn.Close()
		}
		closed <- err
	}()
	c := Config{CAFile: a.file("ca.crt"), CertFile: stranger.file("table.crt"), KeyFile: stranger.file("table.key")}
	secure, err := c.tlsConfig("127.0.0.1")
	require.NoError(t, err)
	conn, err := dialTLS(t.Context(), l.Addr().String(), secure)
	require.NoError(t, err, "in TLS 1.3 our side is done first")
	defer conn.Close()
	require.ErrorContains(t, <-closed, "unknown authority")
	eventually(t, "writing fails", func() bool { // the first one may still go out
		_, err = conn.Write([]byte("CONNECT"))
		return err != nil
	})
	var op *net.OpError
	require.ErrorAs(t, err, &op)
	assert.Equal(t, "remote error", op.Op)
	why, _ := explain(err)
	assert.Equal(t, "the broker refuses this gateway's certificate: it does not know who signed it", why)
}

package mqtt

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// authority makes certificates in files.
type authority struct {
	t    *testing.T
	dir  string
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.make("ca", nil)
	return a
}

// make writes name.crt and name.key, signed by the authority or by itself.
func (a *authority) make(name string, host net.IP) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: a.key == nil, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if host != nil {
		c.IPAddresses = []net.IP{host}
	}
	parent, signer := c, key
	if a.key != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	require.NoError(a.t, err)
	private, err := x509.MarshalECPrivateKey(key)
	require.NoError(a.t, err)
	for file, block := range map[string]*pem.Block{a.file(name + ".crt"): {Type: "CERTIFICATE", Bytes: der}, a.file(name + ".key"): {Type: "EC PRIVATE KEY", Bytes: private}} {
		require.NoError(a.t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	}
	cert, err := x509.ParseCertificate(der)
	require.NoError(a.t, err)
	return cert, key
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

func TestCertificates(t *testing.T) {
	a := newAuthority(t)
	a.make("broker", net.IPv4(127, 0, 0, 1))
	a.make("table", nil)
	b := startMosquitto(t, "allow_anonymous true\ncafile "+a.file("ca.crt")+"\ncertfile "+a.file("broker.crt")+"\nkeyfile "+a.file("broker.key")+
		"\nrequire_certificate true\n")
	url := "ssl://" + b.addr()
	_, port, _ := net.SplitHostPort(b.addr())
	for _, c := range []struct {
		name   string
		config Config
		want   string
	}{
		{"all is well", Config{Broker: url, CAFile: a.file("ca.crt"), CertFile: a.file("table.crt"), KeyFile: a.file("table.key")}, "mqtt: connected"},
		{"unknown authority", Config{Broker: url, CertFile: a.file("table.crt"), KeyFile: a.file("table.key")}, "nobody known vouches for the broker's certificate"},
		{"other name", Config{Broker: "ssl://localhost:" + port, CAFile: a.file("ca.crt"), CertFile: a.file("table.crt"), KeyFile: a.file("table.key")}, "for another name"},
		{"no own certificate", Config{Broker: url, CAFile: a.file("ca.crt")}, "refuses this gateway's certificate"},
		{"no TLS to a TLS port", Config{Broker: "tcp://" + b.addr()}, "the broker closed the connection"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := run(t, newTable(), c.config)
			eventually(t, c.want, func() bool { return g.logs.count(c.want) >= 1 })
		})
	}
	plain := startMosquitto(t, "allow_anonymous true\n")
	g := run(t, newTable(), Config{Broker: "ssl://" + plain.addr()})
	eventually(t, "TLS to a plain port", func() bool { return g.logs.count("not connected") == 1 })
}

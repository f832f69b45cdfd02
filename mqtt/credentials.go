package mqtt

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// widest is the widest mode of a password file: its owner writes, its group
// reads, others nothing.
const widest = 0o640

// maxSecret bounds what is read of a password or certificate file, in bytes.
const maxSecret = 64 << 10

// readPassword reads a password; one line end after it does not count. Its
// errors never hold any of the contents.
func readPassword(path string) (string, error) {
	raw, mode, err := readSmall(path)
	if err != nil {
		return "", err
	}
	if wide := mode.Perm() &^ widest; wide != 0 {
		return "", fmt.Errorf("its mode %04o lets others read it, allowed: 0640 or less; run: chmod 0640 %s", mode.Perm(), path)
	}
	s := strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")
	if s == "" {
		return "", errors.New("a file with a password in it; this one is empty")
	}
	if strings.ContainsAny(s, "\n\x00") {
		return "", errors.New("a file with nothing but one line, the password")
	}
	return s, nil
}

// readAuthorities reads the certificates that may vouch for the broker.
func readAuthorities(path string) (*x509.CertPool, error) {
	raw, _, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, errors.New("a PEM file with at least one certificate")
	}
	return pool, nil
}

// readKeyPair reads the gateway's own certificate and its key.
func readKeyPair(certFile, keyFile string) (tls.Certificate, error) {
	cert, _, err := readSmall(certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, _, err := readSmall(keyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("a PEM certificate and the key that fits it: %w", err)
	}
	return pair, nil
}

// tlsConfig is how the gateway meets an encrypted broker: TLS 1.2 or newer, and
// the certificate is always checked against the host's name.
func (c *Config) tlsConfig(host string) (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if c.CAFile != "" {
		pool, err := readAuthorities(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("mqtt: ca_file %q: %w", c.CAFile, err)
		}
		t.RootCAs = pool
	}
	if c.CertFile != "" {
		pair, err := readKeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("mqtt: cert_file %q: %w", c.CertFile, err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

// readSmall reads a regular file of bounded size and tells its mode, both of the
// same open file.
func readSmall(path string) ([]byte, os.FileMode, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, fmt.Errorf("a file that can be read: %w", err)
	}
	if !info.Mode().IsRegular() {
		// Asked before opening: opening a pipe would wait for its other end.
		return nil, 0, errors.New("a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, fmt.Errorf("a file that can be read: %w", err)
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return nil, 0, fmt.Errorf("a file that can be read: %w", err)
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return nil, 0, fmt.Errorf("a file that can be read: %w", err)
	}
	if len(raw) > maxSecret {
		return nil, 0, fmt.Errorf("at most %d bytes", maxSecret)
	}
	return raw, info.Mode(), nil
}

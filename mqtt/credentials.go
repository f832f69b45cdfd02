package mqtt

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// widest is the widest mode of a file with a password or a key: its owner
// writes, its group reads, others nothing.
const widest = 0o640

// maxSecret bounds what is read of a password or certificate file, in bytes.
const maxSecret = 64 << 10

// credentialPrefix marks a value that is the name of a systemd credential rather
// than a path: a file that only this service can read, on a file system in
// memory (systemd.exec(5), LoadCredential=).
const credentialPrefix = "credential:"

// credentialsFolder is the variable in which systemd says where credentials are.
const credentialsFolder = "CREDENTIALS_DIRECTORY"

// credentialRule keeps a credential's name inside its folder; systemd itself
// allows more.
var credentialRule = regexp.MustCompile(`^[a-zA-Z0-9_-][a-zA-Z0-9_.-]{0,99}$`)

// fileError is what is wrong with a file that the configuration names, so that
// nobody looks for it in the network.
type fileError struct{ error }

func (e fileError) Unwrap() error { return e.error }

// ofFile marks an error as a fileError; nil stays nil.
func ofFile(err error) error {
	if err == nil {
		return nil
	}
	return fileError{err}
}

// readPassword reads a password; one line end after it does not count. Its
// errors never hold any of the contents.
func readPassword(value string) (string, error) {
	raw, err := readSecret(value)
	if err != nil {
		return "", err
	}
	s := strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")
	if s == "" {
		return "", ofFile(errors.New("a file with a password in it; this one is empty"))
	}
	if strings.ContainsAny(s, "\n\x00") {
		return "", ofFile(errors.New("a file with nothing but one line, the password"))
	}
	return s, nil
}

// readAuthorities reads the certificates that may vouch for the broker.
func readAuthorities(value string) (*x509.CertPool, error) {
	raw, _, err := readSmall(value)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, ofFile(errors.New("a PEM file with at least one certificate"))
	}
	return pool, nil
}

// readKeyPair reads the gateway's own certificate and its key.
func readKeyPair(certFile, keyFile string) (tls.Certificate, error) {
	cert, _, err := readSmall(certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := readSecret(keyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return tls.Certificate{}, ofFile(fmt.Errorf("a PEM certificate and the key that fits it: %w", err))
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

// readSecret reads a file that others must not be able to read.
func readSecret(value string) ([]byte, error) {
	raw, mode, err := readSmall(value)
	if err != nil {
		return nil, err
	}
	if wide := mode.Perm() &^ widest; wide != 0 {
		return nil, ofFile(fmt.Errorf("its mode %04o is too wide for a secret, allowed: 0640 or less; run: chmod 0640 %s", mode.Perm(), value))
	}
	return raw, nil
}

// readSmall reads a regular file of bounded size and tells its mode, both of the
// same open file. value is a path or the name of a credential.
func readSmall(value string) (raw []byte, mode os.FileMode, err error) {
	defer func() { err = ofFile(err) }()
	path, err := locate(value)
	if err != nil {
		return nil, 0, err
	}
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
	if raw, err = io.ReadAll(io.LimitReader(f, maxSecret+1)); err != nil {
		return nil, 0, fmt.Errorf("a file that can be read: %w", err)
	}
	if len(raw) > maxSecret {
		return nil, 0, fmt.Errorf("at most %d bytes", maxSecret)
	}
	return raw, info.Mode(), nil
}

// locate is the path of a file, or of the credential that value names.
func locate(value string) (string, error) {
	name, isCredential := strings.CutPrefix(value, credentialPrefix)
	if !isCredential {
		return value, nil
	}
	if !credentialRule.MatchString(name) {
		return "", errors.New("credential: and a name of 1 to 100 letters, digits, _ . and -, without . as its first")
	}
	folder := os.Getenv(credentialsFolder)
	if folder == "" {
		return "", fmt.Errorf("a path, because %s is not set: only a service that systemd starts with LoadCredential=%s has this credential", credentialsFolder, name)
	}
	path := filepath.Join(folder, name)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("a credential that this service has; put it into /etc/credstore/%s, name it in the unit with LoadCredential=%s, and restart the service", name, name)
	}
	return path, nil
}

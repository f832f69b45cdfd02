package mqtt

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// credentials is a folder as systemd makes it for a service.
func credentials(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	t.Setenv(credentialsFolder, dir)
	return dir
}

func TestCredentials(t *testing.T) {
	dir := credentials(t)
	write := func(name, contents string, mode os.FileMode) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(contents), 0o600))
		require.NoError(t, os.Chmod(filepath.Join(dir, name), mode))
	}
	write("pw", "s3cret\n", 0o440) // as systemd 252 leaves it
	write("wide", "s3cret\n", 0o444)
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(dir), "outside"), []byte("s3cret"), 0o600))

	got, err := readPassword("credential:pw")
	require.NoError(t, err)
	assert.Equal(t, "s3cret", got)

	for _, c := range []struct{ name, value, want string }{
		{"not there", "credential:gone", "/etc/credstore/gone"},
		{"not there, how to add it", "credential:gone", "LoadCredential=gone"},
		{"no name", "credential:", "letters, digits"},
		{"out of the folder", "credential:../outside", "letters, digits"},
		{"the folder itself", "credential:.", "letters, digits"},
		{"a path", "credential:/etc/passwd", "letters, digits"},
		{"too wide", "credential:wide", "0444"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := Config{Broker: "tcp://localhost", TableID: "t1", Username: "u", PasswordFile: c.value}
			err := config.Validate()
			require.ErrorContains(t, err, c.want)
			assert.ErrorContains(t, err, `mqtt: password_file: "`+c.value+`" is not allowed`)
			assert.NotContains(t, err.Error(), "s3cret")
		})
	}
}

func TestCredentialsOutsideAService(t *testing.T) {
	t.Setenv(credentialsFolder, "")
	c := Config{Broker: "tcp://localhost", TableID: "t1", Username: "u", PasswordFile: "credential:pw"}
	assert.ErrorContains(t, c.Validate(), "CREDENTIALS_DIRECTORY is not set: only a service that systemd starts with LoadCredential=pw")
}

// All four files can be credentials.
func TestCertificatesFromCredentials(t *testing.T) {
	dir := credentials(t)
	a := newAuthority(t)
	a.make("table", nil)
	for from, to := range map[string]string{"ca.crt": "ca", "table.crt": "cert", "table.key": "key"} {
		require.NoError(t, os.Rename(a.file(from), filepath.Join(dir, to)))
	}
	c := Config{Broker: "ssl://localhost", TableID: "t1", CAFile: "credential:ca", CertFile: "credential:cert", KeyFile: "credential:key"}
	require.NoError(t, c.Validate())
	secure, err := c.tlsConfig("localhost")
	require.NoError(t, err)
	assert.Len(t, secure.Certificates, 1)
	assert.NotNil(t, secure.RootCAs)
}

// A key is a secret like a password; a certificate is not.
func TestKeyMode(t *testing.T) {
	a := newAuthority(t)
	a.make("table", nil)
	c := Config{Broker: "ssl://localhost", TableID: "t1", CertFile: a.file("table.crt"), KeyFile: a.file("table.key")}
	require.NoError(t, os.Chmod(a.file("table.crt"), 0o644))
	for mode, want := range map[os.FileMode]string{0o400: "", 0o600: "", 0o640: "", 0o644: "0644", 0o660: "0660", 0o604: "0604"} {
		require.NoError(t, os.Chmod(a.file("table.key"), mode))
		err := c.Validate()
		if want == "" {
			assert.NoError(t, err, "%o", mode)
			continue
		}
		assert.ErrorContains(t, err, "mqtt: cert_file, key_file", "%o", mode)
		assert.ErrorContains(t, err, "its mode "+want+" is too wide for a secret, allowed: 0640 or less", "%o", mode)
		_, err = c.tlsConfig("localhost") // also when the mode changes while the gateway runs
		assert.ErrorContains(t, err, want)
	}
}

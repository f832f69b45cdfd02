package setup

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// authority makes a certificate that may vouch for others, and its key.
func authority(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<32, 0), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

const encryptedBroker = "[mqtt]\nbroker = \"ssl://broker.local:8883\"\n"

func TestWhoVouchesForTheBroker(t *testing.T) {
	certificate, _ := authority(t)
	for name, given := range map[string]func(*computer){
		"its text": func(c *computer) { c.setup(encryptedBroker + "ca_certificate = \"\"\"\n" + certificate + "\"\"\"") },
		"a file": func(c *computer) {
			c.give("broker ca.pem", certificate)
			c.setup(encryptedBroker + `ca_file = "broker ca.pem"`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newComputer(t)
			given(c)
			c.applied()
			assert.Equal(t, authorityFile, c.settings().MQTT.CAFile)
			assert.Equal(t, certificate, c.has(authorityFile))
			assert.Equal(t, os.FileMode(0o644), c.mode(authorityFile))

			c.setup("[mqtt]\nbroker = \"tcp://127.0.0.1:1883\"")
			c.refused("mqtt.ca_file", "only with an ssl:// or wss:// broker")
			c.setup("[mqtt]\nbroker = \"tcp://127.0.0.1:1883\"\nca_certificate = \"\"")
			c.applied()
			assert.Empty(t, c.settings().MQTT.CAFile)
			assert.NoFileExists(t, c.at(authorityFile))
		})
	}
}

func TestMistakes(t *testing.T) {
	certificate, key := authority(t)
	keys := func(k string) string { return "[system]\nssh_keys = [\"" + k + "\"]" }
	wifi := func(lines string) string { return "[wifi]\ncountry = \"DE\"\n[[wifi.network]]\nssid = \"a\"\n" + lines }
	for _, c := range []struct{ name, setup, says string }{
		{"a gateway outside", "[wired]\naddress = \"10.0.0.2/24\"\ngateway = \"10.0.1.1\"", "wired.gateway = \"10.0.1.1\": is not in the network 10.0.0.0/24"},
		{"a gateway without an address", "[wired]\ngateway = \"10.0.1.1\"", "wired.address: is missing"},
		{"a name server that is a name", "[wired]\naddress = \"10.0.0.2/24\"\ndns = [\"dns.example\"]", "wired.dns[0]"},
		{"nobody's address", "[wired]\naddress = \"0.0.0.0/0\"", "wired.address"},
		{"a private key", keys("-----BEGIN OPENSSH PRIVATE KEY-----"), "is a private key"},
		{"a key that was cut off", keys(sshKey[:60]), "system.ssh_keys[0]"},
		{"a key of another type than it says", keys(strings.Replace(sshKey, "ssh-ed25519", "ssh-rsa", 1)), "is damaged"},
		{"a key with a command", keys("command=\\\"sh\\\" " + sshKey), "allowed: the one line of a .pub file"},
		{"two keys in one line", keys(sshKey + "\\n" + sshKey), "one line"},
		{"too many keys", "[system]\nssh_keys = [" + strings.Repeat("\""+sshKey+"\",", 9) + "]", "allowed: at most 8"},
		{"no list of keys", "[system]\nssh_keys = \"" + sshKey + "\"", "is no array"},
		{"a zone outside of the zones", "[system]\ntime_zone = \"../../../etc/hostname\"", "is no time zone"},
		{"a folder of zones", "[system]\ntime_zone = \"Europe\"", "is no time zone"},
		{"an open network with a passphrase", wifi("open = true\npassphrase = \"password\""), "is not open"},
		{"a network without a passphrase", wifi(""), "passphrase: is missing"},
		{"a passphrase with a letter that WPA does not know", wifi("passphrase = \"pässword\""), "8 to 63 ASCII"},
		{"a name that is too long", "[wifi]\ncountry = \"DE\"\n[[wifi.network]]\nssid = \"" + strings.Repeat("é", 17) + "\"\nopen = true", "1 to 32 bytes"},
		{"no country", "[[wifi.network]]\nssid = \"a\"\nopen = true", "wifi.country: is missing"},
		{"no network", "[wifi]\ncountry = \"DE\"", "wifi.network: is missing"},
		{"networks although it is off", "[wifi]\nenabled = false\ncountry = \"DE\"\n[[wifi.network]]\nssid = \"a\"\nopen = true", "allowed: true"},
		{"two certificates", encryptedBroker + "ca_file = \"ca.pem\"\nca_certificate = \"\"\"" + certificate + "\"\"\"", "allowed: one of them"},
		{"no certificate", encryptedBroker + "ca_certificate = \"hello\"", "mqtt.ca_file"},
		{"a private key as well", encryptedBroker + "ca_certificate = \"\"\"" + certificate + key + "\"\"\"", "private key"},
		{"a file that is not there", encryptedBroker + "ca_file = \"other.pem\"", "there is no file of this name"},
		{"a file elsewhere", encryptedBroker + "ca_file = \"../root/etc/passwd\"", "without folders"},
		{"a password nobody knows", encryptedBroker + "username = \"u\"\npassword = \"\"", "does not know it from before"},
		{"a password without a user", encryptedBroker + "password = \"secret\"", "mqtt.username"},
		{"a password of two lines", encryptedBroker + "username = \"u\"\npassword = \"a\\nb\"", "on one line"},
		{"a user in the address", "[mqtt]\nbroker = \"ssl://u:p@host:8883\"", "no user in the URL"},
		{"a zero in a name", "[table]\nname = \"a\\u0000b\"", "printable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newComputer(t)
			r.give("ca.pem", certificate)
			r.setup(c.setup)
			r.refused(c.says)
			assert.NotContains(t, r.out.String(), "u:p@")
		})
	}
}

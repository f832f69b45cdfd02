package mqtt

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"traction/mqtt/homeassistant"
)

// Config says where the broker is and who the gateway is there. Each of its files
// is a path, or "credential:NAME" for a credential that systemd hands to the
// service (LoadCredential= in its unit).
type Config struct {
	// Broker is a URL: tcp://host:1883, ssl://host:8883, ws://host:80/path or
	// wss://host:443/path; mqtt and mqtts are other names of tcp and ssl. The port
	// may be left out. It holds no user and no password. Up to 8 URLs with spaces
	// between them are the nodes of one cluster: the gateway takes the next one when
	// it has lost the one before, and stays there. All are encrypted or none is.
	Broker string
	// TableID is the table's level in the topics, [a-zA-Z0-9_-]{1,40}.
	TableID string
	// ClientID names this gateway to the broker, [a-zA-Z0-9_.-]{1,100}; no other
	// client may use it. Empty: traction-<table>-<host name>.
	ClientID string
	// Username at the broker; empty = none.
	Username string
	// PasswordFile holds the password; its mode must not be wider than 0640. It is
	// read again before each connection, so a corrected password needs no restart.
	PasswordFile string
	// CAFile holds the certificates that may vouch for the broker, PEM; empty = the system's.
	CAFile string
	// CertFile and KeyFile are the gateway's own certificate, PEM; both or none. The
	// key's mode must not be wider than 0640.
	CertFile, KeyFile string
	// InsecurePlainAuth allows to send the user and password unencrypted to another
	// machine, where everybody on the way can read them.
	InsecurePlainAuth bool
	// HomeAssistant is how the table shows itself there.
	HomeAssistant homeassistant.Options
}

var (
	tableRule  = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,40}$`)
	clientRule = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,100}$`)
	notClient  = regexp.MustCompile(`[^a-zA-Z0-9_.-]+`)
)

// ports are the default ports of the schemes; encrypted tells which of them are TLS.
var (
	ports     = map[string]string{"tcp": "1883", "mqtt": "1883", "ssl": "8883", "mqtts": "8883", "ws": "80", "wss": "443"}
	encrypted = map[string]bool{"ssl": true, "mqtts": true, "wss": true}
)

// Validate reports all that is wrong, each with field, value and what is
// allowed, joined into one error. It reads the files that are named.
func (c *Config) Validate() error {
	bad := problems{}
	brokers, err := parseBrokers(c.Broker)
	if err != nil {
		bad.add("broker", c.Broker, err.Error())
	}
	if !tableRule.MatchString(c.TableID) {
		bad.add("table", c.TableID, "1 to 40 letters, digits, _ and -")
	}
	if c.ClientID != "" && !clientRule.MatchString(c.ClientID) {
		bad.add("client_id", c.ClientID, "1 to 100 letters, digits, _ . and -")
	}
	if len(c.Username) > 256 || strings.ContainsFunc(c.Username, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		bad.add("username", c.Username, "at most 256 printable characters")
	}
	if c.PasswordFile != "" && c.Username == "" {
		bad.add("username", c.Username, "a user name, because password_file is given")
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		bad.add("cert_file, key_file", "", "both or neither, and one of them is missing")
	}
	if err == nil {
		c.validateEncryption(brokers, &bad)
	}
	if c.validateNames(&bad) {
		c.validateFiles(&bad)
	}
	return errors.Join(append(bad, c.HomeAssistant.Validate())...)
}

// validateEncryption keeps secrets off the open network and files in use.
func (c *Config) validateEncryption(brokers []*url.URL, bad *problems) {
	if encrypted[brokers[0].Scheme] { // and so are the others
		return
	}
	far := func(u *url.URL) bool { return !isLoopback(u.Hostname()) }
	if c.Username != "" && slices.ContainsFunc(brokers, far) && !c.InsecurePlainAuth {
		bad.add("broker", c.Broker, "ssl:// or wss://, because user and password would cross the network unencrypted "+
			"(insecure_plain_auth = true allows it all the same)")
	}
	for _, f := range []struct{ field, value string }{{"ca_file", c.CAFile}, {"cert_file", c.CertFile}, {"key_file", c.KeyFile}} {
		if f.value != "" {
			bad.add(f.field, f.value, "only with an ssl:// or wss:// broker")
		}
	}
}

// validateNames refuses what is no file's name. It does not repeat the value: a
// password or a key is easily written where its file should be named.
func (c *Config) validateNames(bad *problems) (ok bool) {
	ok = true
	for _, f := range []struct{ field, value string }{{"password_file", c.PasswordFile}, {"ca_file", c.CAFile}, {"cert_file", c.CertFile}, {"key_file", c.KeyFile}} {
		if f.value != "" && !filepath.IsAbs(f.value) && !strings.HasPrefix(f.value, credentialPrefix) {
			bad.add(f.field, "...", "a path from the root, or credential: and a name")
			ok = false
		}
	}
	return ok
}

// validateFiles loads the files, one after the other so that each fault is named.
func (c *Config) validateFiles(bad *problems) {
	if c.PasswordFile != "" {
		if _, err := readPassword(c.PasswordFile); err != nil {
			bad.add("password_file", c.PasswordFile, err.Error())
		}
	}
	if c.CAFile != "" {
		if _, err := readAuthorities(c.CAFile); err != nil {
			bad.add("ca_file", c.CAFile, err.Error())
		}
	}
	if c.CertFile != "" && c.KeyFile != "" {
		if _, err := readKeyPair(c.CertFile, c.KeyFile); err != nil {
			bad.add("cert_file, key_file", c.CertFile+", "+c.KeyFile, err.Error())
		}
	}
}

// clientID is ClientID or its default.
func (c *Config) clientID() string {
	if c.ClientID != "" {
		return c.ClientID
	}
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "host"
	}
	host = notClient.ReplaceAllString(host, "-")
	return "traction-" + c.TableID + "-" + host[:min(len(host), 40)]
}

// mostBrokers is more nodes than a cluster for MQTT has: three or five are usual.
const mostBrokers = 8

// parseBrokers takes the URLs of one or several brokers apart; its error says
// what is allowed.
func parseBrokers(s string) ([]*url.URL, error) {
	list := strings.Fields(s)
	if len(list) > mostBrokers {
		return nil, fmt.Errorf("at most %d brokers", mostBrokers)
	}
	if len(list) < 2 {
		u, err := parseBroker(s)
		return []*url.URL{u}, err
	}
	brokers := make([]*url.URL, len(list))
	for i, one := range list {
		u, err := parseBroker(one)
		if err != nil {
			return nil, fmt.Errorf("number %d of %d as %w", i+1, len(list), err)
		}
		brokers[i] = u
		if encrypted[u.Scheme] != encrypted[brokers[0].Scheme] {
			// Whoever can block the encrypted one could make the gateway use the other.
			return nil, errors.New("all brokers encrypted (ssl, wss) or none of them")
		}
	}
	return brokers, nil
}

// parseBroker takes a broker's URL apart and fills in its port; its error says
// what is allowed.
func parseBroker(s string) (*url.URL, error) {
	const form = "tcp://host:1883, ssl://host:8883, ws://host:80/path or wss://host:443/path"
	u, err := url.Parse(s)
	if err != nil {
		return nil, errors.New(form)
	}
	port, known := ports[u.Scheme]
	if !known || !validHost(u.Hostname()) {
		return nil, errors.New(form)
	}
	if u.User != nil {
		return nil, errors.New("no user in the URL; use username and password_file")
	}
	web := u.Scheme == "ws" || u.Scheme == "wss"
	if u.Fragment != "" || !web && (u.RawQuery != "" || u.Path != "" && u.Path != "/") {
		return nil, errors.New("no path behind the port; " + form)
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
			return nil, errors.New("a port from 1 to 65535")
		}
		port = p
	}
	u.Host = net.JoinHostPort(u.Hostname(), port)
	return u, nil
}

// validHost refuses an empty name, and what is half an address, as in
// "tcp://broker::1883".
func validHost(host string) bool {
	if !strings.ContainsAny(host, ":[]") {
		return host != ""
	}
	_, err := netip.ParseAddr(host)
	return err == nil && !strings.ContainsAny(host, "[]") // a zone may be anything
}

// isLoopback is about names that cannot mean another machine.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// problems collects configuration errors.
type problems []error

func (p *problems) add(field, value, allowed string) {
	*p = append(*p, fmt.Errorf("mqtt: %s: %q is not allowed: %s", field, redact(value), allowed))
}

// Shown is Broker as a log may have it: what follows a question mark is often a token.
func (c *Config) Shown() string {
	list := strings.Fields(c.Broker)
	for i := range list {
		list[i] = redact(list[i])
	}
	return strings.Join(list, " ")
}

// redact takes user, password and whatever follows a question mark out of a URL,
// also out of one that cannot be parsed: an error ends up in logs.
func redact(s string) string {
	scheme, rest, isURL := strings.Cut(s, "://")
	if !isURL {
		return s
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = "...@" + rest[at+1:]
	}
	if before, _, query := strings.Cut(rest, "?"); query {
		rest = before + "?..."
	}
	return scheme + "://" + rest
}

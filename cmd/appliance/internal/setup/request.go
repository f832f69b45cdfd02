package setup

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"traction/control"
	"traction/control/quantity/document"
)

// request is all that a setup file can ask for. What it leaves out stays as it is.
type request struct {
	d *document.Document

	hostname, timeZone string
	sshKeys            []string

	wired wired
	wifi  wifi

	tableID, tableName string
	remote             control.Permission
	homeAssistant      bool
	mqtt               broker
}

// broker is the section of the same name, in the words of the settings.
type broker struct {
	url, username, password string
	caCertificate, caFile   string
	plain, local            bool
}

// most bounds lists: nobody needs more, and a slip of the hand shall not fill the disk.
const most = 8

// bind reads every key.
func (s *Setup) bind(d *document.Document) *request {
	r := &request{d: d}
	d.String("system.hostname", &r.hostname, pattern(hostRule, "1 to 63 small letters, digits and - between them"))
	d.String("system.time_zone", &r.timeZone, s.knownZone)
	r.sshKeys = make([]string, d.Len("system.ssh_keys", most))
	for i := range r.sshKeys {
		d.String(fmt.Sprintf("system.ssh_keys[%d]", i), &r.sshKeys[i], publicKey)
	}
	r.wired.bind(d)
	r.wifi.bind(d)
	d.String("table.id", &r.tableID, nil) // checked with the settings, as all that follows
	d.String("table.name", &r.tableName, plainText)
	d.Text("control.remote", &r.remote)
	d.Bool("homeassistant.enabled", &r.homeAssistant)
	d.String("mqtt.broker", &r.mqtt.url, plainText)
	d.String("mqtt.username", &r.mqtt.username, plainText)
	d.String("mqtt.password", &r.mqtt.password, oneLine)
	d.String("mqtt.ca_certificate", &r.mqtt.caCertificate, nil)
	d.String("mqtt.ca_file", &r.mqtt.caFile, s.onBootPartition)
	d.Bool("mqtt.insecure_plain_auth", &r.mqtt.plain)
	d.Bool("mqtt.local_broker", &r.mqtt.local)
	if d.Has("mqtt.ca_certificate") && r.mqtt.caFile != "" && r.mqtt.caCertificate != "" {
		d.Refuse("mqtt.ca_file", "mqtt.ca_certificate is given too, allowed: one of them")
	}
	if r.mqtt.local && !s.hasProgram("mosquitto") {
		d.Refuse("mqtt.local_broker", "there is no Mosquitto on this computer, allowed: false")
	}
	var none bool
	d.Bool("end", &none) // so that the last section is known
	return r
}

var (
	hostRule = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	zoneRule = regexp.MustCompile(`^[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,2}$`)
	fileRule = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9_. -]{0,99}$`)
)

// pattern is a check against a rule.
func pattern(re *regexp.Regexp, allowed string) func(string) error {
	return func(v string) error {
		if !re.MatchString(v) {
			return errors.New("allowed: " + allowed)
		}
		return nil
	}
}

// plainText keeps out what cannot be written into a line of the settings.
func plainText(v string) error {
	if strings.ContainsFunc(v, func(r rune) bool { return !unicode.IsPrint(r) }) || len(v) > 2000 {
		return errors.New("allowed: at most 2000 printable characters on one line")
	}
	return nil
}

// oneLine is a password, of which an empty one stands for the one that was moved.
func oneLine(v string) error {
	if strings.ContainsAny(v, "\r\n\x00") || len(v) > 1000 {
		return errors.New("allowed: at most 1000 characters on one line")
	}
	return nil
}

// zones is where a system keeps its time zones.
const zones = "/usr/share/zoneinfo"

func (s *Setup) knownZone(v string) error {
	head := make([]byte, 4)
	f, err := os.Open(s.at(filepath.Join(zones, v)))
	if err == nil {
		_, err = f.Read(head)
		_ = f.Close() // it was only read
	}
	if !zoneRule.MatchString(v) || err != nil || string(head) != "TZif" {
		return errors.New(`is no time zone of this computer, allowed: a name such as "Europe/Berlin" or "UTC"`)
	}
	return nil
}

// onBootPartition is the name of a file beside the setup file.
func (s *Setup) onBootPartition(v string) error {
	if v == "" {
		return nil
	}
	if !fileRule.MatchString(v) {
		return errors.New("allowed: the name of a file beside this one, without folders")
	}
	if data, err := readBounded(filepath.Join(s.Folder, v)); err != nil {
		return err
	} else if data == nil {
		return fmt.Errorf("there is no file of this name beside %s", Name)
	}
	return nil
}

// hasProgram looks where systems keep programs.
func (s *Setup) hasProgram(name string) bool {
	return slices.ContainsFunc([]string{"/usr/sbin", "/usr/bin"}, func(dir string) bool {
		info, err := os.Stat(s.at(filepath.Join(dir, name)))
		return err == nil && info.Mode().IsRegular()
	})
}

// keyTypes are the public keys that OpenSSH takes by default (sshd_config(5),
// PubkeyAcceptedAlgorithms).
var keyTypes = []string{"ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
	"sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"}

// publicKey accepts one line as ssh-keygen writes it into a .pub file. What stands
// before the type in an authorized_keys file, such as command=, is refused.
func publicKey(v string) error {
	if strings.Contains(v, "PRIVATE KEY") {
		return errors.New("is a private key: take the one line of the file whose name ends in .pub, and make a new pair, since this one is on the card now")
	}
	if err := plainText(v); err != nil {
		return err
	}
	parts := strings.Fields(v)
	if len(parts) < 2 || !slices.Contains(keyTypes, parts[0]) {
		return fmt.Errorf("allowed: the one line of a .pub file, which begins with one of %s", strings.Join(keyTypes, ", "))
	}
	// The type stands again inside, with its length before it (RFC 4253, 6.6).
	blob, err := base64.StdEncoding.DecodeString(parts[1])
	if n := len(parts[0]); err != nil || len(blob) < 4+n+32 || int(binary.BigEndian.Uint32(blob)) != n || string(blob[4:4+n]) != parts[0] {
		return errors.New("is damaged or cut off, allowed: the one line of a .pub file")
	}
	return nil
}

// prefix is an address with the length of its network.
func prefix(v string) error {
	if p, err := netip.ParsePrefix(v); err != nil || !p.Addr().IsValid() || p.Addr().IsUnspecified() || p.Addr().IsMulticast() {
		return errors.New(`allowed: an address with the length of its network, such as "192.168.1.20/24", or "dhcp"`)
	}
	return nil
}

func address(v string) error {
	if a, err := netip.ParseAddr(v); err != nil || a.Zone() != "" || a.IsUnspecified() {
		return errors.New(`allowed: an address such as "192.168.1.1"`)
	}
	return nil
}

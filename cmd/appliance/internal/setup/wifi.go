package setup

import (
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // WPA2 is made of it
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"traction/control/quantity/document"
)

// wifi is the section of that name.
type wifi struct {
	enabled  bool
	country  string
	networks []network
}

// network is one that may be joined.
type network struct {
	key              string // in the file
	ssid, passphrase string
	hidden, open     bool
}

var (
	countryRule = regexp.MustCompile(`^[A-Z]{2}$`)
	pskRule     = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)
	// IEEE 802.11i, H.4: 8 to 63 characters from 32 to 126.
	phraseRule = regexp.MustCompile(`^[ -~]{8,63}$`)
)

func (w *wifi) bind(d *document.Document) {
	w.enabled = true
	d.Bool("wifi.enabled", &w.enabled)
	d.String("wifi.country", &w.country, pattern(countryRule, `two capital letters, such as "DE" or "US"`))
	w.networks = make([]network, d.Len("wifi.network", most))
	for i := range w.networks {
		n := &w.networks[i]
		n.key = fmt.Sprintf("wifi.network[%d]", i)
		d.String(n.key+".ssid", &n.ssid, func(v string) error {
			if len(v) < 1 || len(v) > 32 {
				return errors.New("allowed: 1 to 32 bytes")
			}
			return nil
		})
		d.String(n.key+".passphrase", &n.passphrase, func(v string) error {
			if v != "" && !phraseRule.MatchString(v) && !pskRule.MatchString(v) {
				return errors.New("allowed: 8 to 63 ASCII characters, or a key of 64 hexadecimal digits")
			}
			return nil
		})
		d.Bool(n.key+".hidden", &n.hidden)
		d.Bool(n.key+".open", &n.open)
		d.Require(n.key + ".ssid")
		if n.open && n.passphrase != "" {
			d.Refuse(n.key+".open", "a passphrase is given, so this network is not open")
		}
	}
	switch {
	case !w.enabled && len(w.networks) > 0:
		d.Refuse("wifi.enabled", "networks are given, allowed: true")
	case len(w.networks) > 0:
		d.Require("wifi.country")
	case w.enabled && (d.Has("wifi.country") || d.Has("wifi.enabled")):
		d.Refuse("wifi.network", "is missing; without one, write enabled = false")
	}
}

// given tells whether the file says anything of Wi-Fi.
func (w *wifi) given() bool { return !w.enabled || len(w.networks) > 0 }

// wifiFile is where wpa_supplicant@wlan0.service reads its networks.
const wifiFile = "/etc/wpa_supplicant/wpa_supplicant-wlan0.conf"

// change is wpa_supplicant's file. A passphrase that was moved away at an earlier
// start is taken from the file as it is.
func (w *wifi) change(d *document.Document, s *Setup) change {
	if !w.enabled {
		return change{path: wifiFile, remove: true, say: "Wi-Fi: off"}
	}
	old := keptKeys(s.at(wifiFile))
	var b strings.Builder
	fmt.Fprintf(&b, "%sctrl_interface=/run/wpa_supplicant\nupdate_config=0\ncountry=%s\n", written, w.country)
	var names []string
	for _, n := range w.networks {
		key := n.secret(old)
		if key == "" && !n.open && !d.Failed(n.key+".ssid") && !d.Failed(n.key+".passphrase") {
			d.Refuse(n.key+".passphrase", "is missing; this computer does not know it from before either (for a network without one, write open = true)")
		}
		// Names in hexadecimal digits need no quoting (wpa_supplicant.conf(5)).
		fmt.Fprintf(&b, "\nnetwork={\n\tssid=%x\n", n.ssid)
		if n.hidden {
			b.WriteString("\tscan_ssid=1\n")
		}
		if n.open {
			b.WriteString("\tkey_mgmt=NONE\n")
		} else {
			fmt.Fprintf(&b, "\tkey_mgmt=WPA-PSK\n\tpsk=%s\n", key)
		}
		b.WriteString("}\n")
		names = append(names, fmt.Sprintf("%q", n.ssid))
	}
	return change{path: wifiFile, data: []byte(b.String()), mode: 0o600, dir: 0o755, say: "Wi-Fi: " + strings.Join(names, ", ")}
}

// secret is the key that the passphrase stands for, so that the passphrase itself,
// which may serve elsewhere too, is kept nowhere.
func (n *network) secret(old map[string]string) string {
	switch {
	case n.open:
		return ""
	case n.passphrase == "":
		return old[n.ssid]
	case pskRule.MatchString(n.passphrase):
		return strings.ToLower(n.passphrase)
	}
	key, err := pbkdf2.Key(sha1.New, n.passphrase, []byte(n.ssid), 4096, 32) // IEEE 802.11i, H.4
	if err != nil {
		return "" // only with a FIPS module that forbids SHA-1; then it is reported as missing
	}
	return hex.EncodeToString(key)
}

// ownNetwork finds what change wrote.
var ownNetwork = regexp.MustCompile(`network=\{\n\tssid=([0-9a-f]+)\n(?:\tscan_ssid=1\n)?\tkey_mgmt=WPA-PSK\n\tpsk=([0-9a-f]{64})\n\}`)

// keptKeys are the keys of known networks, by name.
func keptKeys(path string) map[string]string {
	keys := map[string]string{}
	data, err := os.ReadFile(path)
	if err != nil {
		return keys // none are kept
	}
	for _, found := range ownNetwork.FindAllSubmatch(data, -1) {
		if name, err := hex.DecodeString(string(found[1])); err == nil {
			keys[string(name)] = string(found[2])
		}
	}
	return keys
}

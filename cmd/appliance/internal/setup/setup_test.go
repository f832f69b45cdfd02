package setup

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/cmd/appliance/internal/settings"
	"traction/control"
)

const sshKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC5m0TnW0oYk9sQf0qJ0y1m5sV3o2d8fJmQ0cC0xkq3d somebody"

// everything asks for all that there is.
const everything = `[system]
hostname = "table-7"
time_zone = "Europe/Berlin"
ssh_keys = ["` + sshKey + `"]
[table]
id = "table-7"
name = "Table 7"
[wired]
address = "192.168.1.20/24"
gateway = "192.168.1.1"
dns = ["192.168.1.1", "9.9.9.9"]
[wifi]
country = "DE"
[[wifi.network]]
ssid = "IEEE"
passphrase = "password"
[[wifi.network]]
ssid = "Café"
hidden = true
passphrase = 'a "quoted" one' # moved
[[wifi.network]]
ssid = "Guests"
open = true
[mqtt]
broker = "tcp://192.168.1.2:1883"
username = "table-7"
password = "top secret"
insecure_plain_auth = true
[homeassistant]
enabled = false
[control]
remote = "adjust"
`

func TestEverything(t *testing.T) {
	c := newComputer(t)
	before := c.has(settings.Path)
	c.setup(everything)
	c.applied()

	assert.Equal(t, "table-7\n", c.has(hostnameFile))
	assert.Equal(t, "table-7", c.name)
	link, err := os.Readlink(c.at(timeZoneLink))
	require.NoError(t, err)
	assert.Equal(t, "../usr/share/zoneinfo/Europe/Berlin", link)
	assert.Contains(t, c.has(keysFile), "\n"+sshKey+"\n")
	assert.Contains(t, c.has(wiredFile), "Address=192.168.1.20/24\nGateway=192.168.1.1\nDNS=192.168.1.1\nDNS=9.9.9.9\n")

	s := c.settings()
	assert.Equal(t, "table-7", s.Table.ID)
	assert.Equal(t, "Table 7", s.Table.Name)
	assert.Equal(t, control.Adjust, s.Control.Remote)
	assert.Equal(t, "tcp://192.168.1.2:1883", s.MQTT.Broker)
	assert.Equal(t, "table-7", s.MQTT.Username)
	assert.Equal(t, "credential:traction-mqtt-password", s.MQTT.PasswordFile)
	assert.True(t, s.MQTT.InsecurePlainAuth)
	assert.True(t, s.MQTT.HomeAssistant.Disabled)
	assert.Equal(t, "top secret\n", c.has(credentialFile))
	assert.Equal(t, os.FileMode(0o600), c.mode(credentialFile))
	assert.Equal(t, os.FileMode(0o700), c.mode(filepath.Dir(credentialFile)))
	assert.Equal(t, os.FileMode(0o600), c.mode(wifiFile))

	// The settings differ in these lines only: comments and order are as they were.
	old, now := strings.Split(before, "\n"), strings.Split(c.has(settings.Path), "\n")
	require.Len(t, now, len(old))
	var changed []string
	for i := range old {
		if old[i] != now[i] {
			changed = append(changed, now[i])
		}
	}
	assert.Equal(t, []string{`id = "table-7"`, `name = "Table 7"`, `remote = "adjust"`, `broker = "tcp://192.168.1.2:1883"`,
		`username = "table-7"`, `password_file = "credential:traction-mqtt-password"`, `insecure_plain_auth = true`, `enabled = false`}, changed)

	for _, secret := range []string{"top secret", `a "quoted" one`, "password\"", "= 'a"} {
		for _, file := range []string{Name, logName} {
			assert.NotContains(t, c.onBoot(file), secret)
		}
		assert.NotContains(t, c.has(memoryFile), secret)
		assert.NotContains(t, c.out.String(), secret)
	}
	left := c.onBoot(Name)
	assert.Len(t, left, len(everything+"\n[end]\n"), "no byte moves")
	assert.Contains(t, left, "passphrase = \"\"               # moved", "comments stay")
	assert.Contains(t, left, "password = \"\"          \ninsecure")
	assert.Contains(t, c.onBoot(logName), "Wi-Fi: \"IEEE\", \"Café\", \"Guests\"")

	all := c.all(c.Root)
	require.NoError(t, c.start())
	assert.Equal(t, all, c.all(c.Root))
	assert.Contains(t, c.out.String(), "nothing to do")
}

// The key of network "IEEE" with "password" is a test vector of IEEE 802.11i, H.4.3.
func TestWiFi(t *testing.T) {
	c := newComputer(t)
	c.setup(everything)
	c.applied()
	assert.Equal(t, written+`ctrl_interface=/run/wpa_supplicant
update_config=0
country=DE

network={
	ssid=49454545
	key_mgmt=WPA-PSK
	psk=f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e
}

network={
	ssid=436166c3a9
	scan_ssid=1
	key_mgmt=WPA-PSK
	psk=`+keptKeys(c.at(wifiFile))["Café"]+`
}

network={
	ssid=477565737473
	key_mgmt=NONE
}
`, c.has(wifiFile))

	key := strings.Repeat("0123456789ABCDEF", 4)
	c.setup("[wifi]\ncountry = \"US\"\n[[wifi.network]]\nssid = \"IEEE\"\npassphrase = \"\"\n[[wifi.network]]\nssid = \"new\"\npassphrase = \"" + key + "\"")
	c.applied()
	assert.Equal(t, map[string]string{"IEEE": "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e", "new": strings.ToLower(key)},
		keptKeys(c.at(wifiFile)), "an empty passphrase is the one that is known")
	assert.NotContains(t, c.onBoot(Name), key)

	c.setup("[wifi]\nenabled = false")
	c.applied()
	assert.NoFileExists(t, c.at(wifiFile))
	c.setup("[wifi]\ncountry = \"US\"\n[[wifi.network]]\nssid = \"IEEE\"\npassphrase = \"\"")
	c.refused("wifi.network[0].passphrase", "does not know it from before")
}

func TestWhatIsNotGivenStaysAsItIs(t *testing.T) {
	c := newComputer(t)
	c.setup(everything)
	c.applied()
	before := c.all(c.at("/etc"))
	c.setup("# nothing\n[system]\n[table]\n[mqtt]")
	c.applied()
	assert.Equal(t, before, c.all(c.at("/etc")))

	c.setup("[mqtt]\npassword = \"\"") // the one that is known
	c.applied()
	assert.Equal(t, before, c.all(c.at("/etc")))

	c.setup("[system]\nssh_keys = []\n[wired]\naddress = \"dhcp\"\n[mqtt]\nusername = \"\"")
	c.applied()
	assert.NoFileExists(t, c.at(keysFile))
	assert.Contains(t, c.has(wiredFile), "DHCP=yes")
	assert.NotContains(t, c.has(wiredFile), "Address=")
	assert.NoFileExists(t, c.at(credentialFile))
	assert.Empty(t, c.settings().MQTT.PasswordFile)
}

func TestNothingToDo(t *testing.T) {
	c := newComputer(t)
	before := c.all(c.Root)
	require.NoError(t, c.start())
	assert.Equal(t, before, c.all(c.Root))
	assert.Empty(t, c.onBoot(logName))
	assert.Contains(t, c.out.String(), "nothing to do")
}

func TestEverythingThatIsWrongIsSaidAtOnce(t *testing.T) {
	c := newComputer(t)
	c.setup(`[system]
hostname = "My Table"
time_zone = "Europe/Atlantis"
ssh_keys = ["ssh-ed25519 AAAA cut off"]
[table]
id = "table 7"
[wired]
address = "192.168.1.20"
[wifi]
country = "Germany"
[[wifi.network]]
passphrase = "short"
[mqtt]
broker = "tcp://192.168.1.2:1883"
username = "u"
password = "top secret"
[control]
remote = "everything"
[homeassistant]
enabled = "yes"
[settings]
force = "900 N"`)
	c.refused(
		`traction-setup.toml:2: system.hostname = "My Table": allowed: 1 to 63 small letters`,
		`traction-setup.toml:3: system.time_zone = "Europe/Atlantis": is no time zone`,
		`traction-setup.toml:4: system.ssh_keys[0]`,
		`traction-setup.toml:6: table.id = "table 7": allowed: 1 to 40 letters`,
		`traction-setup.toml:8: wired.address = "192.168.1.20": allowed: an address with`,
		`traction-setup.toml:10: wifi.country = "Germany": allowed: two capital letters`,
		`traction-setup.toml:11: wifi.network[0].ssid: is missing`,
		`traction-setup.toml:12: wifi.network[0].passphrase = ...: allowed: 8 to 63`,
		`traction-setup.toml:14: mqtt.broker = "tcp://192.168.1.2:1883"`, "insecure_plain_auth",
		`traction-setup.toml:18: control.remote = "everything"`,
		`traction-setup.toml:20: homeassistant.enabled = "yes": is no truth value`,
		`traction-setup.toml:22: settings.force = "900 N": unknown key`,
	)
	assert.NotContains(t, c.out.String(), "top secret")
	assert.NotContains(t, c.out.String(), "short")
	assert.Equal(t, c.out.String(), c.onBoot(errorsName))

	c.setup("[table]\nid = \"table-7\"")
	c.applied()
	assert.Empty(t, c.onBoot(errorsName), "an old list of mistakes is gone")
}

func TestFilesThatAreNoSetup(t *testing.T) {
	for _, c := range []struct{ name, text, says string }{
		{"empty", "", "is empty"},
		{"only spaces", " \n\t\n", "is empty"},
		{"cut off in a line", "[system]\nhostname = \"tab", "traction-setup.toml:2"},
		{"cut off between lines", "[system]\nhostname = \"table\"\n", "cut off"},
		{"zero bytes of a file that was never written", strings.Repeat("\x00", 4096), "zero bytes"},
		{"half of it never written", "[system]\n" + strings.Repeat("\x00", 512) + "\n[end]\n", "zero bytes"},
		{"UTF-16", "\xff\xfe[\x00e\x00n\x00d\x00]\x00", "UTF-16"},
		{"Latin 1", "[table]\nname = \"Caf\xe9\"\n[end]\n", "UTF-8"},
		{"no TOML", "hostname: table\n[end]\n", "traction-setup.toml:1"},
		{"too large", strings.Repeat("# .\n", 1<<15) + "[end]\n", "too large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newComputer(t)
			r.give(Name, c.text)
			r.refused(c.says)
			assert.NotEmpty(t, r.onBoot(errorsName))
		})
	}
	c := newComputer(t)
	c.give(Name+".txt", "[end]\n")
	c.refused("rename it to traction-setup.toml")
	require.NoError(t, os.Mkdir(filepath.Join(c.Folder, Name), 0o755))
	c.refused("no ordinary file")
}

// Editors on Windows: other line ends, a mark at the beginning.
func TestFilesFromWindows(t *testing.T) {
	c := newComputer(t)
	text := string(bom) + strings.ReplaceAll("[system]\nhostname = \"table-7\"\n[mqtt]\nbroker = \"tcp://127.0.0.1:1883\"\nusername = \"u\"\npassword = \"top secret\"\n[end]\n", "\n", "\r\n")
	c.give(Name, text)
	c.applied()
	assert.Equal(t, "table-7\n", c.has(hostnameFile))
	assert.Equal(t, strings.Replace(text, `"top secret"`, `""          `, 1), c.onBoot(Name))
}

func TestTheExampleSaysEverything(t *testing.T) {
	data, err := os.ReadFile(example)
	require.NoError(t, err)
	c := newComputer(t)
	c.put("/usr/sbin/mosquitto", "")
	c.give(Name, string(data))
	c.applied()

	// With each key taken out of its comment, all of them are there and right.
	text := strings.NewReplacer("\n#[[", "\n[[", "\"table-1\"", "\"table-2\"").Replace(string(data))
	var lines []string
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "#"); ok && !strings.HasPrefix(rest, " ") {
			line = rest
		}
		if !strings.HasPrefix(line, "ca_file") { // one of the two
			lines = append(lines, line)
		}
	}
	c.setup("") // a changed file
	c.give(Name, strings.Join(lines, ""))
	c.applied()
	assert.Equal(t, "table-2", c.settings().Table.ID)
	d, err := parse([]byte(strings.Join(lines, "")))
	require.NoError(t, err)
	c.bind(d)
	known := d.Known()
	for _, key := range known {
		list := slices.ContainsFunc(known, func(k string) bool { return strings.HasPrefix(k, key+"[0]") })
		assert.True(t, d.Has(key) || list || key == "mqtt.ca_file" || key == "end", "the example does not show %s", key)
	}
}

func TestAClockThatIsNotSet(t *testing.T) {
	c := newComputer(t)
	c.Now = func() time.Time { return time.Unix(12, 0) }
	c.setup("[system]\nhostname = \"table-7\"")
	require.NoError(t, c.start())
	assert.Contains(t, c.onBoot(logName), "the clock is not set yet")
	assert.NotContains(t, c.onBoot(logName), "1970")
}

func TestTheLocalBroker(t *testing.T) {
	c := newComputer(t)
	c.setup("[mqtt]\nlocal_broker = true")
	c.refused("there is no Mosquitto on this computer")
	c.put("/usr/sbin/mosquitto", "")
	c.setup("[mqtt]\nlocal_broker = false")
	c.applied()
	assert.FileExists(t, c.at(noBrokerFile))
	c.setup("[mqtt]\nlocal_broker = true")
	c.applied()
	assert.NoFileExists(t, c.at(noBrokerFile))
}

// The data partition cannot be used: a password that was taken from the card now would
// be in memory only.
func TestWithoutADataPartition(t *testing.T) {
	c := newComputer(t)
	c.put("/run/traction-no-data", "the data partition cannot be used\n")
	c.setup(everything)
	c.refused("the card's data partition cannot be used")
	assert.Contains(t, c.onBoot(errorsName), "the card's data partition cannot be used")
	assert.Contains(t, c.onBoot(Name), "top secret")

	require.NoError(t, os.Remove(c.at("/run/traction-no-data")))
	c.applied()
	assert.NotContains(t, c.onBoot(Name), "top secret")

	// Once more, with nothing new to take over: the errors go when their cause has gone.
	c.put("/run/traction-no-data", "")
	c.refused("the card's data partition cannot be used")
	require.NoError(t, os.Remove(c.at("/run/traction-no-data")))
	require.NoError(t, c.start())
	assert.Contains(t, c.out.String(), "nothing to do")
	assert.Empty(t, c.onBoot(errorsName))
}

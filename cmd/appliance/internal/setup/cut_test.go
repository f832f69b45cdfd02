package setup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/cmd/appliance/internal/settings"
)

// twoSecrets has passwords on both sides of lines that stay.
const twoSecrets = `[mqtt]
broker = "tcp://127.0.0.1:1883"
username = "u"
password = "top secret"
[wifi]
country = "DE"
[[wifi.network]]
ssid = "IEEE"
passphrase = "password"
[end]
`

// secretsKept checks that what was moved is where it belongs.
func (c *computer) secretsKept() {
	c.t.Helper()
	assert.Equal(c.t, "top secret\n", c.has(credentialFile))
	assert.Contains(c.t, keptKeys(c.at(wifiFile))["IEEE"], "f42c6fc5")
	assert.NotContains(c.t, c.onBoot(Name), "secret")
	assert.NotContains(c.t, c.onBoot(Name), `"password"`)
	assert.Empty(c.t, c.onBoot(errorsName))
}

// A power cut while passwords are written over leaves any of their sectors. The next
// start finishes it, and neither complains nor loses them.
func TestAPowerCutWhilePasswordsAreWrittenOver(t *testing.T) {
	// One password lies across the end of a sector, the other one in the next sector.
	text := "#" + strings.Repeat(".", sector-strings.Index(twoSecrets, "p secret")-2) + "\n" + twoSecrets
	require.Equal(t, "p secret", text[sector:sector+8])
	b, err := blanked([]byte(text))
	require.NoError(t, err)
	require.Len(t, b.Parts, 3)
	for left := range 8 { // which parts are still there, in bits
		c := newComputer(t)
		c.give(Name, text)
		c.applied()
		m := c.remember()
		require.Nil(t, m.Blanking)
		m.Blanking = b // as it is noted before the first byte is written over
		require.NoError(t, c.keep(&m))
		half := append([]byte(nil), b.Text...)
		for i, at := range b.Parts {
			if left>>i&1 == 1 {
				copy(half[at.Begin:at.End], text[at.Begin:at.End])
			}
		}
		c.give(Name, string(half))
		require.NoError(t, c.start(), "left %b", left)
		assert.Equal(t, string(b.Text), c.onBoot(Name))
		assert.Contains(t, c.out.String(), "nothing to do")
		c.secretsKept()
		assert.Nil(t, c.remember().Blanking)
	}
}

// Before that is noted, everything is done again.
func TestAPowerCutBeforeAnythingIsNoted(t *testing.T) {
	c := newComputer(t)
	c.give(Name, twoSecrets)
	c.applied()
	require.NoError(t, os.Remove(c.at(memoryFile)))
	c.give(Name, twoSecrets)
	require.NoError(t, os.Remove(c.at(wifiFile))) // applied in part
	for _, left := range []string{settings.Path, credentialFile, wifiFile} {
		c.put(left+".new", "half")
	}
	c.applied()
	c.secretsKept()
	for _, left := range []string{settings.Path, credentialFile, wifiFile} {
		assert.NoFileExists(t, c.at(left+".new"))
	}
}

// Somebody writes a new password just after the power cut, as long as the old one.
func TestAFileThatWasChangedWhilePasswordsWereToBeWrittenOver(t *testing.T) {
	c := newComputer(t)
	c.give(Name, twoSecrets)
	c.applied()
	b, err := blanked([]byte(twoSecrets))
	require.NoError(t, err)
	m := c.remember()
	m.Blanking = b
	require.NoError(t, c.keep(&m))
	c.give(Name, strings.Replace(twoSecrets, "top secret", "new secret", 1))
	c.applied()
	assert.Equal(t, "new secret\n", c.has(credentialFile))
	assert.NotContains(t, c.onBoot(Name), "secret")
}

func TestAFullDisk(t *testing.T) {
	for _, path := range []string{hostnameFile, settings.Path, credentialFile, wifiFile, timeZoneLink} {
		c := newComputer(t)
		c.setup(everything)
		// A folder that is not empty where the unfinished file would be: it cannot be made.
		require.NoError(t, os.MkdirAll(c.at(path+".new/inner"), 0o755))
		c.refused("own disk cannot be written")
		assert.Contains(t, c.onBoot(Name), "top secret", "the only copy stays")
		require.NoError(t, os.RemoveAll(c.at(path+".new")))
		c.applied()
	}
}

// Without its note the computer would apply everything at each start, so the
// passwords have to stay for that; they are moved when there is room again.
func TestNoRoomForTheNote(t *testing.T) {
	c := newComputer(t)
	c.give(Name, twoSecrets)
	require.NoError(t, os.MkdirAll(c.at(memoryFile+".new/inner"), 0o755))
	require.ErrorContains(t, c.start(), "it is done again at the next start")
	assert.Equal(t, "top secret\n", c.has(credentialFile))
	assert.Equal(t, twoSecrets, c.onBoot(Name))
	require.NoError(t, os.RemoveAll(c.at(memoryFile+".new")))
	c.applied()
	c.secretsKept()
}

func TestABootPartitionThatCannotBeWritten(t *testing.T) {
	c := newComputer(t)
	c.give(Name, twoSecrets)
	require.NoError(t, os.MkdirAll(filepath.Join(c.Folder, logName+".new", "inner"), 0o755))
	c.refused("the boot partition cannot be written")
	require.NoError(t, os.MkdirAll(filepath.Join(c.Folder, errorsName+".new", "inner"), 0o755))
	c.refused("the boot partition cannot be written") // on the console alone
}

func TestWhereSecretsCanStand(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"none", "[mqtt]\nbroker = \"x\"\n", ""},
		{"an empty one", "[mqtt]\npassword = \"\"\n", ""},
		{"spaces and a comment", "[mqtt]\n  password  =  'abc'  # c\n", "[mqtt]\n  password  =  \"\"     # c\n"},
		{"a dotted key", "mqtt.password = \"abc\"\n", "mqtt.password = \"\"   \n"},
		{"inside of a section", "mqtt = { username = \"u\", password = \"abc\", broker = \"b\" }\n", "mqtt = { username = \"u\", password = \"\"   , broker = \"b\" }\n"},
		{"inside of a list", "[wifi]\nnetwork = [{ssid = \"s\", passphrase = \"abcdefgh\"}, {passphrase = 'xyz12345'}]\n",
			"[wifi]\nnetwork = [{ssid = \"s\", passphrase = \"\"        }, {passphrase = \"\"        }]\n"},
		{"several lines", "[mqtt]\npassword = \"\"\"\nabc\"\"\"\nbroker = \"b\"\n", "[mqtt]\npassword = \"\"        \nbroker = \"b\"\n"},
		{"a quoted key", "[mqtt]\n\"password\" = \"abc\"\n", "[mqtt]\n\"password\" = \"\"   \n"},
		{"a # and a quote in it", "[mqtt]\npassword = \"a#\\\"c\"\n", "[mqtt]\npassword = \"\"     \n"},
		{"the same word elsewhere", "[table]\npassword = \"abc\"\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := blanked([]byte(c.in))
			require.NoError(t, err)
			if c.want == "" {
				assert.Nil(t, b)
				return
			}
			assert.Equal(t, c.want, string(b.Text))
		})
	}
}

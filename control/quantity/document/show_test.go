package document_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"traction/control/quantity/document"
)

// What may be a secret is told without its value, whatever is wrong with it.
func TestSecretsAreNotTold(t *testing.T) {
	for _, line := range []string{
		`password = "swordfish"`, `Password = "swordfish"`, `mqtt_password = "swordfish"`, `passwd = "swordfish"`, `passphrase = ["swordfish"]`,
		`secret = "swordfish"`, `api_token = "swordfish"`, `key = "swordfish"`, `request_key = "swordfish"`, `pw = "swordfish"`,
		`password_file = "swordfish"`, `key_file = "--BEGIN-- /swordfish"`,
		`known = "ssl://user:swordfish@host"`, `known = "ssl://user:sword@fish@host"`, `unknown = "ssl://user:swordfish@host"`,
	} {
		d, err := document.Parse("a.toml", []byte("[s]\n"+line+"\n"))
		assert.NoError(t, err, line)
		value := ""
		d.String("s.known", &value, func(string) error { return assert.AnError })
		err = d.Err()
		assert.ErrorContains(t, err, "a.toml:2: s.", line)
		assert.NotContains(t, err.Error(), "fish", line)
	}
}

// Everything else is told, or nobody finds the mistake.
func TestOtherValuesAreTold(t *testing.T) {
	for _, line := range []string{`password_file = "/swordfish"`, `password_file = "credential:swordfish"`, `ca_file = "swordfish"`, `monkey = "swordfish"`, `keyboard = "swordfish"`, `url = "ssl://swordfish"`, `mail = "a@swordfish"`, `compass = "swordfish"`} {
		d, err := document.Parse("a.toml", []byte(line+"\n"))
		assert.NoError(t, err, line)
		assert.ErrorContains(t, d.Err(), "swordfish", line)
	}
}

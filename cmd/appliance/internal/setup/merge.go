package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"traction/cmd/appliance/internal/settings"
	"traction/control/quantity/document"
)

// Where the gateway finds what the setup file holds, see systemd/traction-gateway.service.
const (
	credential     = "traction-mqtt-password"
	credentialFile = "/etc/credstore/" + credential
	authorityFile  = "/etc/traction/broker-ca.pem"
)

// base is the text of the settings that the setup file changes: those on the boot
// partition, else the computer's own.
func (s *Setup) base(given []byte) ([]byte, error) {
	if given != nil {
		given = withoutBOM(given)
		_, err := load(SettingsName, given)
		return given, err
	}
	text, err := os.ReadFile(s.at(settings.Path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}

func settingsChange(text []byte) change {
	return change{path: settings.Path, data: text, mode: 0o644, say: "settings of the table: " + settings.Path}
}

// load reads settings from a text; name stands for it in messages.
func load(name string, text []byte) (settings.Settings, error) {
	dir, err := os.MkdirTemp("", "traction-setup")
	if err != nil {
		return settings.Settings{}, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, SettingsName)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return settings.Settings{}, err
	}
	got, err := settings.Load(path)
	var problems []error
	for _, p := range problemsOf(err) {
		p.File = name
		problems = append(problems, p)
	}
	if len(problems) > 0 {
		err = errors.Join(problems...)
	}
	return got, err
}

// problemsOf finds what is wrong in a file in an error.
func problemsOf(err error) (out []*document.Problem) {
	if err == nil {
		return nil
	}
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		if joined, ok := inner.(interface{ Unwrap() []error }); ok {
			for _, e := range joined.Unwrap() {
				out = append(out, problemsOf(e)...)
			}
			return out
		}
		if p := (*document.Problem)(nil); errors.As(inner, &p) {
			return append(out, p)
		}
	}
	return out
}

// planSettings changes the settings key by key, and checks what comes out.
func (s *Setup) planSettings(p *plan, r *request, base []byte) error {
	set := r.assignments()
	password, authority := s.planBroker(p, r, &set)
	if len(set) == 0 && p.in.settings == nil {
		return nil
	}
	if base == nil {
		return fmt.Errorf("%s does not exist; write a whole %s beside %s", settings.Path, SettingsName, Name)
	}
	text, got, err := r.settle(base, set)
	if err != nil {
		return err
	}
	old, _ := load(settings.Path, base) // what it was before matters only for a warning
	if r.touchesBroker() {
		if err := s.checkBroker(r, got, password, authority); err != nil {
			return err
		}
	}
	if _, err := os.Stat(s.at(got.Control.Calibration)); err == nil && old.Table.ID != got.Table.ID {
		p.warnings = append(p.warnings, fmt.Sprintf("the load cell was calibrated for table %q: calibrate it again for %q, until then the table does not work", old.Table.ID, got.Table.ID))
	}
	p.changes = append(p.changes, settingsChange(text))
	return nil
}

// settle changes the text and reads what comes out. Keys of the setup file that turn out
// to be wrong are noted there and left out, so that all others are judged too.
func (r *request) settle(base []byte, set []assignment) ([]byte, settings.Settings, error) {
	for {
		text, err := edit(base, set)
		if err != nil {
			return nil, settings.Settings{}, fmt.Errorf("%s: %w", settings.Path, err)
		}
		got, err := load(settings.Path+", as it would become", text)
		if err == nil {
			return text, got, nil
		}
		before := len(set)
		err = r.explain(set, err)
		set = slices.DeleteFunc(set, func(a assignment) bool { return r.d.Failed(a.section + "." + a.key) })
		if len(set) == before { // what is wrong is not of the setup file
			return nil, settings.Settings{}, err
		}
	}
}

// assignments are the keys of the settings that have the same name here.
func (r *request) assignments() (set []assignment) {
	add := func(key, value string) {
		if r.d.Has(key) && !r.d.Failed(key) {
			section, name, _ := strings.Cut(key, ".")
			set = append(set, assignment{section, name, value})
		}
	}
	add("table.id", strconv.Quote(r.tableID))
	add("table.name", strconv.Quote(r.tableName))
	add("control.remote", strconv.Quote(r.remote.String()))
	add("homeassistant.enabled", strconv.FormatBool(r.homeAssistant))
	add("mqtt.broker", strconv.Quote(r.mqtt.url))
	add("mqtt.username", strconv.Quote(r.mqtt.username))
	add("mqtt.insecure_plain_auth", strconv.FormatBool(r.mqtt.plain))
	return set
}

// explain puts what is wrong with a key at its line in the setup file.
func (r *request) explain(set []assignment, err error) error {
	if err == nil {
		return nil
	}
	var rest []error
	for _, p := range problemsOf(err) {
		ours := false
		for _, a := range set {
			ours = ours || a.section+"."+a.key == p.Key && r.d.Has(p.Key)
		}
		if ours {
			r.d.Refuse(p.Key, "%s", p.Message)
		} else {
			rest = append(rest, p)
		}
	}
	if len(rest) == 0 && len(problemsOf(err)) == 0 {
		return err
	}
	return errors.Join(rest...)
}

// touchesBroker tells whether anything of the connection is given.
func (r *request) touchesBroker() bool {
	for _, key := range []string{"broker", "username", "password", "ca_certificate", "ca_file", "insecure_plain_auth"} {
		if r.d.Has("mqtt." + key) {
			return true
		}
	}
	return false
}

// planBroker is about password and certificate, which are files of their own. It
// returns their new contents, nil = as it was.
func (s *Setup) planBroker(p *plan, r *request, set *[]assignment) (password, authority []byte) {
	d, m := r.d, r.mqtt
	switch {
	case d.Has("mqtt.username") && m.username == "" && m.password == "":
		*set = append(*set, assignment{"mqtt", "password_file", `""`})
		p.changes = append(p.changes, change{path: credentialFile, remove: true})
	case m.password != "":
		password = []byte(m.password + "\n")
		*set = append(*set, assignment{"mqtt", "password_file", `"credential:` + credential + `"`})
		p.changes = append(p.changes, change{path: credentialFile, data: password, mode: 0o600, dir: 0o700, say: "the broker's password: " + credentialFile})
	case d.Has("mqtt.password"):
		if _, err := os.Stat(s.at(credentialFile)); err != nil {
			d.Refuse("mqtt.password", "is missing; this computer does not know it from before either")
		}
		*set = append(*set, assignment{"mqtt", "password_file", `"credential:` + credential + `"`})
	}
	if !d.Has("mqtt.ca_certificate") && !d.Has("mqtt.ca_file") {
		return password, nil
	}
	authority = []byte(m.caCertificate)
	if m.caFile != "" {
		authority, _ = readBounded(filepath.Join(s.Folder, m.caFile)) // it was found to be readable
	}
	if len(authority) == 0 {
		*set = append(*set, assignment{"mqtt", "ca_file", `""`})
		p.changes = append(p.changes, change{path: authorityFile, remove: true})
		return password, nil
	}
	if strings.Contains(string(authority), "PRIVATE KEY") {
		d.Refuse("mqtt.ca_certificate", "holds a private key, allowed: certificates only")
	}
	*set = append(*set, assignment{"mqtt", "ca_file", strconv.Quote(authorityFile)})
	p.changes = append(p.changes, change{path: authorityFile, data: authority, mode: 0o644, say: "who vouches for the broker: " + authorityFile})
	return password, authority
}

// checkBroker lets the gateway's own rules judge, with the files as they would be.
func (s *Setup) checkBroker(r *request, got settings.Settings, password, authority []byte) error {
	dir, err := os.MkdirTemp("", "traction-setup")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	m := got.MQTT
	if m.Broker == "" {
		return nil
	}
	for _, f := range []struct {
		name string
		data []byte
		path *string
	}{{"password", password, &m.PasswordFile}, {"ca.pem", authority, &m.CAFile}, {"", nil, &m.CertFile}, {"", nil, &m.KeyFile}} {
		name, isCredential := strings.CutPrefix(*f.path, "credential:")
		switch {
		case f.data != nil:
			*f.path = filepath.Join(dir, f.name)
			if err := os.WriteFile(*f.path, f.data, 0o600); err != nil {
				return err
			}
		case isCredential:
			*f.path = s.at(filepath.Join("/etc/credstore", name))
		case *f.path != "":
			*f.path = s.at(*f.path)
		}
	}
	r.d.Explain(m.Validate())
	return nil
}

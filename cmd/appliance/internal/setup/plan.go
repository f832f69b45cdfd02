package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"traction/cmd/appliance/internal/durable"
)

// change is one file of the computer that becomes another one.
type change struct {
	path string
	// data with mode, or a link, or nothing any more.
	data   []byte
	mode   fs.FileMode
	link   string
	remove bool
	// dir is the mode of a folder that has to be made; 0 = 0755.
	dir fs.FileMode
	// say is what people are told; "" = nothing.
	say string
}

// plan is all that is going to be done.
type plan struct {
	in       input
	changes  []change
	warnings []string
	hostname string
	blanking *blanking
}

// settingsHash is that of the settings on the boot partition, once they are applied.
func (p *plan) settingsHash(m *memory) string {
	if p.in.settings == nil {
		return m.Settings
	}
	return hash(p.in.settings)
}

// plan checks everything and changes nothing.
func (s *Setup) plan(in input) (*plan, error) {
	p := &plan{in: in}
	base, err := s.base(in.settings)
	if in.setup == nil {
		if err != nil {
			return nil, err
		}
		p.changes = []change{settingsChange(base)}
		return p, nil
	}
	d, parseErr := parse(in.setup)
	if parseErr != nil {
		return nil, errors.Join(err, parseErr)
	}
	r := s.bind(d)
	if err == nil {
		err = s.planSettings(p, r, base)
	}
	s.planSystem(p, r)
	if err := errors.Join(err, d.Err()); err != nil {
		return nil, err
	}
	if p.blanking, err = blanked(in.setup); err != nil {
		return nil, fmt.Errorf("%s: %w", Name, err)
	}
	return p, nil
}

// Where the system looks for what it is told.
const (
	hostnameFile = "/etc/hostname"
	timeZoneLink = "/etc/localtime"
	// keysFile is read by the image's SSH server, which does not start without it.
	keysFile = "/etc/ssh/authorized_keys/admin"
	// noBrokerFile keeps the image's own broker from starting.
	noBrokerFile = "/etc/traction/no-local-broker"
)

// planSystem is about all but the settings.
func (s *Setup) planSystem(p *plan, r *request) {
	add := func(c change) { p.changes = append(p.changes, c) }
	if r.hostname != "" {
		p.hostname = r.hostname
		add(change{path: hostnameFile, data: []byte(r.hostname + "\n"), mode: 0o644, say: "name in the network: " + r.hostname})
	}
	if r.timeZone != "" {
		add(change{path: timeZoneLink, link: ".." + filepath.Join(zones, r.timeZone), say: "time zone: " + r.timeZone})
	}
	if r.d.Has("system.ssh_keys") || len(r.sshKeys) > 0 {
		add(keysChange(r.sshKeys))
	}
	if r.wired.given {
		add(r.wired.change())
	}
	if r.wifi.given() {
		add(r.wifi.change(r.d, s))
	}
	if r.d.Has("mqtt.local_broker") {
		c := change{path: noBrokerFile, data: []byte(written), mode: 0o644, say: "the broker on this computer: off"}
		if r.mqtt.local {
			c = change{path: noBrokerFile, remove: true, say: "the broker on this computer: on"}
		}
		add(c)
	}
}

func keysChange(keys []string) change {
	if len(keys) == 0 {
		return change{path: keysFile, remove: true, say: "login over the network: off"}
	}
	return change{path: keysFile, data: []byte(written + strings.Join(keys, "\n") + "\n"), mode: 0o644,
		say: fmt.Sprintf("login over the network: user admin, keys: %d", len(keys))}
}

// write brings all files beside their places, and only then into them.
func (s *Setup) write(changes []change) (err error) {
	staged := make([]*durable.Staged, len(changes))
	for i := range changes {
		if staged[i], err = s.stage(&changes[i]); err != nil {
			break
		}
	}
	if err != nil {
		for _, f := range staged {
			if f != nil {
				err = errors.Join(err, f.Discard())
			}
		}
		return s.refuse(fmt.Errorf("the computer's own disk cannot be written: %w", err))
	}
	for i, c := range changes {
		if c.remove {
			err = durable.Remove(s.at(c.path))
		} else {
			err = staged[i].Commit()
		}
		if err != nil {
			return fmt.Errorf("setup: applied in part, and done again at the next start: %w", err)
		}
	}
	return nil
}

func (s *Setup) stage(c *change) (*durable.Staged, error) {
	path := s.at(c.path)
	if c.remove {
		return nil, nil
	}
	if c.dir == 0 {
		c.dir = 0o755
	}
	if err := os.MkdirAll(filepath.Dir(path), c.dir); err != nil {
		return nil, err
	}
	if c.link != "" {
		return durable.StageLink(path, c.link)
	}
	return durable.Stage(path, c.data, c.mode)
}

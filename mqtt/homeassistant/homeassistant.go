// Package homeassistant builds what a table tells Home Assistant about itself:
// one discovery message, from which Home Assistant 2024.12 and later makes a
// device with all its entities.
//
// The package is pure: it turns a Table into bytes and knows no broker. What is
// offered follows from what a remote user may do, so that nobody is shown a
// button that only ever refuses. Every value comes from the table's own topics,
// none is assumed: a number shows the value in force, also after a request that
// was refused.
package homeassistant

import (
	"encoding/json"
	"fmt"

	"periph.io/x/conn/v3/physic"

	"traction/control"
)

// Options are a user's choices. The zero value is usable.
type Options struct {
	// Disabled takes the table out of Home Assistant.
	Disabled bool
	// Prefix of the discovery topics, as set in Home Assistant; empty = DefaultPrefix.
	Prefix string
	// ForceUnit in which forces are shown and set; empty = Newton.
	ForceUnit Unit
	// SuggestedArea is the room that Home Assistant proposes; empty = none.
	SuggestedArea string
	// ConfigurationURL is the page behind the device's "Visit", http or https;
	// empty = none.
	ConfigurationURL string
	// Name of the device, from which Home Assistant makes the entity ids once, when
	// it first sees the table; empty = DefaultName.
	Name string
}

const (
	// DefaultPrefix is Home Assistant's own default for discovery topics.
	DefaultPrefix = "homeassistant"
	// DefaultName of the device.
	DefaultName = "Traction table"
	// StatusTopic gets "online" when Home Assistant has started. It is a setting of
	// its own there and does not follow the prefix.
	StatusTopic = "homeassistant/status"
	// StatusOnline is what it gets.
	StatusOnline = "online"
)

// Topics are the table's topics that entities read and write.
type Topics struct {
	Availability, State, Telemetry, Event, Session, Request, Response, Diagnostics string
}

// Presence tells whether the table has something that not every table has.
type Presence uint8

const (
	// Unknown: nothing was seen yet. Entities are neither made nor removed, so that
	// a restart does not take away what somebody has renamed.
	Unknown Presence = iota
	// Absent: there is none, and entities from before are removed.
	Absent
	// Present: there is one.
	Present
)

// Table is all that the discovery message depends on.
type Table struct {
	// ID is the table's level in the topics; every unique id is made of it.
	ID string
	// Version of the control program, GatewayVersion of the gateway.
	Version, GatewayVersion string
	Topics                  Topics
	// Permission of remote users.
	Permission control.Permission
	// Signed: select and start need a signature, which Home Assistant cannot make.
	Signed bool
	// Programmes that can be selected.
	Programmes []string
	// Programme that is selected; empty = none. Settings and Limits in force.
	Programme string
	Settings  control.Settings
	Limits    control.Limits
	// RemoteHold is the largest hold that can be set from here.
	RemoteHold control.Bound[physic.Force]
	// Pad tells whether there is a measured heat pad.
	Pad Presence
	// EventTypes lists every kind of event there can be.
	EventTypes []string
}

// Topic is where the message belongs, retained. An empty message there removes the table.
func (o *Options) Topic(table string) string {
	prefix := o.Prefix
	if prefix == "" {
		prefix = DefaultPrefix
	}
	return prefix + "/device/" + objectID(table) + "/config"
}

// objectID is also the device's identifier and the beginning of each unique id.
func objectID(table string) string { return "traction_" + table }

// message is the discovery message. Home Assistant drops it as a whole when its
// root holds any other key.
type message struct {
	Device     device               `json:"device"`
	Origin     origin               `json:"origin"`
	Components map[string]component `json:"components"`
}

type device struct {
	Identifiers      []string `json:"identifiers"`
	Name             string   `json:"name"`
	Manufacturer     string   `json:"manufacturer"`
	Model            string   `json:"model"`
	SerialNumber     string   `json:"serial_number"`
	SWVersion        string   `json:"sw_version,omitempty"`
	SuggestedArea    string   `json:"suggested_area,omitempty"`
	ConfigurationURL string   `json:"configuration_url,omitempty"`
}

type origin struct {
	Name      string `json:"name"`
	SWVersion string `json:"sw_version,omitempty"`
}

// Payload builds the message for Topic. The same table always gives the same
// bytes. The error is an unknown unit.
func (o *Options) Payload(t *Table) ([]byte, error) {
	unit, err := o.ForceUnit.scale()
	if err != nil {
		return nil, err
	}
	name := o.Name
	if name == "" {
		name = DefaultName
	}
	m := message{
		Device: device{
			Identifiers: []string{objectID(t.ID)}, Name: name, Manufacturer: "traction", Model: "Traction table controller",
			SerialNumber: t.ID, SWVersion: t.Version, SuggestedArea: o.SuggestedArea, ConfigurationURL: o.ConfigurationURL,
		},
		Origin:     origin{Name: "traction", SWVersion: t.GatewayVersion},
		Components: (&builder{table: t, unit: unit, out: map[string]component{}}).build(),
	}
	payload, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("homeassistant: %w", err)
	}
	return payload, nil
}

// builder collects the components under their keys, which are part of unique ids
// and so must never change.
type builder struct {
	table *Table
	unit  scale
	out   map[string]component
}

func (b *builder) build() map[string]component {
	b.measurements()
	b.states()
	b.conditions()
	b.treatments()
	b.diagnostics()
	b.buttons()
	b.numbers()
	b.programme()
	b.pad()
	return b.out
}

// allowed tells whether a remote user may do what needs this level.
func (b *builder) allowed(need control.Permission) bool { return b.table.Permission >= need }

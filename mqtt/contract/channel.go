// Package contract is the contract with the network in a form that programs
// read: which topics there are, and whether a message is what it has to be.
//
// `go generate ./mqtt/...` writes what follows from the Go types: the JSON Schemas
// in mqtt/schemas, mqtt/asyncapi.yaml, and the tables of docs/mqtt.md. A test
// fails while files and types differ.
package contract

import (
	"errors"
	"fmt"
	"strings"
)

//go:generate go run ./generate

// Channel is one topic below traction/<table>/, or a family of them.
type Channel struct {
	// Name is the rest of the topic; {client} stands for [a-zA-Z0-9_-]{1,40}.
	Name string
	// Message is the kind of message on it, which is also the name of its schema.
	// Availability alone has no schema: it is a bare word.
	Message string
	// Inbound: others publish it and the appliance reads it.
	Inbound bool
	// QoS that the appliance publishes or subscribes with.
	QoS byte
	// Retained: the broker keeps the newest for those who come later.
	Retained bool
	// When says to people when a message comes.
	When string
}

// The kinds of messages.
const (
	Availability = "availability"
	Request      = "request"
)

var channels = []Channel{
	{Name: "availability", Message: Availability, QoS: 1, Retained: true,
		When: "when values begin or cease to be live; offline is also the last will"},
	{Name: "state", Message: "state", QoS: 1, Retained: true,
		When: "on change and every 30 s"},
	{Name: "telemetry", Message: "telemetry",
		When: "five times a second"},
	{Name: "event", Message: "event", QoS: 1,
		When: "for each thing that happened, in order, until the broker has acknowledged it"},
	{Name: "session", Message: "session", QoS: 1, Retained: true,
		When: "when a treatment has ended"},
	{Name: "report", Message: "report", QoS: 1,
		When: "when somebody has asked for the report of a past treatment"},
	{Name: "diagnostics", Message: "diagnostics",
		When: "at each connection and every 30 s"},
	{Name: "request", Message: Request, Inbound: true, QoS: 1,
		When: "from anybody who asks for something"},
	{Name: "response", Message: "response", QoS: 1,
		When: "exactly one for each request that was taken"},
	{Name: "request/{client}", Message: Request, Inbound: true, QoS: 1,
		When: "from one client, which the broker's access rules can tell from others"},
	{Name: "response/{client}", Message: "response", QoS: 1,
		When: "exactly one for each request of this client that was taken"},
}

// Channels lists all topics of a table.
func Channels() []Channel { return append([]Channel(nil), channels...) }

// ErrUnknownTopic: the contract knows no such topic.
var ErrUnknownTopic = errors.New("contract: unknown topic")

// Find gives the channel of a full topic, such as traction/room-2/state. The
// error is ErrUnknownTopic.
func Find(topic string) (Channel, error) {
	levels := strings.Split(topic, "/")
	if len(levels) < 3 || levels[0] != "traction" || !validLevel(levels[1]) {
		return Channel{}, fmt.Errorf("%w: %q, want traction/<table>/<topic>", ErrUnknownTopic, topic)
	}
	for _, c := range channels {
		if matches(strings.Split(c.Name, "/"), levels[2:]) {
			return c, nil
		}
	}
	return Channel{}, fmt.Errorf("%w: %q", ErrUnknownTopic, topic)
}

// matches compares level by level; {client} stands for any valid one.
func matches(pattern, levels []string) bool {
	if len(pattern) != len(levels) {
		return false
	}
	for i, p := range pattern {
		if p != levels[i] && (p != "{client}" || !validLevel(levels[i])) {
			return false
		}
	}
	return true
}

// validLevel is the rule for table ids and for clients: see mqtt.Config.TableID.
func validLevel(s string) bool {
	if len(s) == 0 || len(s) > 40 {
		return false
	}
	for _, c := range []byte(s) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

package link

import (
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
)

// Schema is the version of the messages; a client refuses any other. Both ends
// come from one binary and differ only while it is being replaced.
const Schema = 1

// Boot identifies one run of the control process. Sequence numbers, revs and
// times mean something within one boot only.
type Boot struct {
	// ID is random hexadecimal.
	ID string
	// Started is the wall clock at monotonic 0: Started + At is when something
	// happened. Asked for anew for each connection, because the clock of a small
	// computer may be set right long after it started.
	Started time.Time
	// Table is the table's name, as in MQTT topics.
	Table string
	// Version of the program.
	Version string
}

// Hello is what a server says first.
type Hello struct {
	Boot
	// Schema of the messages that follow.
	Schema int
	// Origin that this socket's commands have.
	Origin control.Origin
	// EntryColumns names the columns of a journal row.
	EntryColumns []string
	// Remote is what remote users may do.
	Remote control.Permission
	// Signed: a remote select or start needs a signature.
	Signed bool
	// Programmes that can be selected by name, at most MaxProgrammes of them.
	Programmes []string
}

// MaxProgrammes bounds the list in Hello, so that it stays one line.
const MaxProgrammes = 200

// Subscription is what a client wants to be told. A later one replaces an
// earlier one. Numbers are those of the boot in Hello: after a reconnect to
// another boot start again from 0.
type Subscription struct {
	// EntriesFrom and EventsFrom are the first sequence numbers wanted, 0 = from
	// the oldest held; nil = none.
	EntriesFrom, EventsFrom *uint64
	// ReportsFrom is the first treatment whose report is wanted; nil = none.
	ReportsFrom *uint32
	// Snapshots is how often the state is sent when nothing changes but
	// measurements, 1 to 20 Hz; 0 = never.
	Snapshots physic.Frequency
}

// The allowed rates of snapshots. Displays want 10; beyond 20 entries serve better.
const (
	MinSnapshots = 1 * physic.Hertz
	MaxSnapshots = 20 * physic.Hertz
)

// Update is one message of a subscription; exactly one member is set.
type Update struct {
	Snapshot *control.Snapshot
	Entries  []control.Entry
	Events   []control.Event
	Report   *control.Report
	Gap      *Gap
}

// Journal names what a Gap is about.
type Journal string

const (
	Entries Journal = "entries"
	Events  Journal = "events"
)

// Gap says that the journal was overrun: these sequence numbers, both included,
// can no longer be had.
type Gap struct {
	Of       Journal
	From, To uint64
}

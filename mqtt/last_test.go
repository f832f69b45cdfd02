package mqtt

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"traction/control"
	"traction/control/link"
)

// A broker that has forgotten everything is told of the last treatment again.
func TestLastReportIsToldAtEachConnection(t *testing.T) {
	onEachBroker(t, func(t *testing.T, b testBroker) {
		tb := newTable()
		tb.past = library{}
		first := observe(t, b)
		run(t, tb, tcp(b.addr()))
		first.available(Online)
		eventually(t, "the last report", func() bool { return len(first.on("session")) == 1 })

		b.stop(t) // neither of the two keeps anything
		b.start(t)
		later := observe(t, b)
		eventually(t, "the last report again", func() bool { return len(later.on("session")) == 1 })
		assert.Equal(t, "b001-3", decode[Session](t, later.last("session")).Session)
		eventually(t, "it is retained", func() bool {
			o := observe(t, b)
			eventually(t, "state", func() bool { return len(o.on("state")) > 0 })
			seen := o.on("session")
			return len(seen) > 0 && seen[0].retained
		})
	})
}

// What the record does not have, or cannot tell, is not published.
func TestNoLastReport(t *testing.T) {
	b := &embedded{at: "127.0.0.1:0"}
	b.start(t)
	defer b.stop(t)
	tb := newTable()
	tb.past = nothing{}
	_, o := serving(t, b, tb)
	eventually(t, "state", func() bool { return len(o.on("state")) > 0 })
	tb.happen(control.EventMode)
	eventually(t, "an event", func() bool { return len(o.on("event")) > 0 })
	assert.Empty(t, o.on("session"))
}

// nothing has no reports.
type nothing struct{}

func (nothing) Report(string) (link.Boot, control.Report, error) {
	return link.Boot{}, control.Report{}, ErrNoReport
}

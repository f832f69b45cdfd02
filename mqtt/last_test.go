package mqtt

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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

// Reports that wait come in their order, the last one at the end and once.
func TestLastReportDoesNotOvertake(t *testing.T) {
	b := &embedded{at: "127.0.0.1:0"}
	b.start(t)
	defer b.stop(t)
	o, d, tb := observe(t, b), new(disk), newTable()
	tb.past = library{}
	for n := range 3 {
		require.NoError(t, d.Memory.Add(link.Boot{ID: "b001"}, nil, []control.Report{{Treatment: uint32(n + 1)}}))
	}
	require.NoError(t, d.Memory.Add(link.Boot{ID: "b001"}, []control.Event{{Seq: 1}}, nil))
	publishing(t, tb, b, d, func(*pace) {})
	eventually(t, "the event behind them", func() bool { return len(o.on("event")) == 1 })
	var got []string
	for _, r := range o.on("session") {
		got = append(got, decode[Session](t, r.payload).Session)
	}
	assert.Equal(t, []string{"b001-1", "b001-2", "b001-3"}, got)
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

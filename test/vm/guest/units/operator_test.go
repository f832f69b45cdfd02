//go:build linux

package units

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/link"
)

const operatorSocket = "/run/traction/operator/control.sock"

// operator stands at the table, with a connection to its socket.
type operator struct {
	*testing.T
	*table
	client *link.Client
	ctx    context.Context
	late   time.Duration // the worst that a tick was
}

// newOperator comes to a table that runs, whatever came before, and leaves it idle
// without a trip and with the rope slack.
func newOperator(t *testing.T) *operator {
	t.Helper()
	o := &operator{T: t, table: newTable(t)}
	t.Cleanup(func() {
		t.Logf("the latest tick that was seen: %s", o.late.Round(10*time.Microsecond))
		assert.Less(t, o.late, 20*time.Millisecond)
	})
	running(t, controlUnit, 0)
	o.dial()
	o.clear()
	return o
}

// dial connects to the control process that there is now.
func (o *operator) dial() {
	o.Helper()
	var cancel context.CancelFunc
	o.ctx, cancel = context.WithTimeout(context.Background(), 2*patience)
	o.Cleanup(cancel)
	for begin := time.Now(); ; time.Sleep(lookEvery) {
		c, err := link.Dial(o.ctx, operatorSocket)
		if err == nil {
			o.Cleanup(func() { _ = c.Close() })
			o.client = c
			return
		}
		require.Less(o, time.Since(begin), patience, err)
	}
}

// until follows the snapshots from now on until one satisfies. Nothing is sent
// between two calls: who does not read what was asked for is hung up on.
func (o *operator) until(what string, ok func(*control.Snapshot) bool) *control.Snapshot {
	o.Helper()
	defer func() { require.NoError(o, o.client.Subscribe(link.Subscription{}), what) }()
	o.forget()
	require.NoError(o, o.client.Subscribe(link.Subscription{Snapshots: 5 * physic.Hertz}), what)
	var last control.Snapshot
	for {
		u, err := o.client.Next(o.ctx)
		require.NoError(o, err, "%s: %s, %s, missing %s, trips %s, holding now %s", what, last.Mode, last.Phase, last.Missing.Names(), last.Trips.IDs(), last.Active.IDs())
		if u.Snapshot == nil {
			continue
		}
		last = *u.Snapshot
		o.late = max(o.late, u.Snapshot.Late)
		if ok(u.Snapshot) {
			return u.Snapshot
		}
	}
}

// forget drops what was sent after the last call of until had seen enough.
func (o *operator) forget() {
	for {
		ctx, cancel := context.WithTimeout(o.ctx, time.Millisecond)
		_, err := o.client.Next(ctx)
		cancel()
		if err != nil { // one that lasts is seen by the next call
			return
		}
	}
}

// mode waits for one.
func (o *operator) mode(m control.Mode) *control.Snapshot {
	o.Helper()
	return o.until(m.String(), func(s *control.Snapshot) bool { return s.Mode == m })
}

// order gives a command once the state is as it has to be for it.
func (o *operator) order(r link.Request, ready func(*control.Snapshot) bool) {
	o.Helper()
	for {
		s := o.until(r.Command.String(), ready)
		r.Rev = &s.Rev
		answer, err := o.client.Request(o.ctx, r)
		require.NoError(o, err)
		if answer.Code != control.StaleRev { // the state has changed in between
			require.Equal(o, link.StatusOK, answer.Status, "%v: %s", r.Command, answer.Message)
			return
		}
	}
}

// clear acknowledges until nothing is latched and the rope is slack.
func (o *operator) clear() {
	o.Helper()
	for {
		s := o.until("nothing that moves", func(s *control.Snapshot) bool {
			return s.Missing&control.MissingCell == 0 && (s.Mode == control.Idle || s.Mode == control.Tripped)
		})
		if s.Mode == control.Idle && s.Trips == 0 && s.Missing&control.MissingSlack == 0 {
			return
		}
		if s.Trips == 0 { // it finds out by itself
			time.Sleep(lookEvery)
			continue
		}
		_, err := o.client.Request(o.ctx, link.Request{Command: control.CommandAcknowledge, Rev: &s.Rev})
		require.NoError(o, err)
	}
}

// armed selects the programme, arms and has the patient prove the switch.
func (o *operator) armed() {
	o.Helper()
	o.order(link.Request{Command: control.CommandSelect, Programme: "short"}, func(s *control.Snapshot) bool { return s.Mode == control.Idle })
	o.order(link.Request{Command: control.CommandArm}, func(s *control.Snapshot) bool { return s.Missing == 0 })
	o.mode(control.Armed)
	o.contact("patient_switch", true)
	o.until("the switch pressed", func(s *control.Snapshot) bool { return s.Switches.Patient })
	o.contact("patient_switch", false)
	o.until("the switch proven", func(s *control.Snapshot) bool { return s.SwitchProof && s.Missing == 0 })
}

// holding brings a treatment to its first hold.
func (o *operator) holding() {
	o.Helper()
	o.armed()
	o.order(link.Request{Command: control.CommandStart}, func(s *control.Snapshot) bool { return s.Missing == 0 })
	o.until("hold", func(s *control.Snapshot) bool {
		require.Contains(o, []control.Mode{control.Armed, control.Treating}, s.Mode, "trips %v", s.Trips.IDs())
		return s.Phase == control.Hold
	})
	require.Contains(o, o.high(), "enable")
}

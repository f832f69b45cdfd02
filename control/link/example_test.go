package link_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/link"
)

func ExampleDecodeRequest() {
	r, err := link.DecodeRequest([]byte(`{"id":"7f","rev":42,"command":"set","hold_n":350.5}`))
	fmt.Println(r.Command, *r.Hold, err)

	_, err = link.DecodeRequest([]byte(`{"id":"7f","rev":42,"command":"set","hold_n":600,"speed":3}`))
	fmt.Println(err)

	r, err = link.DecodeRequest([]byte(`{"command":"stop" quick!`))
	fmt.Println(r.Command, err != nil)
	// Output:
	// set 350.500N <nil>
	// "speed": is not a field of a request; hold_n: 600 is out of range, allowed: 20 to 500
	// stop true
}

func ExampleAnswer() {
	r := link.Answer("7f", control.Reply{Kind: control.CommandSet, Code: control.AboveLimit, Mode: control.Treating, Rev: 43,
		Field: control.FieldHold, Value: int64(480 * physic.Newton), Max: int64(431 * physic.Newton), Reason: control.ReasonProgramme})
	out, _ := json.Marshal(r)
	fmt.Println(string(out))
	// Output:
	// {"id":"7f","status":"refused","code":"above_limit","message":"hold 480 N is above the largest set-point 431 N; the limit in force comes from the programme","rev":43,"mode":"treating"}
}

func ExampleText() {
	fmt.Println(link.Text(control.Event{Kind: control.EventTrip, Interlock: control.ILPatientSwitch, Force: 402 * physic.Newton}))
	// Output:
	// Trip patient-switch at 402 N: the person pressed the patient switch, or it is unplugged; ask the person, then acknowledge.
}

// table is what the executive is to a server.
type table struct{}

func (table) Boot() link.Boot            { return link.Boot{ID: "c0ffee", Table: "room-2"} }
func (table) Snapshot() control.Snapshot { return control.Snapshot{Rev: 42, Mode: control.Treating} }
func (table) Entries(uint64, []control.Entry) (n int, oldest uint64) {
	return 0, 0
}
func (table) Events(uint64, []control.Event) (n int, oldest uint64) {
	return 0, 0
}
func (table) Reports(uint32, []control.Report) int { return 0 }
func (table) Submit(_ context.Context, c control.Command) (control.Reply, error) {
	return control.Reply{Kind: c.Kind, Mode: control.Paused, Rev: 43}, nil
}
func (table) Stop(control.Origin)                          {}
func (table) Programme(string) (*control.Programme, error) { return &control.Programme{}, nil }
func (table) Programmes() []string                         { return nil }

func Example() {
	dir, err := os.MkdirTemp("", "link")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "table.sock")

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	l, err := link.Listen(path, 0o660)
	if err != nil {
		fmt.Println(err)
		return
	}
	served := make(chan error)
	go func() { served <- link.NewServer(table{}, table{}, link.Options{}).Serve(ctx, l, control.Table) }()

	c, err := link.Dial(ctx, path)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Hello().Table, c.Hello().Origin)
	if err := c.Subscribe(link.Subscription{Snapshots: 10 * physic.Hertz}); err != nil {
		fmt.Println(err)
		return
	}
	u, err := c.Next(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(u.Snapshot.Mode, u.Snapshot.Rev)
	r, err := c.Request(ctx, link.Request{Command: control.CommandPause})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Status, r.Message)

	cancel()
	fmt.Println(<-served, c.Close())
	// Output:
	// room-2 table
	// treating 42
	// ok pause: done, the mode is paused
	// <nil> <nil>
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"traction/control"
	"traction/control/link"
	"traction/mqtt/broker"
	"traction/record"
)

// demoCommand is the first thing a newcomer runs: both processes, a simulated
// table and a broker on loopback, and a short but whole treatment.
type demoCommand struct {
	Programme string `help:"Programme to run." default:"demo"`
	Patient   string `help:"Simulated patient." default:"median"`
	Table     string `help:"Simulated table; the default has no charge pump, so that a stalled laptop does not drop the rope." default:"plain"`
	Dir       string `help:"Folder for sockets, record and plot; a new temporary one by default." type:"path"`
}

func (c *demoCommand) Run(ctx context.Context) error {
	dir, err := c.dir()
	if err != nil {
		return err
	}
	d := demo{command: c, dir: dir, out: os.Stdout}
	return d.run(ctx)
}

// dir is where everything of this run is kept.
func (c *demoCommand) dir() (string, error) {
	if c.Dir == "" {
		return os.MkdirTemp("", "traction-demo-")
	}
	return c.Dir, os.MkdirAll(c.Dir, 0o700)
}

// demo is one run.
type demo struct {
	command *demoCommand
	dir     string
	out     io.Writer
	control *child
	gateway *child
}

// The bounds of what a demo waits for.
const (
	startMost   = 20 * time.Second
	releaseMost = 90 * time.Second
	endMost     = 10 * time.Second
)

func (d *demo) run(ctx context.Context) (err error) {
	b, err := broker.Start(context.WithoutCancel(ctx), "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("demo: broker: %w", err)
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	defer func() { err = errors.Join(err, d.control.end(), d.gateway.end()) }()
	if err := d.launch(ctx, b.Addr()); err != nil {
		return err
	}
	boot, err := d.begin(ctx, b.Addr())
	if err != nil {
		return err
	}
	if err := d.treat(ctx); err != nil {
		return err
	}
	return d.conclude(boot)
}

// begin does all that comes before the treatment and starts it.
func (d *demo) begin(ctx context.Context, broker string) (boot string, err error) {
	client, err := d.connect(ctx)
	if err != nil {
		return "", err
	}
	defer client.Close() //nolint:errcheck // nothing is left to say to it
	d.explain(broker)
	return client.Hello().ID, d.prepare(ctx, client)
}

// launch starts the two processes as they run on a table, each its own program.
func (d *demo) launch(_ context.Context, broker string) (err error) {
	d.control, err = spawn(d.dir, "control", "--simulate", "--run-dir", d.dir, "--table", d.command.Table, "--patient", d.command.Patient)
	if err != nil {
		return err
	}
	table := strings.TrimSuffix(filepath.Base(d.command.Table), ".toml")
	d.gateway, err = spawn(d.dir, "gateway", "--run-dir", d.dir, "--broker", "tcp://"+broker, "--table-id", table)
	return err
}

// connect waits for the control process to answer.
func (d *demo) connect(ctx context.Context) (*link.Client, error) {
	deadline := time.Now().Add(startMost)
	for {
		c, err := link.Dial(ctx, filepath.Join(d.dir, operatorSocket))
		if err == nil {
			return c, nil
		}
		if dead := d.control.failed(); dead != nil {
			return nil, dead
		}
		if ctx.Err() != nil || time.Now().After(deadline) {
			return nil, err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (d *demo) explain(addr string) {
	host, port, _ := net.SplitHostPort(addr)
	fmt.Fprintf(d.out, `A simulated table with a simulated patient. Nothing here is a certified medical device.

Watch it over MQTT:       mosquitto_sub -h %s -p %s -t 'traction/#' -v
In another terminal:      appliance watch --socket %[3]s/control.sock
Press the patient switch: appliance press patient --run-dir %[3]s
Ctrl-C releases first and then ends.

`, host, port, d.dir)
}

// prepare does what an operator does before each treatment. The simulated
// patient proves the switch.
func (d *demo) prepare(ctx context.Context, c *link.Client) error {
	if err := c.Subscribe(link.Subscription{Snapshots: link.MaxSnapshots}); err != nil {
		return err
	}
	steps := []struct {
		say     string
		request link.Request
	}{
		{"acknowledge the start", link.Request{Command: control.CommandAcknowledge}},
		{"select " + d.command.Programme, link.Request{Command: control.CommandSelect, Programme: d.command.Programme}},
		{"arm", link.Request{Command: control.CommandArm}},
	}
	for _, s := range steps {
		if err := d.ask(ctx, c, s.say, s.request, func(n *control.Snapshot) bool { return n.Missing&control.MissingCell == 0 }); err != nil {
			return err
		}
	}
	fmt.Fprintln(d.out, "· the patient presses the switch and lets go")
	if err := press(ctx, d.dir, "patient", 400*time.Millisecond); err != nil {
		return err
	}
	return d.ask(ctx, c, "start", link.Request{Command: control.CommandStart}, func(n *control.Snapshot) bool { return n.Missing == 0 })
}

// ask waits until the state allows it and gives one command.
func (d *demo) ask(ctx context.Context, c *link.Client, say string, r link.Request, ready func(*control.Snapshot) bool) error {
	wait, cancel := context.WithTimeout(ctx, startMost)
	defer cancel()
	for {
		u, err := c.Next(wait)
		if err != nil {
			return fmt.Errorf("demo: %s: %w", say, err)
		}
		if u.Snapshot == nil || !ready(u.Snapshot) {
			continue
		}
		r.Rev = &u.Snapshot.Rev
		answer, err := c.Request(ctx, r)
		if err != nil {
			return fmt.Errorf("demo: %s: %w", say, err)
		}
		if answer.Code == control.StaleRev {
			continue
		}
		fmt.Fprintln(d.out, "·", say)
		if answer.Status != link.StatusOK {
			return fmt.Errorf("demo: %s was refused: %s", say, answer.Message)
		}
		// The next step needs a state that knows of this one.
		return c.Subscribe(link.Subscription{Snapshots: link.MaxSnapshots})
	}
}

// treat shows the treatment until it is over. When ctx ends it stops and shows
// the release; only then do the processes end.
func (d *demo) treat(ctx context.Context) error {
	viewing, stopView := context.WithCancel(context.WithoutCancel(ctx))
	defer stopView()
	over := make(chan error, 1)
	go func() {
		over <- liveView(viewing, filepath.Join(d.dir, operatorSocket), func(s control.Snapshot) bool {
			return s.Mode == control.Idle || s.Mode == control.Tripped
		})
	}()
	select {
	case err := <-over:
		return err
	case <-ctx.Done():
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseMost)
	defer cancel()
	if err := d.stop(late); err != nil {
		return err
	}
	select {
	case err := <-over:
		return err
	case <-late.Done():
		return errors.New("demo: the release did not end in time")
	}
}

// stop asks for a release over a connection of its own.
func (d *demo) stop(ctx context.Context) error {
	c, err := link.Dial(ctx, filepath.Join(d.dir, operatorSocket))
	if err != nil {
		return fmt.Errorf("demo: stop: %w", err)
	}
	defer c.Close() //nolint:errcheck // nothing is left to say to it
	if _, err := c.Request(ctx, link.Request{Command: control.CommandStop}); err != nil {
		return fmt.Errorf("demo: stop: %w", err)
	}
	return nil
}

// conclude reads the record that the gateway has kept, and draws it.
func (d *demo) conclude(boot string) error {
	store, err := record.Open(filepath.Join(d.dir, "record.sqlite"), record.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	defer store.Close() //nolint:errcheck // read only
	session, err := reported(store, boot)
	if err != nil {
		return err
	}
	events, err := store.Events(boot, 1)
	if err != nil {
		return err
	}
	trace, err := store.Trace(boot, 1)
	if err != nil {
		return err
	}
	fmt.Fprintln(d.out)
	if err := record.WriteSummary(d.out, session, events); err != nil {
		return err
	}
	path := filepath.Join(d.dir, "treatment.png")
	if err := writeFile(path, func(w io.Writer) error { return record.Plot(w, "png", trace) }); err != nil {
		return err
	}
	fmt.Fprintf(d.out, "\nPlot of force against set-point: %s\nRecord of every sample:          %s\n", path, filepath.Join(d.dir, "record.sqlite"))
	return nil
}

// reported waits until the gateway has written the treatment's report.
func reported(store *record.Store, boot string) (record.Session, error) {
	deadline := time.Now().Add(endMost)
	for {
		s, err := store.Session(boot, 1)
		if err == nil && s.Report != nil || time.Now().After(deadline) {
			return s, err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/cmd/appliance/internal/settings"
	"traction/control"
	"traction/control/link"
	"traction/control/programmes"
)

// playedTable is a Source whose state and answers a test decides.
type playedTable struct {
	mu       sync.Mutex
	boot     link.Boot
	state    control.Snapshot
	events   []control.Event
	commands []control.Command
	looks    int                // how often the state was looked at
	looked   func(*playedTable) // after each look; may be nil
	stops    int
	reply    func(*playedTable, control.Command) control.Reply // nil = accepts
}

func newPlayedTable() *playedTable {
	return &playedTable{
		boot:  link.Boot{ID: "c0ffee", Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Table: "room-2", Version: "1.0"},
		state: treatingState(),
	}
}

func (p *playedTable) with(f func(*playedTable)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(p)
}

func (p *playedTable) Boot() link.Boot {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.boot
}

func (p *playedTable) Snapshot() control.Snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.looks++
	s := p.state
	if p.looked != nil {
		p.looked(p)
	}
	return s
}

func (p *playedTable) Entries(uint64, []control.Entry) (n int, oldest uint64) { return 0, 0 }

func (p *playedTable) Events(from uint64, buf []control.Event) (n int, oldest uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.events {
		if e.Seq >= from && n < len(buf) {
			buf[n] = e
			n++
		}
	}
	return n, min(uint64(len(p.events)), 1)
}

func (p *playedTable) Reports(uint32, []control.Report) int { return 0 }

func (p *playedTable) Submit(_ context.Context, c control.Command) (control.Reply, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.commands = append(p.commands, c)
	r := control.Reply{}
	if p.reply != nil {
		r = p.reply(p, c)
	}
	r.Kind, r.Mode, r.Rev = c.Kind, p.state.Mode, p.state.Rev
	return r, nil
}

func (p *playedTable) Stop(control.Origin) { p.with(func(p *playedTable) { p.stops++ }) }

// serve answers on a socket until end is called or the test is over.
func (p *playedTable) serve(t *testing.T, socket string) (end func()) {
	l, err := link.Listen(socket, 0o600)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- link.NewServer(p, programmes.Library{}, link.Options{}).Serve(ctx, l, control.Table) }()
	end = sync.OnceFunc(func() {
		cancel()
		assert.NoError(t, <-done)
	})
	t.Cleanup(end)
	return end
}

// played starts a played table and gives the flags to reach it.
func played(t *testing.T) (*playedTable, clientFlags) {
	p := newPlayedTable()
	socket := filepath.Join(t.TempDir(), operatorSocket)
	p.serve(t, socket)
	return p, clientFlags{Socket: socket}
}

// treatingState is a treatment in its third step.
func treatingState() control.Snapshot {
	return control.Snapshot{
		At: 62 * time.Second, Rev: 42, Mode: control.Treating, Phase: control.Hold,
		Step: 3, Steps: 4, Cycle: 5, Treatment: 1, Programme: "demo",
		Settings: control.Settings{Hold: 180 * physic.Newton, Rest: 60 * physic.Newton, HoldTime: 7 * time.Second,
			RestTime: 4 * time.Second, Duration: 96 * time.Second},
		Force: 179_400 * physic.MilliNewton, SetPoint: 180 * physic.Newton,
		Position: 51_300 * physic.MicroMetre, Speed: 400 * control.MilliMetrePerSecond / 1000, Stiffness: 5.7,
		PhaseElapsed: 2500 * time.Millisecond, PhaseTotal: 7 * time.Second,
		Elapsed: 50 * time.Second, Remaining: 46 * time.Second, Planned: 111250 * time.Millisecond,
		Limits: control.Limits{
			Force:       control.Bound[physic.Force]{Value: 230 * physic.Newton, Reason: control.ReasonProgramme},
			Rise:        control.Bound[control.ForceRate]{Value: 40 * control.NewtonPerSecond, Reason: control.ReasonProgramme},
			Speed:       control.Bound[physic.Speed]{Value: 25 * control.MilliMetrePerSecond, Reason: control.ReasonTable},
			Travel:      control.Bound[physic.Distance]{Value: 370 * physic.MilliMetre, Reason: control.ReasonTable},
			Duration:    control.Bound[time.Duration]{Value: time.Hour, Reason: control.ReasonCeiling},
			Temperature: control.Bound[physic.Temperature]{Value: control.CeilingTemperature, Reason: control.ReasonCeiling},
		},
		SwitchProof: true, Pad: physic.ZeroCelsius + 36_200*physic.MilliCelsius, HeatTarget: physic.ZeroCelsius + 38*physic.Celsius,
		HeatDuty: 0.45, CellRate: 80 * physic.Hertz, Late: 120 * time.Microsecond,
	}
}

func TestDefaultSocketIsThatOfTheShippedSettings(t *testing.T) {
	t.Setenv("TRACTION_SOCKET", "") // for putting it back
	require.NoError(t, os.Unsetenv("TRACTION_SOCKET"))
	assert.Equal(t, settings.Default().Control.OperatorSocket, parse(t, "status").Status.Socket)
	t.Setenv("TRACTION_SOCKET", "/run/other.sock")
	assert.Equal(t, "/run/other.sock", parse(t, "status").Status.Socket)
	assert.Equal(t, "/run/third.sock", parse(t, "stop", "--socket", "/run/third.sock").Stop.Socket)
}

// parse reads a command line without running it.
func parse(t *testing.T, args ...string) *cli {
	c, err := parsed(args...)
	require.NoError(t, err)
	return c
}

func parsed(args ...string) (*cli, error) {
	var c cli
	parser, err := kong.New(&c, kong.Vars{"version": version})
	if err != nil {
		return nil, err
	}
	_, err = parser.Parse(args)
	return &c, err
}

func TestNobodyAnswers(t *testing.T) {
	for _, c := range []struct {
		what string
		run  func(clientFlags) error
		want []string
	}{
		{"status", func(f clientFlags) error { return (&statusCommand{clientFlags: f}).run(t.Context(), &bytes.Buffer{}) },
			[]string{"no appliance control is running there", "systemctl start traction-control", "--socket"}},
		{"stop", func(f clientFlags) error { return (&stopCommand{f}).run(t.Context(), &bytes.Buffer{}) },
			[]string{"no appliance control is running there", "press the patient switch or the emergency stop now"}},
		{"watch", func(f clientFlags) error {
			return runWatch(t.Context(), f.Socket, &bytes.Buffer{}, nil, watchOptions{quit: true})
		},
			[]string{"no appliance control is running there"}},
	} {
		err := c.run(clientFlags{Socket: filepath.Join(t.TempDir(), "none.sock")})
		require.ErrorIs(t, err, link.ErrNotRunning, c.what)
		for _, want := range c.want {
			assert.ErrorContains(t, err, want, c.what)
		}
	}
}

func TestNoPermissionSaysWhichGroup(t *testing.T) {
	err := advise(fmt.Errorf("link: dial x: %w", fs.ErrPermission))
	assert.ErrorIs(t, err, fs.ErrPermission)
	assert.ErrorContains(t, err, "traction-operator")
}

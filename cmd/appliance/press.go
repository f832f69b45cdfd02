package main

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"time"

	"traction/hw/simtable"
)

// pressCommand presses a switch of a simulated table, as a hand would.
type pressCommand struct {
	Switch string        `arg:"" help:"Which: ${enum}." enum:"patient,emergency-stop,start"`
	For    time.Duration `help:"How long, 1ms to 10m." default:"500ms"`
	RunDir string        `help:"Run folder of the simulated table." default:"/tmp/traction" type:"path"`
}

// longestPress bounds one press of a simulated hand.
const longestPress = 10 * time.Minute

func (c *pressCommand) Run(ctx context.Context) error {
	if c.For < time.Millisecond || c.For > longestPress {
		return fmt.Errorf("--for: %v is out of range, allowed: 1ms to %v", c.For, longestPress)
	}
	return press(ctx, c.RunDir, c.Switch, c.For)
}

// press asks the simulated table in runDir and returns when the hand lets go.
func press(ctx context.Context, runDir, what string, d time.Duration) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", filepath.Join(runDir, simulatorSocket))
	if err != nil {
		return fmt.Errorf("press: no simulated table runs in %s (start one with: appliance control --simulate --run-dir %s): %w", runDir, runDir, err)
	}
	defer conn.Close() //nolint:errcheck // nothing is left to send
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if _, err := fmt.Fprintf(conn, "%s %s\n", what, d); err != nil {
		return fmt.Errorf("press: %w", err)
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return fmt.Errorf("press: %w", err)
	}
	if answer = strings.TrimSpace(answer); answer != "ok" {
		return fmt.Errorf("press: %s", answer)
	}
	return nil
}

// serveHands lets press reach the switches of a simulated table until ctx ends.
func serveHands(ctx context.Context, l net.Listener, sim *simtable.Sim) {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() == nil {
				slog.Error("the simulated switches cannot be reached any more", "error", err)
			}
			return
		}
		// One hand after the other: there is one person at the table.
		_ = conn.SetDeadline(time.Now().Add(longestPress + time.Minute))
		if err := hand(ctx, conn, sim); err != nil {
			_, _ = fmt.Fprintln(conn, err)
		} else {
			_, _ = fmt.Fprintln(conn, "ok")
		}
		_ = conn.Close()
	}
}

// hand obeys one line: a switch and how long to press it.
func hand(ctx context.Context, conn net.Conn, sim *simtable.Sim) error {
	line, err := bufio.NewReaderSize(conn, 128).ReadString('\n')
	if err != nil {
		return err
	}
	what, length, _ := strings.Cut(strings.TrimSpace(line), " ")
	d, err := time.ParseDuration(length)
	if err != nil || d <= 0 || d > longestPress {
		return fmt.Errorf("duration: %q is out of range, allowed: 1ms to %v", length, longestPress)
	}
	push := map[string]func(bool){"patient": sim.PressPatientSwitch, "emergency-stop": sim.PressEmergencyStop, "start": sim.PressStart}[what]
	if push == nil {
		return fmt.Errorf("switch: %q is unknown, allowed: patient, emergency-stop, start", what)
	}
	push(true)
	defer push(false)
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
	return nil
}

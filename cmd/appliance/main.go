// Command appliance is the whole controller of a therapy table: the real-time
// control process, the network gateway, and the tools around them.
//
// It is not a certified medical device.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// version is set by the build: -ldflags "-X main.version=1.2.3"; without that it
// is the tag's or the commit's, where the build notes them.
var version = "development"

// commit and commitTime (RFC 3339, UTC) are set likewise where the Go tool does not
// note them, because the build must not depend on the folder it happens in.
var commit, commitTime string

// cli is the command line; each command lives in a file of its own.
type cli struct {
	Version kong.VersionFlag `help:"Print the version and exit."`

	Demo     demoCommand     `cmd:"" help:"Run a whole treatment on a simulated table with an embedded broker."`
	Simulate simulateCommand `cmd:"" help:"Run a whole treatment in virtual time and report on it."`

	Control controlCommand `cmd:"" help:"Run the real-time control process: the only one that moves anything."`
	Gateway gatewayCommand `cmd:"" help:"Run the gateway: MQTT and records."`
	Safe    safeCommand    `cmd:"" help:"Set every output to its safe level, needing nothing else."`

	Status      statusCommand      `cmd:"" help:"Show the state once."`
	Watch       watchCommand       `cmd:"" help:"Show force against set-point, phase and countdown, live."`
	Select      selectCommand      `cmd:"" help:"Choose the programme of the next treatment."`
	Arm         armCommand         `cmd:"" help:"Make ready at the table; the patient switch must then be pressed and let go."`
	Prove       proveCommand       `cmd:"" help:"Try the release: pull to 50 N against the frame or an assistant's hands, press the switch, rope slack in time."`
	Start       startCommand       `cmd:"" help:"Start the treatment."`
	Pause       pauseCommand       `cmd:"" help:"Stop the treatment timer and keep the force, or rest, as the programme says."`
	Hold        holdCommand        `cmd:"" help:"Pause with the force as it is, whatever the programme says; for one minute, then it is a pause like others."`
	Resume      resumeCommand      `cmd:"" help:"Go on after a pause."`
	Stop        stopCommand        `cmd:"" help:"End the treatment and release; always obeyed."`
	Set         setCommand         `cmd:"" help:"Change force, times or duration of the selected or running programme."`
	Heat        heatCommand        `cmd:"" help:"Switch the heat pad on with a set-point, or off."`
	Acknowledge acknowledgeCommand `cmd:"" help:"Acknowledge trips whose cause is gone."`
	Idle        idleCommand        `cmd:"" help:"Tell whether nothing is under way: exit status 0 if so, 1 if not, 2 if that cannot be known, 3 if control was killed and not started since."`
	Silence     silenceCommand     `cmd:"" help:"Pause the alarm's sound for two minutes; never its lamp."`
	Press       pressCommand       `cmd:"" help:"Press a switch of a simulated table."`

	Sessions   sessionsCommand   `cmd:"" help:"List, show, export, plot or delete past treatments."`
	Programmes programmesCommand `cmd:"" help:"List the programmes, or show one with its plan."`
	Check      checkCommand      `cmd:"" help:"Check pins, converter, switches and real-time state of a table."`
	Calibrate  calibrateCommand  `cmd:"" help:"Calibrate the load cell, guided: tare, span, check."`
	Jog        jogCommand        `cmd:"" help:"Move an empty table slowly to commission it: direction, steps per mm, ends, travel."`

	Probe probeCommand `cmd:"" hidden:""`

	Setup   setupCommand   `cmd:"" help:"Configure an image from a file on its boot partition."`
	Healthy healthyCommand `cmd:"" help:"Tell whether control and gateway work, for a minute: exit status 0 if so. Updates are kept only then."`
	Slots   slotsCommand   `cmd:"" hidden:"" help:"Answer RAUC, which updates the system of an image: what is started next."`

	About versionCommand `cmd:"" name:"version" help:"Print version, commit and what is built in, also as a bill of materials (SBOM)."`

	Man        manCommand        `cmd:"" hidden:"" help:"Print the manual page."`
	Completion completionCommand `cmd:"" hidden:"" help:"Print completion for bash."`
}

func main() {
	// The first signal asks for an orderly end, which releases first; a second
	// one ends the process the hard way.
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup asks for just that
		signal.Notify(signals, syscall.SIGHUP) // the terminal has gone, perhaps while a motor turns
	}
	go func() {
		<-signals
		cancel()
		// A terminal that goes tells twice, the shell first and then the kernel.
		signal.Ignore(syscall.SIGHUP)
		signal.Stop(signals)
	}()
	err := run(ctx, os.Args[1:])
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "appliance:", inWords(err))
		os.Exit(exitStatus(err))
	}
}

// inWords is what an error says to people. A signal alone is no mistake of theirs, and
// "context canceled" no word of theirs; whatever went wrong besides is told as it is.
func inWords(err error) string {
	if err.Error() == context.Canceled.Error() {
		return "interrupted, not done to the end"
	}
	return err.Error()
}

// exitStatus is 1 for an error that does not say otherwise.
func exitStatus(err error) int {
	var says interface{ ExitStatus() int }
	if errors.As(err, &says) {
		return says.ExitStatus()
	}
	return 1
}

// run parses and executes one command line.
func run(ctx context.Context, args []string) error {
	var c cli
	parser, err := kong.New(&c, kong.Name("appliance"), kong.UsageOnError(),
		kong.Description("Controller of a therapy table: intermittent traction, measured, limited, recorded and reachable. Not a certified medical device."),
		kong.Vars{"version": version}, kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		return err
	}
	k, err := parser.Parse(args)
	if err != nil {
		return err
	}
	k.BindTo(ctx, (*context.Context)(nil))
	return k.Run()
}

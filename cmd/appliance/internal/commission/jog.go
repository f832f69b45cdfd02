package commission

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/cmd/appliance/internal/settings"
	"traction/control"
	"traction/control/calfile"
	"traction/control/executive"
	"traction/control/quantity"
)

// Jog moves an empty table for whoever commissions it, one bounded motion after
// the other, and works out what belongs into the settings. It is the one part of
// this package that moves anything; control.Jog bounds it. Nothing is written.
type Jog struct {
	Settings settings.Settings
	Bench    Bench
	// Calibration of the load cell, nil when there is none yet.
	Calibration *calfile.File
	In          io.Reader
	Out         io.Writer
	// Log takes what is worth telling beside the dialogue; may be nil.
	Log func(msg string, args ...any)

	console *console
	seat    seat
	speed   physic.Speed
	found   found
}

// seat is where motions are asked for: executive.Maintenance, on the real clock or
// in virtual time.
type seat interface {
	Order(o control.JogOrder) error
	Stop()
	State() control.JogState
	// pass lets d pass. Where it listens it returns early for a line, which it takes,
	// and for the end of the input. The error is that of the thread that moves.
	pass(ctx context.Context, d time.Duration, listen bool) (line, ended bool, err error)
}

// found is what a session has found out.
type found struct {
	last       physic.Distance // the last motion, counted
	stepsPerMM float64         // 0 = not measured
	reversed   bool
	slack      *physic.Distance // where the switches have opened
	pull       *physic.Distance
}

// any tells whether there is something for the settings.
func (f *found) any() bool {
	return f.reversed || f.stepsPerMM > 0 || f.slack != nil && f.pull != nil
}

// Run leads through a session. The table is switched off at its end, whatever ends
// it.
func (j *Jog) Run(ctx context.Context) (err error) {
	j.console = newConsole(j.In, j.Out)
	m, err := j.maintenance()
	if err != nil {
		return errors.Join(err, j.Bench.Table.SafeOff())
	}
	running, stop := context.WithCancel(ctx)
	seat := &realSeat{Maintenance: m, lines: j.console.lines, done: make(chan error, 1)}
	go func() { seat.done <- m.Run(running) }()
	j.seat = seat
	err = j.session(ctx)
	stop()
	if errors.Is(err, errThread) {
		return err // it has switched the table off before
	}
	off := <-seat.done
	if err != nil && off == nil {
		j.console.say("\nThe drive is off, and nothing moves any more.")
		if j.found.any() { // it took a walk with a ruler
			j.conclude()
		}
	}
	return errors.Join(err, off)
}

// maintenance joins the bench's table and the bounds of its settings.
func (j *Jog) maintenance() (*executive.Maintenance, error) {
	cal := control.Calibration{Capacity: j.Settings.Cell.Capacity}
	var second control.Calibration
	if j.Calibration != nil {
		cal, second = j.Calibration.Calibration, j.Calibration.Second.Calibration
	}
	cfg := j.Settings.Config(cal, 0)
	cfg.Second = second
	jog, err := control.NewJog(&cfg, j.Bench.Table.HasSecond())
	if err != nil {
		return nil, err
	}
	j.speed = min(firstSpeed, jog.Speed())
	rt := executive.RealTime{Priority: j.Bench.Priority, CPU: j.Bench.CPU, LockMemory: j.Bench.Priority > 0}
	// Without real-time priority motion is rough, and no less bounded.
	return executive.NewMaintenance(executive.Config{Tick: tick, RealTime: rt, AllowOrdinary: true, Log: j.Log, SamplePad: j.Bench.Virtual},
		j.Bench.Clock, j.Bench.Table, jog), nil
}

// errThread: the thread that moves has ended by itself.
var errThread = errors.New("the motion thread has ended")

// realSeat: the ticks run in a thread of their own.
type realSeat struct {
	*executive.Maintenance
	lines <-chan string
	done  chan error
}

func (s *realSeat) pass(ctx context.Context, d time.Duration, listen bool) (line, ended bool, err error) {
	lines := s.lines
	if !listen {
		lines = nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case _, ok := <-lines:
		return true, !ok, nil
	case err := <-s.done:
		return false, false, errors.Join(errThread, err)
	case <-timer.C:
		return false, false, nil
	case <-ctx.Done():
		return false, false, ctx.Err()
	}
}

const (
	// firstSpeed is that of a session until another one is asked for.
	firstSpeed = 5 * control.MilliMetrePerSecond
	// settleMost is how long the cells may take to deliver: 600 ms of settling at
	// 10/s, and half a second of samples for the zero.
	settleMost = 5 * time.Second
	// glance is how often a motion is looked at.
	glance = 50 * time.Millisecond
	// leastMeasured: over less than 10 mm a ruler's half millimetre is 5 %.
	leastMeasured = 10 * physic.MilliMetre
	// rulerShare: a measured way that differs by more is a mistake of reading or of
	// settings too far off to be improved by it.
	rulerShare = 20.0
)

func (j *Jog) session(ctx context.Context) error {
	j.introduce()
	id, err := j.console.ask(ctx, "Type the table's id, %q, to go on:", j.Settings.Table.ID)
	if err != nil {
		return err
	}
	if id != j.Settings.Table.ID {
		return fmt.Errorf("%w: %q is not %q", ErrNotConfirmed, id, j.Settings.Table.ID)
	}
	if err := j.settle(ctx); err != nil {
		return err
	}
	j.console.say(jogHelp, inMMPerS(j.topSpeed()))
	for {
		j.look()
		answer, err := j.console.ask(ctx, "jog>")
		if err != nil {
			return err
		}
		if answer == "quit" {
			j.conclude()
			return nil
		}
		if err := j.obey(ctx, answer); err != nil {
			return err
		}
	}
}

// ErrNotConfirmed: nobody has confirmed that the table is empty.
var ErrNotConfirmed = errors.New("not confirmed, nothing has moved")

const jogHelp = `
  +5  -5          move by so many millimetres: + pulls, - lets out; up to 50
  pull  slack     move until that end switch opens
  speed 2         millimetres a second, up to %.3g
  measured 48.5   how far the last motion has really gone, by a ruler; - if it went the other way
  Enter           look; during a motion: stop
  quit            end, with what was found`

func (j *Jog) introduce() {
	s := &j.Settings
	j.console.say("Motion for commissioning of table %q. The motor will turn.", s.Table.ID)
	j.console.say("Nobody may be on the table, no harness on the rope, the rope slack. Hands off rope and drum.")
	j.console.say("Keep the emergency stop in your hand: it ends every motion, and so do the patient switch and Enter.")
	j.console.say("Millimetres are those of motor.steps_per_mm = %.5g. If that is a guess, begin with 1 mm: the way and the speed are off by as much.", s.Motor.StepsPerMM)
	j.console.say("Each motion begins half a second after the buzzer, and ends above %s of force.", quantity.Format(control.JogForce))
	if s.Table.Limits.BackDrivable {
		j.console.say("THIS DRIVE LETS GO WITHOUT POWER: what hangs on the rope falls with the emergency stop, at the end, and %.0f s after each motion.",
			control.JogRest.Seconds())
	}
	if j.Calibration == nil {
		j.console.say("The load cell is not calibrated: what it reads now counts as 0, and force is shown too large rather than too small.")
	}
}

// topSpeed of this table here.
func (j *Jog) topSpeed() physic.Speed {
	return min(control.JogSpeed, j.Settings.Table.Limits.PullSpeed)
}

// settle waits for the load cell, and goes on without: the refusals say why.
func (j *Jog) settle(ctx context.Context) error {
	for waited := time.Duration(0); waited < settleMost && !j.seat.State().Ready; waited += glance {
		if _, _, err := j.seat.pass(ctx, glance, false); err != nil {
			return err
		}
	}
	return nil
}

// look shows the state in a line.
func (j *Jog) look() {
	s := j.seat.State()
	var b strings.Builder
	fmt.Fprintf(&b, "%+.2f mm", inMM(s.Position))
	for i := range s.Cells {
		fmt.Fprintf(&b, ", %sforce %.1f N", [...]string{"", "second "}[i], inNewtons(s.Force[i]))
	}
	if !s.Calibrated {
		b.WriteString(" at most")
	}
	if !s.Ready {
		fmt.Fprintf(&b, " (cell: %s)", s.Fault)
	}
	w := &s.Switches
	for i, open := range [switchCount]bool{patient: w.Patient, emergency: w.EmergencyStop, endSlack: w.EndSlack, endPull: w.EndPull, driveFault: s.DriveFault, supplyLow: w.SupplyLow} {
		if open {
			fmt.Fprintf(&b, ", %s OPEN", switchNames[i])
		}
	}
	j.console.say("%s", b.String())
}

// obey does what one line asks for. What it refuses it says; the error ends the
// session.
func (j *Jog) obey(ctx context.Context, line string) error {
	word, rest, _ := strings.Cut(line, " ")
	switch {
	case line == "":
		return nil
	case word == "pull" && rest == "":
		return j.move(ctx, control.JogOrder{Until: control.JogToPull, Speed: j.speed})
	case word == "slack" && rest == "":
		return j.move(ctx, control.JogOrder{Until: control.JogToSlack, Speed: j.speed})
	case word == "speed":
		v, err := number(rest)
		if most := inMMPerS(j.topSpeed()); err != nil || !(v > 0 && v <= most) {
			j.console.say("speed %s: allowed: above 0 to %.3g, in mm/s", rest, most)
			return nil
		}
		j.speed = physic.Speed(math.Round(v * 1e6))
	case word == "measured":
		j.measured(rest)
	case strings.HasPrefix(line, "+") || strings.HasPrefix(line, "-"):
		v, err := number(line)
		if err != nil || math.Abs(v) > 1000 { // a number beyond all tables, and within what fits
			j.console.say("%s: allowed: -50 to +50, in mm", line)
			return nil
		}
		return j.move(ctx, control.JogOrder{By: physic.Distance(math.Round(v * 1e6)), Speed: j.speed})
	default:
		j.console.say("%q is not known. "+strings.TrimPrefix(jogHelp, "\n"), line, inMMPerS(j.topSpeed()))
	}
	return nil
}

// number reads what people write, with a comma, too.
func number(s string) (float64, error) {
	s = strings.TrimSuffix(strings.TrimSpace(s), "mm")
	return strconv.ParseFloat(strings.Replace(strings.TrimSpace(s), ",", ".", 1), 64)
}

// move asks for a motion and follows it to its end.
func (j *Jog) move(ctx context.Context, o control.JogOrder) error {
	from := j.seat.State().Position
	if err := j.seat.Order(o); err != nil {
		j.console.say("%v", err)
		return nil
	}
	for j.seat.State().Moving {
		line, ended, err := j.seat.pass(ctx, glance, true)
		if line || ended || err != nil {
			j.seat.Stop()
		}
		switch {
		case err != nil:
			return err
		case ended:
			return fmt.Errorf("%w: the input has ended", ErrNoAnswer)
		}
	}
	s := j.seat.State()
	j.found.last = s.Position - from
	j.console.say("%s, after %+.2f mm", s.Ended, inMM(j.found.last))
	j.arrived(&s, o)
	return nil
}

// arrived draws conclusions from an end switch.
func (j *Jog) arrived(s *control.JogState, o control.JogOrder) {
	at := s.Position
	outwards := o.Until == control.JogToPull || o.Until == control.JogBy && o.By > 0
	switch s.Ended {
	case control.JogSlackEnd:
		j.found.slack = &at
	case control.JogPullEnd:
		j.found.pull = &at
	default:
		return
	}
	if wrong := outwards == (s.Ended == control.JogSlackEnd); wrong {
		j.found.reversed = true
		j.console.say("THE WRONG END. Either the motor turns the other way (motor.reverse = %t), or the end switches are exchanged: see which way the rope goes.",
			!j.Settings.Motor.Reverse)
	}
}

// measured works out steps for a millimetre from what a ruler says of the last
// motion.
func (j *Jog) measured(text string) {
	way, err := number(text)
	counted := inMM(j.found.last)
	switch {
	case math.Abs(counted) < inMM(leastMeasured):
		j.console.say("the last motion went %+.2f mm: go at least %.0f mm, a ruler is read to half a millimetre", counted, inMM(leastMeasured))
		return
	case err != nil || !(math.Abs(way) >= math.Abs(counted)/rulerShare && math.Abs(way) <= math.Abs(counted)*rulerShare):
		j.console.say("measured %s: allowed: %.1f to %.0f, in mm, with a - if it went the other way", text, math.Abs(counted)/rulerShare, math.Abs(counted)*rulerShare)
		return
	}
	// The count's sign and the ruler's are the same when the motor turns as it should.
	if way < 0 {
		j.found.reversed = true
		j.console.say("It went the other way: motor.reverse = %t", !j.Settings.Motor.Reverse)
	}
	j.found.stepsPerMM = j.Settings.Motor.StepsPerMM * math.Abs(counted/way)
	j.console.say("motor.steps_per_mm = %.5g (in use: %.5g)", j.found.stepsPerMM, j.Settings.Motor.StepsPerMM)
}

// conclude says what belongs into the settings.
func (j *Jog) conclude() {
	f := &j.found
	var lines []string
	if f.reversed {
		lines = append(lines, fmt.Sprintf("motor.reverse = %t, unless the end switches are exchanged", !j.Settings.Motor.Reverse))
	}
	scale := 1.0
	if f.stepsPerMM > 0 {
		lines = append(lines, fmt.Sprintf("motor.steps_per_mm = %.5g", f.stepsPerMM))
		scale = j.Settings.Motor.StepsPerMM / f.stepsPerMM
	}
	if f.slack != nil && f.pull != nil {
		apart := scale * math.Abs(inMM(*f.pull-*f.slack))
		lines = append(lines, fmt.Sprintf("the end switches are %.1f mm apart: table.travel at most %.0f mm, so that a treatment ends before the switch does it",
			apart, math.Max(0, math.Floor(apart-endMargin))))
	}
	if !f.any() {
		j.console.say("Nothing to change was found.")
		return
	}
	j.console.say("For the settings, and then once more from the beginning:")
	for _, l := range lines {
		j.console.say("  %s", l)
	}
}

// endMargin (mm) keeps the travel of treatments away from the switch: 5 mm at
// either end.
const endMargin = 10

func inMM(d physic.Distance) float64 { return float64(d) / float64(physic.MilliMetre) }

func inMMPerS(s physic.Speed) float64 { return float64(s) * 1e-6 }

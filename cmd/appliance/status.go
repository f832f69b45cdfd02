package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/link"
)

// statusCommand shows the state once.
type statusCommand struct {
	clientFlags
	JSON bool `help:"Print the state as JSON." name:"json"`
}

func (c *statusCommand) Run(ctx context.Context) error { return c.run(ctx, os.Stdout) }

func (c *statusCommand) run(ctx context.Context, out io.Writer) error {
	client, err := c.dial(ctx)
	if err != nil {
		return err
	}
	defer client.Close() //nolint:errcheck // nothing is left to say to it
	s, err := newest(ctx, client)
	if err != nil {
		return fmt.Errorf("status: %w", err)
	}
	hello := client.Hello()
	if c.JSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(newStateJSON(&hello, s))
	}
	_, err = io.WriteString(out, statusText(&hello, s))
	return err
}

// statusWidth is the width of a plain terminal.
const statusWidth = 80

// sheet is a page of names and what is to be said about each.
type sheet struct{ strings.Builder }

const sheetIndent = 12

// row adds one name with its texts, each on lines of its own.
func (p *sheet) row(name string, texts ...string) {
	for _, text := range texts {
		for _, line := range wrapText(text, statusWidth-sheetIndent) {
			fmt.Fprintf(p, "%-*s%s\n", sheetIndent, name, line)
			name = ""
		}
	}
}

// statusText is one screen about the state.
func statusText(h *link.Hello, s *control.Snapshot) string {
	var p sheet
	p.row("Table", fmt.Sprintf("%s, control process %s, up %s, boot %s", h.Table, h.Version, sayClock(s.At), h.ID))
	p.row("Mode", modeText(s))
	p.row("Programme", programmeText(s))
	if s.Mode == control.Treating || s.Mode == control.Paused {
		p.row("Time", fmt.Sprintf("%s done, %s left; %s", sayClock(s.Elapsed), sayLeft(s.Remaining), phaseTimeText(s)))
	}
	if s.ReleaseLeft != 0 {
		p.row("Release", fmt.Sprintf("deadline in %s", sayLeft(s.ReleaseLeft)))
	}
	p.row("Force", fmt.Sprintf("%s, set-point %s", sayForce(s.Force), sayForce(s.SetPoint)))
	p.row("Rope", ropeText(s))
	p.row("Limits", limitTexts(&s.Limits)...)
	p.row("Switches", switchText(s))
	p.row("Heat", heatStateText(s))
	p.row("Load cell", cellText(s))
	p.row("Lateness", fmt.Sprintf("%s at the worst of the last second", sayLate(s.Late)))
	if s.Alarm != control.NoAlarm {
		sound := ""
		if s.SilentFor > 0 {
			sound = ", silent for " + sayLeft(s.SilentFor)
		}
		p.row("Alarm", fmt.Sprintf("%s priority, the table's action is %s%s", s.Alarm, s.Action, sound))
	}
	p.row("Trips", namedTexts(s.Trips.IDs())...)
	p.row("Warnings", namedTexts(warnings(s))...)
	p.row(nextStep(s), missingTexts(missingNow(s))...)
	return p.String()
}

// modeText says mode, phase, step and cycle.
func modeText(s *control.Snapshot) string {
	if s.Phase == control.NoPhase {
		return s.Mode.String()
	}
	mode := s.Mode.String()
	if s.Held {
		mode += " with the force held"
	}
	return fmt.Sprintf("%s, %s, %s", mode, s.Phase, placeText(s))
}

// placeText says where in the programme a treatment is.
func placeText(s *control.Snapshot) string {
	text := fmt.Sprintf("cycle %d", s.Cycle)
	if s.Steps > 1 {
		text = fmt.Sprintf("step %d of %d, %s", s.Step, s.Steps, text)
	}
	return text
}

func programmeText(s *control.Snapshot) string {
	if s.Programme == "" {
		return "none is selected"
	}
	v := &s.Settings
	text := fmt.Sprintf("%s: hold %s", s.Programme, sayLevel(v.Hold))
	if v.RestTime > 0 {
		text += fmt.Sprintf(" for %s, rest %s for %s", sayClock(v.HoldTime), sayLevel(v.Rest), sayClock(v.RestTime))
	} else {
		text += " without rest"
	}
	return text + fmt.Sprintf("; treatment %s, with slack take-up and release about %s", sayClock(v.Duration), sayClock(s.Planned))
}

// phaseTimeText says how far a phase is that ends by time.
func phaseTimeText(s *control.Snapshot) string {
	if s.PhaseTotal == 0 {
		return fmt.Sprintf("%s since %s", s.Phase, sayClock(s.PhaseElapsed))
	}
	return fmt.Sprintf("%s %s of %s", s.Phase, sayClock(s.PhaseElapsed), sayClock(s.PhaseTotal))
}

func ropeText(s *control.Snapshot) string {
	text := fmt.Sprintf("%s (+ is towards force), %s", sayPosition(s.Position), saySpeed(s.Speed))
	if s.Stiffness > 0 {
		text += fmt.Sprintf(", %.1f N/mm", s.Stiffness)
	}
	return text
}

// limitTexts gives each limit with its reason.
func limitTexts(l *control.Limits) []string {
	return []string{
		fmt.Sprintf("force %s (%s), so a set-point of at most %s", sayLevel(l.Force.Value), l.Force.Reason, sayLevel(l.MaxSetPoint())),
		fmt.Sprintf("rise %s per second (%s), rope speed %s (%s)", sayLevel(physic.Force(l.Rise.Value)), l.Rise.Reason, saySpeed(l.Speed.Value), l.Speed.Reason),
		fmt.Sprintf("travel %s (%s), duration %s (%s)", sayPosition(l.Travel.Value), l.Travel.Reason, sayClock(l.Duration.Value), l.Duration.Reason),
		fmt.Sprintf("heat %s (%s)", sayTemperature(l.Temperature.Value), l.Temperature.Reason),
	}
}

// switchText names every switch that is not as it should be, and the proof.
func switchText(s *control.Snapshot) string {
	var pressed []string
	for _, w := range []struct {
		on   bool
		text string
	}{
		{s.Switches.EmergencyStop, "EMERGENCY STOP pressed or unplugged"},
		{s.Switches.Patient, "PATIENT SWITCH pressed or unplugged"},
		{s.Switches.EndPull, "end of travel reached"},
		{s.Switches.EndSlack, "end of unwinding reached"},
		{s.Switches.Start, "start button pressed"},
	} {
		if w.on {
			pressed = append(pressed, w.text)
		}
	}
	if len(pressed) == 0 {
		pressed = []string{"all free"}
	}
	return strings.Join(pressed, ", ") + "; patient switch " + proofText(s)
}

func proofText(s *control.Snapshot) string {
	if s.SwitchProof {
		return "proven"
	}
	return "not proven"
}

// heatStateText says what the pad does, and why it does not.
func heatStateText(s *control.Snapshot) string {
	text := "off"
	if s.HeatTarget != 0 {
		text = fmt.Sprintf("on, set-point %s, power %.0f %%", sayTemperature(s.HeatTarget), 100*s.HeatDuty)
	}
	if s.HeatRefused != control.HeatOK {
		text += fmt.Sprintf(" (%s)", s.HeatRefused)
	}
	if s.Pad == 0 {
		return text + ", pad temperature not known"
	}
	return text + ", pad " + sayTemperature(s.Pad)
}

func cellText(s *control.Snapshot) string {
	text := s.Cell.String()
	if s.CellRate > 0 {
		text += fmt.Sprintf(", %s samples a second", tenths(float64(s.CellRate)/float64(physic.Hertz)))
	}
	return text
}

func sayLate(d time.Duration) string { return fmt.Sprintf("%.2f ms", d.Seconds()*1000) }

// namedTexts gives each interlock with its name and text.
func namedTexts(ids []control.InterlockID) []string {
	var out []string
	for _, id := range ids {
		out = append(out, id.String()+": "+tripText(id))
	}
	return out
}

// missingNow is what stands against the operator's next step, if that is to arm
// or to start.
func missingNow(s *control.Snapshot) control.Missing {
	switch s.Mode {
	case control.Idle, control.Armed, control.Tripped:
		return s.Missing
	}
	return 0
}

// nextStep names what the missing conditions stand against.
func nextStep(s *control.Snapshot) string {
	if s.Mode == control.Armed {
		return "To start"
	}
	return "To arm"
}

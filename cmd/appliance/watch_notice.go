package main

import (
	"fmt"
	"strings"

	"traction/control"
)

// notices are what somebody has to know or to do, the gravest first.
func (v *view) notices(width int) []string {
	var out []string
	add := func(s style, mark, text string) {
		for i, line := range wrapText(text, width-2) {
			if i > 0 {
				mark = " "
			}
			out = append(out, newLine(&v.palette, width).add(s, mark+" "+line).String())
		}
	}
	if !v.known || v.lost > 0 {
		text := "No contact with the control process: look at the table itself. Patient switch and emergency stop work without this view."
		if v.why != "" {
			text += " (" + v.why + ")"
		}
		add(alarmStyle, "!", text)
		if !v.known {
			return out
		}
	}
	s := &v.state
	for _, id := range s.Trips.IDs() {
		add(alarmStyle, "!", strings.ToUpper(id.String())+": "+tripText(id))
	}
	for _, id := range warnings(s) {
		add(cautionStyle, "·", id.String()+": "+tripText(id))
	}
	// A trip has said already that it waits for an acknowledgement.
	missing := missingNow(s) &^ control.MissingAcknowledge
	if texts := missingTexts(missing); len(texts) > 0 {
		add(cautionStyle, "·", strings.ToLower(nextStep(s))+": "+strings.Join(texts, "; "))
	}
	if len(out) > 0 {
		out = append([]string{""}, out...)
	}
	return out
}

// footer is the answer to the last key, and what the keys do.
func (v *view) footer(width int) []string {
	var out []string
	if v.answer != "" {
		s, mark := goodStyle, "✓ "
		if v.refused {
			s, mark = alarmStyle, "✗ "
		}
		for i, line := range wrapText(v.answer, width-2) {
			if i > 0 {
				mark = "  "
			}
			out = append(out, newLine(&v.palette, width).add(s, mark+line).String())
		}
	}
	if v.keys != "" {
		out = append(out, newLine(&v.palette, width).add(faint, v.keys).String())
	}
	return out
}

// progress are the countdowns of phase and treatment, or what comes next.
func (v *view) progress(width int) []string {
	s := &v.state
	switch s.Mode {
	case control.Treating, control.Paused:
		phase, share := "as long as it takes, "+sayClock(s.PhaseElapsed)+" so far", -1.0
		if s.PhaseTotal > 0 {
			share = float64(s.PhaseElapsed) / float64(s.PhaseTotal)
			phase = fmt.Sprintf("%s left of %s", sayLeft(s.PhaseTotal-s.PhaseElapsed), sayClock(s.PhaseTotal))
		}
		whole := 0.0
		if s.Settings.Duration > 0 {
			whole = float64(s.Elapsed) / float64(s.Settings.Duration)
		}
		left := fmt.Sprintf("%s left of %s, %s", sayLeft(s.Remaining), sayClock(s.Settings.Duration), placeText(s))
		if s.Mode == control.Paused {
			phase = "the timer stands"
		}
		room := max(textWidth(phase), textWidth(left))
		return []string{v.bar(width, room, s.Phase.String(), share, phase), v.bar(width, room, "treatment", whole, left)}
	case control.Releasing, control.Recovering:
		if s.ReleaseLeft < 0 {
			return wrapText("The rope should have been slack "+sayClock(-s.ReleaseLeft)+" ago: help the person, release by hand.", width)
		}
		return wrapText("The rope is unwound until it is slack, within "+sayLeft(s.ReleaseLeft)+".", width)
	case control.Armed:
		if s.Missing == 0 {
			return wrapText("Ready: \"appliance start\" or the start button begins "+programmeText(s)+".", width)
		}
	}
	if s.Programme == "" {
		return nil
	}
	return wrapText("next: "+programmeText(s), width)
}

// bar is a name, a bar and a text of at most room columns; a share below 0 is not known.
func (v *view) bar(width, room int, name string, share float64, text string) string {
	const nameWidth, gap = 10, 2
	cells := max(width-nameWidth-gap-room, 8)
	l := newLine(&v.palette, width).add(strong, fmt.Sprintf("%-*s", nameWidth, name))
	if share < 0 {
		l.add(faint, strings.Repeat("·", cells))
	} else {
		eighths := int(min(max(share, 0), 1)*float64(8*cells) + 0.5)
		full := strings.Repeat("█", eighths/8)
		if part := eighths % 8; part > 0 {
			full += string([]rune(" ▏▎▍▌▋▊▉")[part])
		}
		l.add(goodStyle, full).add(faint, strings.Repeat("░", cells-textWidth(full)))
	}
	return l.add(plain, "  "+text).String()
}

package main

import (
	"fmt"
	"math"
	"strings"
	"time"

	"traction/control"
	"traction/control/link"
)

// view is everything that one frame shows. lines renders it and looks at nothing
// else: neither clock nor terminal.
type view struct {
	palette palette
	table   string
	state   control.Snapshot
	known   bool          // a state was told
	lost    time.Duration // age of a state that is too old to be the present one, else 0
	why     string        // why there is no connection
	events  []control.Event
	trace   *trace
	answer  string // to the last key
	refused bool
	keys    string // what the keys do, empty = there is no keyboard
}

// eventsShown is how many events a tall terminal shows.
const eventsShown = 12

// note keeps an event that says more than the picture does.
func (v *view) note(e control.Event) {
	if e.Kind == control.EventPhase || e.Kind == control.EventMode {
		return
	}
	v.events = append(v.events, e)
	if n := len(v.events) - eventsShown; n > 0 {
		v.events = append(v.events[:0], v.events[n:]...)
	}
}

// lines renders exactly height lines of at most width columns. What somebody has
// to act on is kept longest when there is little room.
func (v *view) lines(width, height int) []string {
	head := []string{v.header(width)}
	if v.known {
		head = append(head, v.figures(width), "")
	}
	notices := v.notices(width)
	foot := v.footer(width)
	var bars, details []string
	if v.known {
		bars, details = v.progress(width), []string{v.details(width)}
	}
	room := height - len(head) - len(notices) - len(foot)
	if room < 0 {
		notices = notices[:max(len(notices)+room, 0)]
	}
	fits := func(part []string, rest int) []string {
		if len(part) == 0 || room < len(part)+rest {
			return nil
		}
		room -= len(part)
		return part
	}
	bars = fits(bars, 0)
	details = fits(details, 0)
	var picture, events []string
	if v.known {
		events = v.eventLines(width, min(room/6, eventsShown))
		if picture = v.picture(width, room-len(events)-2); picture == nil {
			events = nil
		}
	}
	var out []string
	for _, part := range [][]string{head, picture, bars, details, notices, events} {
		out = append(out, part...)
	}
	for len(out)+len(foot) < height {
		out = append(out, "")
	}
	return append(out[:max(min(len(out), height-len(foot)), 0)], foot...)[:height]
}

// header names table, programme and mode.
func (v *view) header(width int) string {
	badge, s := v.badge()
	l := newLine(&v.palette, width).add(strong, v.table)
	if v.known && v.state.Programme != "" {
		l.add(faint, " · ").add(plain, v.state.Programme)
	}
	return l.right(textWidth(badge)).add(s, badge).String()
}

// badge is the mode, or that it is not known.
func (v *view) badge() (string, style) {
	if !v.known || v.lost > 0 {
		return " NO CONTACT ", alarmBadge
	}
	text := " " + strings.ToUpper(v.state.Mode.String()) + " "
	switch v.state.Mode {
	case control.Treating:
		return text, goodBadge
	case control.Armed, control.Paused, control.Releasing, control.Recovering:
		return text, cautionBadge
	case control.Tripped:
		return text, alarmBadge
	}
	return text, plainBadge
}

// figures are what is measured, and the limit.
func (v *view) figures(width int) string {
	s := &v.state
	number, rest := forceStyle, plain
	if v.lost > 0 {
		number, rest = faint, faint
	}
	l := newLine(&v.palette, width).add(rest, "force ").add(number, fmt.Sprintf("%8s", sayForce(s.Force)))
	l.add(faint, "   set-point ")
	if s.Mode == control.Treating || s.Mode == control.Paused || s.Mode == control.Releasing {
		l.add(rest, fmt.Sprintf("%8s", sayForce(s.SetPoint)))
	} else {
		l.add(faint, "       –")
	}
	l.add(faint, "   limit ").add(rest, sayLevel(s.Limits.Force.Value)).add(faint, " ("+s.Limits.Force.Reason.String()+")")
	if v.lost > 0 {
		return l.add(alarmStyle, fmt.Sprintf("   %s old", sayClock(v.lost))).String()
	}
	rope := fmt.Sprintf("rope %s", sayPosition(s.Position))
	if wide := rope + fmt.Sprintf(", %s", saySpeed(s.Speed)); l.left > textWidth(wide)+2 {
		rope = wide
	}
	if l.left > textWidth(rope) {
		l.right(textWidth(rope)).add(faint, rope)
	}
	return l.String()
}

// picture is force against set-point over time, nil where there is no room.
func (v *view) picture(width, height int) []string {
	const least = 4 // rows that still show something
	if height < least || width < 4*axisWidth {
		return nil
	}
	s := &v.state
	limit := inNewtons(s.Limits.Force.Value)
	top := math.Max(limit, inNewtons(s.Force))
	columns := width - axisWidth
	for n := v.trace.newest - int64(2*columns); n <= v.trace.newest; n++ {
		if d := v.trace.at(n); d != nil {
			top = math.Max(top, d.high)
		}
	}
	top = math.Max(top*1.06, 20)
	c := newChart(v.trace, columns, height, top)
	return append(c.lines(&v.palette, limit, fmt.Sprintf("╌ limit %s ", sayLevel(s.Limits.Force.Value))), "")
}

// details are the parts of the table, one after the other.
func (v *view) details(width int) string {
	s := &v.state
	l := newLine(&v.palette, width)
	part := func(bad bool, name, text string) {
		if l.left < width {
			l.add(faint, "   ")
		}
		st := plain
		if bad {
			st = cautionStyle
		}
		l.add(faint, name+" ").add(st, text)
	}
	needsProof := s.Mode == control.Armed || s.Mode == control.Treating || s.Mode == control.Paused
	part(needsProof && !s.SwitchProof, "switch", proofText(s))
	heat := "off"
	if s.HeatTarget != 0 {
		heat = fmt.Sprintf("%s → %s, %.0f %%", sayTemperature(s.Pad), sayTemperature(s.HeatTarget), 100*s.HeatDuty)
	} else if s.HeatRefused != control.HeatOK {
		heat = "off, " + s.HeatRefused.String()
	}
	part(s.HeatTarget == 0 && s.HeatRefused != control.HeatOK && s.HeatRefused != control.HeatEnded, "heat", heat)
	cell := fmt.Sprintf("%.1f Hz", float64(s.CellRate)*1e-6)
	if s.Cell != control.CellOK {
		cell = s.Cell.String()
	}
	part(s.Cell != control.CellOK, "cell", cell)
	part(s.Late > 5*time.Millisecond, "late", sayLate(s.Late))
	return l.String()
}

// eventLines are the newest n events.
func (v *view) eventLines(width, n int) []string {
	if n = min(n, len(v.events)); n < 1 {
		return nil
	}
	out := []string{""}
	for _, e := range v.events[len(v.events)-n:] {
		ago := "now"
		if d := v.state.At - e.At; d >= time.Second {
			ago = "-" + sayClock(d)
		}
		text := fmt.Sprintf("%7s  %s", ago, link.Text(e))
		if textWidth(text) > width {
			text = string([]rune(text)[:max(width-1, 0)]) + "…"
		}
		out = append(out, newLine(&v.palette, width).add(faint, text).String())
	}
	return out
}

// oneLine is the view for pipes and files.
func (v *view) oneLine() string {
	s := &v.state
	switch {
	case !v.known:
		return "no contact with the control process yet"
	case v.lost > 0:
		return fmt.Sprintf("NO CONTACT for %s (%s)", sayClock(v.lost), v.why)
	}
	text := fmt.Sprintf("%s  %s", sayClock(s.At), modeText(s))
	text += fmt.Sprintf(", force %s", sayForce(s.Force))
	if s.Mode == control.Treating || s.Mode == control.Paused {
		text += fmt.Sprintf(", set-point %s, %s left", sayForce(s.SetPoint), sayLeft(s.Remaining))
	}
	text += fmt.Sprintf(", limit %s (%s)", sayLevel(s.Limits.Force.Value), s.Limits.Force.Reason)
	for _, id := range s.Trips.IDs() {
		text += fmt.Sprintf("; TRIP %s: %s", id, tripText(id))
	}
	return text
}

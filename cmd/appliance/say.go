package main

import (
	"fmt"
	"math"
	"strings"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/link"
)

// sayForce gives a force to a tenth of a newton; the cell's noise is about that.
func sayForce(f physic.Force) string { return tenths(float64(f)/float64(physic.Newton)) + " N" }

// sayLevel gives a force that somebody has chosen: without decimals that say nothing.
func sayLevel(f physic.Force) string { return strings.Replace(sayForce(f), ".0 ", " ", 1) }

func sayPosition(d physic.Distance) string {
	return tenths(float64(d)/float64(physic.MilliMetre)) + " mm"
}

func saySpeed(v physic.Speed) string {
	return tenths(float64(v)/float64(control.MilliMetrePerSecond)) + " mm/s"
}

// sayTemperature gives a dash for zero kelvin, which stands for "not known".
func sayTemperature(t physic.Temperature) string {
	if t == 0 {
		return "–"
	}
	return tenths(t.Celsius()) + " °C"
}

// tenths never shows a minus before a zero.
func tenths(v float64) string {
	if v = math.Round(v*10) / 10; v == 0 {
		v = 0
	}
	return fmt.Sprintf("%.1f", v)
}

// sayClock gives minutes and seconds, and hours when there are any.
func sayClock(d time.Duration) string {
	s := int64(d / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// sayLeft is sayClock for a countdown: it shows 0:00 only when it is over.
func sayLeft(d time.Duration) string { return sayClock(max(d, 0) + time.Second - 1) }

// tripText says what an interlock has seen and what to do. It is the text of the
// trip's event without its beginning, which tells a force that a state does not hold.
func tripText(id control.InterlockID) string {
	text := link.Text(control.Event{Kind: control.EventTrip, Interlock: id})
	if _, after, found := strings.Cut(text, ": "); found {
		return after
	}
	return text
}

// missingTexts says what stands against arming or starting, and what to do.
func missingTexts(m control.Missing) []string {
	if m == 0 {
		return nil
	}
	text := link.Answer("", control.Reply{Kind: control.CommandArm, Code: control.NotReady, Missing: m}).Message
	if _, after, found := strings.Cut(text, ": "); found {
		text = after
	}
	return strings.Split(text, "; ")
}

// warnings are the active interlocks that have not tripped anything.
func warnings(s *control.Snapshot) []control.InterlockID {
	return (s.Active &^ s.Trips).IDs()
}

// wrapText breaks a text into lines of at most width columns, at spaces where it can.
func wrapText(text string, width int) []string {
	width = max(width, 1)
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		for textWidth(word) > width {
			if line != "" {
				lines, line = append(lines, line), ""
			}
			cut := []rune(word)
			lines, word = append(lines, string(cut[:width])), string(cut[width:])
		}
		switch {
		case line == "":
			line = word
		case textWidth(line)+1+textWidth(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// textWidth is the number of columns; everything shown here is one wide.
func textWidth(s string) int { return len([]rune(s)) }

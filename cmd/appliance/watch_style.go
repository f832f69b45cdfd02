package main

import "strings"

// style is how a piece of text looks.
type style uint8

const (
	plain style = iota
	strong
	faint
	forceStyle
	setPointStyle
	limitStyle
	goodStyle
	cautionStyle
	alarmStyle
	goodBadge
	cautionBadge
	alarmBadge
	plainBadge
	styleCount
)

// palette gives each style its control sequence (ECMA-48 SGR); none = as it is.
type palette [styleCount]string

var (
	// unstyled is for pipes and tests.
	unstyled palette
	// monochrome has no colours (https://no-color.org).
	monochrome = palette{strong: "1", faint: "2", forceStyle: "1", setPointStyle: "2", limitStyle: "2",
		goodStyle: "1", cautionStyle: "1", alarmStyle: "1", goodBadge: "1;7", cautionBadge: "1;7", alarmBadge: "1;7", plainBadge: "7"}
	// colours of alarms are those of IEC 60601-1-8: red and yellow.
	colours = palette{strong: "1", faint: "2", forceStyle: "1;36", setPointStyle: "2;37", limitStyle: "31",
		goodStyle: "32", cautionStyle: "33", alarmStyle: "1;31", goodBadge: "1;30;42", cautionBadge: "1;30;43", alarmBadge: "1;97;41", plainBadge: "7"}
)

// textLine is a line of pieces that never gets wider than it may.
type textLine struct {
	b       strings.Builder
	palette *palette
	left    int    // columns
	code    string // of the piece that is open, empty = none
}

func newLine(p *palette, width int) *textLine { return &textLine{palette: p, left: width} }

// add puts text at the end, and cuts what does not fit.
func (l *textLine) add(s style, text string) *textLine {
	r := []rune(text)
	if len(r) > l.left {
		r = r[:max(l.left, 0)]
	}
	if len(r) == 0 {
		return l
	}
	l.left -= len(r)
	if code := l.palette[s]; code != l.code {
		l.end()
		if l.code = code; code != "" {
			l.b.WriteString("\x1b[" + code + "m")
		}
	}
	l.b.WriteString(string(r))
	return l
}

// end closes the piece that is open.
func (l *textLine) end() {
	if l.code != "" {
		l.b.WriteString("\x1b[0m")
		l.code = ""
	}
}

// right fills up so that a text of that width ends the line.
func (l *textLine) right(width int) *textLine {
	return l.add(plain, strings.Repeat(" ", max(l.left-width, 1)))
}

// String gives the line without the spaces at its end.
func (l *textLine) String() string {
	l.end()
	return strings.TrimRight(l.b.String(), " ")
}

package record

import (
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// drawPeak marks the highest force and says it.
func (p *picture) drawPeak(c draw.Canvas, x, y func(float64) vg.Length) {
	at := vg.Point{X: x(p.peak.x), Y: y(p.peak.y)}
	c.DrawGlyph(draw.GlyphStyle{Color: blue, Radius: 2.6, Shape: draw.RingGlyph{}}, at)
	sty := labelStyle
	sty.Color = blue
	txt := fmt.Sprintf("peak %.1f N", p.peak.y)
	at.X += 5
	if at.X+sty.Width(txt) > c.Max.X {
		at.X -= 10 + sty.Width(txt)
	}
	at.Y += 3
	// It stays legible on the limit or on an event's line.
	c.SetColor(veil)
	c.Fill(vg.Rectangle{Min: at.Add(vg.Point{X: -1, Y: -2}), Max: at.Add(vg.Point{X: sty.Width(txt) + 1, Y: 8})}.Path())
	c.FillText(sty, at, txt)
}

// drawMarks draws the lines of the events.
func (p *picture) drawMarks(c draw.Canvas, x, _ func(float64) vg.Length) {
	for i := range p.marks {
		m := &p.marks[i]
		c.StrokeLine2(m.line(), x(m.x), c.Min.Y, x(m.x), c.Max.Y)
	}
}

func (m *mark) line() draw.LineStyle {
	if m.rank == rankTrip {
		return tripLine
	}
	return eventLineOf
}

// drawLabels writes the events above the main panel, whose top is given.
func (p *picture) drawLabels(c draw.Canvas, at func(*mark) float64, top vg.Length) {
	for i := range p.marks {
		m := &p.marks[i]
		if m.row < 0 {
			continue
		}
		x, y := vg.Length(at(m)), top+vg.Length(m.row)*rowHeight
		c.StrokeLine2(m.line(), x, top, x, y+rowHeight-2)
		sty := labelStyle
		if m.rank == rankTrip {
			sty = tripStyle
		}
		if m.left {
			x -= 2.5 + sty.Width(m.text)
		} else {
			x += 2.5
		}
		c.FillText(sty, vg.Point{X: x, Y: y + 2}, m.text)
	}
}

// drawHead writes title, result and the legend.
func (p *picture) drawHead(c draw.Canvas, left vg.Length) {
	upper, lower := c.Max.Y-12, c.Max.Y-27
	x := p.drawLegend(c, upper)
	c.FillText(titleStyle, vg.Point{X: left, Y: upper}, fit(titleStyle, p.trace.Title, x-left))
	x = p.drawStageLegend(c, lower)
	c.FillText(smallStyle, vg.Point{X: left, Y: lower}, fit(smallStyle, p.subtitle(), x-left))
}

// fit shortens a text that is wider than width.
func fit(sty text.Style, s string, width vg.Length) string {
	if sty.Width(s) <= width {
		return s
	}
	r := []rune(s)
	for len(r) > 0 && sty.Width(string(r)+"...") > width {
		r = r[:len(r)-1]
	}
	return string(r) + "..."
}

// drawLegend names the lines, at the right; it returns where it begins.
func (p *picture) drawLegend(c draw.Canvas, y vg.Length) vg.Length {
	items := []struct {
		text string
		sty  draw.LineStyle
	}{{"force", forceLine}, {"set-point", setPointLine}}
	if l := p.trace.Limit; l.Value > 0 {
		items = append(items, struct {
			text string
			sty  draw.LineStyle
		}{fmt.Sprintf("limit %s (%s)", newtons(l.Value), l.Reason), limitLine})
	}
	x := c.Max.X
	for _, it := range slices.Backward(items) {
		x -= labelStyle.Width(it.text)
		c.FillText(labelStyle, vg.Point{X: x, Y: y}, it.text)
		x -= 4 + 22
		c.StrokeLine2(it.sty, x, y+3, x+22, y+3)
		x -= 14
	}
	return x
}

// drawStageLegend names the shades that occur.
func (p *picture) drawStageLegend(c draw.Canvas, y vg.Length) vg.Length {
	var seen [stageCount]bool
	for _, s := range p.stages {
		seen[s.stage] = true
	}
	x := c.Max.X
	for s := stageCount - 1; s > stageNone; s-- {
		if !seen[s] {
			continue
		}
		x -= labelStyle.Width(stageNames[s])
		c.FillText(labelStyle, vg.Point{X: x, Y: y}, stageNames[s])
		x -= 4 + 10
		box := vg.Rectangle{Min: vg.Point{X: x, Y: y - 1}, Max: vg.Point{X: x + 10, Y: y + 8}}.Path()
		c.SetColor(stageColours[s])
		c.Fill(box)
		c.SetLineStyle(draw.LineStyle{Color: faint, Width: 0.4})
		c.Stroke(box)
		x -= 10
	}
	return x
}

// subtitle is date and result in a line.
func (p *picture) subtitle() string {
	var parts []string
	if !p.trace.Started.IsZero() {
		parts = append(parts, p.trace.Started.Add(p.zero).Format("2006-01-02 15:04 MST"))
	}
	if r := p.trace.Report; r != nil {
		parts = append(parts, endText(r), fmt.Sprintf("%s in %s", minutes(r.Elapsed), plural(int(r.Cycles), "cycle")))
		if r.Holds > 0 {
			parts = append(parts, fmt.Sprintf("mean hold error %.1f N", inNewtons(r.MeanHoldError)))
		}
	}
	hidden := p.unmarked
	for i := range p.marks {
		if p.marks[i].row < 0 {
			hidden++
		}
	}
	if hidden > 0 {
		parts = append(parts, plural(hidden, "event")+" without a label")
	}
	return strings.Join(parts, "  ·  ")
}

package record

import (
	"image/color"
	"math"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Colours are those of Okabe and Ito (Color Universal Design, 2008), which stay
// apart with every kind of colour vision; lines also differ in width and dashes.
var (
	white     = color.NRGBA{255, 255, 255, 255}
	veil      = color.NRGBA{255, 255, 255, 190}
	ink       = color.NRGBA{40, 40, 40, 255}
	faint     = color.NRGBA{110, 110, 110, 255}
	grid      = color.NRGBA{0, 0, 0, 22}
	blue      = color.NRGBA{0, 90, 160, 255}
	orange    = color.NRGBA{230, 159, 0, 255}
	vermilion = color.NRGBA{213, 94, 0, 255}

	forceLine    = draw.LineStyle{Color: blue, Width: 1.1}
	setPointLine = draw.LineStyle{Color: orange, Width: 2.4}
	limitLine    = draw.LineStyle{Color: vermilion, Width: 1.2, Dashes: []vg.Length{6, 3}}
	tripLine     = draw.LineStyle{Color: vermilion, Width: 1.4}
	eventLineOf  = draw.LineStyle{Color: ink, Width: 0.7, Dashes: []vg.Length{2, 2}}

	stageColours = [stageCount]color.Color{
		stageNone:    white,
		stageSlack:   color.NRGBA{240, 240, 240, 255},
		stagePull:    color.NRGBA{216, 234, 248, 255},
		stageHold:    color.NRGBA{255, 249, 226, 255},
		stageEase:    color.NRGBA{241, 228, 239, 255},
		stageRest:    color.NRGBA{231, 246, 240, 255},
		stagePaused:  color.NRGBA{218, 218, 218, 255},
		stageRelease: color.NRGBA{249, 221, 206, 255},
		stageTripped: color.NRGBA{253, 241, 234, 255},
	}

	titleStyle = style(12, xfont.WeightBold, ink)
	smallStyle = style(8.5, xfont.WeightNormal, faint)
	labelStyle = style(8.5, xfont.WeightNormal, ink)
	tripStyle  = style(8.5, xfont.WeightBold, vermilion)
)

func style(size vg.Length, weight xfont.Weight, c color.Color) text.Style {
	return text.Style{
		Color:   c,
		Font:    font.Font{Typeface: "Liberation", Variant: "Sans", Weight: weight, Size: size},
		Handler: text.Plain{Fonts: fonts},
	}
}

// panel makes a panel with the picture's time axis.
func (p *picture) panel(name string, low, high float64, labels int, withTime bool) *panel {
	q := &panel{from: p.from, to: p.to, low: low, high: high, valueName: name,
		times: timeTicks(p.from, p.to, 14), values: valueTicks(low, high, labels)}
	if withTime {
		q.timeName = "time since the start, minutes:seconds"
	} else {
		for i := range q.times {
			q.times[i].label = ""
		}
	}
	q.add(p.drawStages, func(c draw.Canvas, _, y func(float64) vg.Length) {
		for _, t := range q.values {
			c.StrokeLine2(draw.LineStyle{Color: grid, Width: 0.5}, c.Min.X, y(t.value), c.Max.X, y(t.value))
		}
	})
	return q
}

// forcePanel is the main one: force, set-point and limit.
func (p *picture) forcePanel() *panel {
	low, high := rangeOf(p.force)
	l2, h2 := rangeOf(p.setPoint)
	low, high = min(low, l2, 0), max(high, h2, 10)
	limit := inNewtons(p.trace.Limit.Value)
	high = max(high, limit)
	if low < 0 {
		low -= 0.02 * (high - low)
	}
	high += 0.07 * (high - low)
	q := p.panel("force, N", low, high, 7, false)
	q.add(line(p.setPoint, setPointLine), line(p.force, forceLine))
	if limit > 0 {
		q.add(func(c draw.Canvas, _, y func(float64) vg.Length) {
			c.StrokeLine2(limitLine, c.Min.X, y(limit), c.Max.X, y(limit))
		})
	}
	q.add(p.drawMarks, p.drawPeak)
	return q
}

// holdPanel shows how well force was held; nil without a hold.
func (p *picture) holdPanel() *panel {
	low, high := rangeOf(p.holdError)
	if low > high {
		return nil
	}
	low, high = min(low, -1), max(high, 1)
	room := 0.08 * (high - low)
	q := p.panel("hold error, N", low-room, high+room, 5, false)
	q.add(func(c draw.Canvas, _, y func(float64) vg.Length) {
		c.StrokeLine2(draw.LineStyle{Color: orange, Width: 1.2}, c.Min.X, y(0), c.Max.X, y(0))
	}, line(p.holdError, draw.LineStyle{Color: blue, Width: 0.8}), p.drawMarks)
	return q
}

// ropePanel shows how far the rope was wound in.
func (p *picture) ropePanel() *panel {
	low, high := rangeOf(p.position)
	if high-low < 1 {
		high = low + 1
	}
	room := 0.08 * (high - low)
	q := p.panel("rope, mm", low-room, high+room, 5, true)
	q.add(line(p.position, draw.LineStyle{Color: ink, Width: 1}), p.drawMarks)
	return q
}

// rangeOf returns the lowest and highest value; low > high when there is none.
func rangeOf(parts [][]sample) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, part := range parts {
		for _, s := range part {
			low, high = min(low, s.y), max(high, s.y)
		}
	}
	return low, high
}

// line draws a curve with its gaps.
func line(parts [][]sample, sty draw.LineStyle) drawing {
	return func(c draw.Canvas, x, y func(float64) vg.Length) {
		for _, part := range parts {
			pts := make([]vg.Point, len(part))
			for i, s := range part {
				pts[i] = vg.Point{X: x(s.x), Y: y(s.y)}
			}
			if len(pts) == 1 {
				// A lonely sample is a dot.
				pts = append(pts, pts[0].Add(vg.Point{X: sty.Width}))
			}
			c.StrokeLines(sty, pts)
		}
	}
}

// drawStages shades the background.
func (p *picture) drawStages(c draw.Canvas, x, _ func(float64) vg.Length) {
	for _, s := range p.stages {
		if s.stage == stageNone {
			continue
		}
		c.SetColor(stageColours[s.stage])
		c.Fill(vg.Rectangle{Min: vg.Point{X: x(s.from), Y: c.Min.Y}, Max: vg.Point{X: x(s.to), Y: c.Max.Y}}.Path())
	}
}

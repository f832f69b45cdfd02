package record

import (
	"image/color"
	"math"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
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
		Handler: plot.DefaultTextHandler,
	}
}

// drawing is something that draws itself into a panel.
type drawing func(c draw.Canvas, x, y func(float64) vg.Length)

// Plot implements plot.Plotter.
func (d drawing) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	d(c, x, y)
}

// panel makes a plot with the picture's time axis and a value axis.
func (p *picture) panel(name string, low, high float64, labels int, withTime bool) *plot.Plot {
	q := plot.New()
	q.BackgroundColor = nil
	q.X.Min, q.X.Max, q.Y.Min, q.Y.Max = p.from, p.to, low, high
	q.X.Padding, q.Y.Padding = 0, 0
	q.Y.Label.Text = name
	q.Y.Label.Padding = 3
	q.Y.Tick.Marker = valueTicks{labels}
	q.X.Tick.Marker = timeTicks{14}
	for _, a := range []*plot.Axis{&q.X, &q.Y} {
		a.Tick.Length = 3
		a.Label.TextStyle.Font, a.Label.TextStyle.Color = labelStyle.Font, ink
		a.Tick.Label.Font, a.Tick.Label.Color = labelStyle.Font, ink
		a.LineStyle.Color, a.Tick.LineStyle.Color = faint, faint
	}
	if withTime {
		q.X.Label.Text = "time since the start, minutes:seconds"
		q.X.Label.Padding = 2
	} else {
		bare := q.X.Tick.Marker
		q.X.Tick.Marker = plot.TickerFunc(func(from, to float64) []plot.Tick {
			ts := bare.Ticks(from, to)
			for i := range ts {
				ts[i].Label = ""
			}
			return ts
		})
	}
	q.Add(drawing(p.drawStages), drawing(func(c draw.Canvas, x, y func(float64) vg.Length) {
		for _, t := range q.Y.Tick.Marker.Ticks(low, high) {
			c.StrokeLine2(draw.LineStyle{Color: grid, Width: 0.5}, c.Min.X, y(t.Value), c.Max.X, y(t.Value))
		}
	}))
	return q
}

// forcePanel is the main one: force, set-point and limit.
func (p *picture) forcePanel() *plot.Plot {
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
	q.Add(line(p.setPoint, setPointLine), line(p.force, forceLine))
	if limit > 0 {
		q.Add(drawing(func(c draw.Canvas, _, y func(float64) vg.Length) {
			c.StrokeLine2(limitLine, c.Min.X, y(limit), c.Max.X, y(limit))
		}))
	}
	q.Add(drawing(p.drawMarks), drawing(p.drawPeak))
	return q
}

// holdPanel shows how well force was held; nil without a hold.
func (p *picture) holdPanel() *plot.Plot {
	low, high := rangeOf(p.holdError)
	if low > high {
		return nil
	}
	low, high = min(low, -1), max(high, 1)
	room := 0.08 * (high - low)
	q := p.panel("hold error, N", low-room, high+room, 5, false)
	q.Add(drawing(func(c draw.Canvas, _, y func(float64) vg.Length) {
		c.StrokeLine2(draw.LineStyle{Color: orange, Width: 1.2}, c.Min.X, y(0), c.Max.X, y(0))
	}), line(p.holdError, draw.LineStyle{Color: blue, Width: 0.8}), drawing(p.drawMarks))
	return q
}

// ropePanel shows how far the rope was wound in.
func (p *picture) ropePanel() *plot.Plot {
	low, high := rangeOf(p.position)
	if high-low < 1 {
		high = low + 1
	}
	room := 0.08 * (high - low)
	q := p.panel("rope, mm", low-room, high+room, 5, true)
	q.Add(line(p.position, draw.LineStyle{Color: ink, Width: 1}), drawing(p.drawMarks))
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

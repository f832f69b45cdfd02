package record

import (
	"math"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// tick is a mark on an axis; without a label it is a small one.
type tick struct {
	value float64
	label string
}

// drawing is something that draws itself into the part of a panel with the curves; x
// and y turn time and value into places.
type drawing func(c draw.Canvas, x, y func(float64) vg.Length)

// panel is a part of the picture with a time axis and a value axis.
type panel struct {
	from, to  float64 // s
	low, high float64
	times     []tick // without labels except in the lowest panel
	values    []tick
	timeName  string // empty = none
	valueName string
	drawings  []drawing
}

func (q *panel) add(d ...drawing) { q.drawings = append(q.drawings, d...) }

// Distances, in points.
const (
	tickLength   = 3
	valueNameGap = 3
	timeNameGap  = 2
)

var axisLine = draw.LineStyle{Color: faint, Width: 0.5}

// The labels of an axis stand in the middle of their ticks.
var (
	timeLabel  = aligned(text.XCenter, text.YTop)
	valueLabel = aligned(text.XRight, text.YCenter)
	axisName   = aligned(text.XCenter, text.YBottom)
)

func aligned(x text.XAlignment, y text.YAlignment) text.Style {
	s := labelStyle
	s.XAlign, s.YAlign = x, y
	return s
}

// data is the part of c with the curves: what the axes leave, and so that half of a
// label has room below and at the right.
func (q *panel) data(c draw.Canvas) draw.Canvas {
	left := q.valueWidth() + axisLine.Width/2
	bottom := max(q.timeHeight()+axisLine.Width/2, largest(q.values, labelHeight)/2)
	return draw.Crop(c, left, -largest(q.times, labelStyle.Width)/2, bottom, 0)
}

// valueWidth is what stands left of the value axis.
func (q *panel) valueWidth() vg.Length {
	extents := axisName.FontExtents()
	return axisName.Height(q.valueName) + extents.Descent + valueNameGap + largest(q.values, labelStyle.Width) + labelStyle.Width(" ") + tickLength
}

// timeHeight is what stands below the time axis.
func (q *panel) timeHeight() (h vg.Length) {
	if q.timeName != "" {
		h = axisName.Height(q.timeName) + timeNameGap
	}
	return h + largest(q.times, labelHeight) + tickLength
}

func labelHeight(s string) vg.Length { return labelStyle.Height(s) }

// largest is the largest size of the labels.
func largest(ticks []tick, size func(string) vg.Length) (most vg.Length) {
	for _, t := range ticks {
		if t.label != "" {
			most = max(most, size(t.label))
		}
	}
	return most
}

// draw draws the axes, and then the curves into data.
func (q *panel) draw(c, data draw.Canvas) {
	x := func(v float64) vg.Length { return data.X((v - q.from) / (q.to - q.from)) }
	y := func(v float64) vg.Length { return data.Y((v - q.low) / (q.high - q.low)) }
	q.drawTimes(c, data, x)
	q.drawValues(data, y)
	for _, d := range q.drawings {
		d(data, x, y)
	}
}

func (q *panel) drawTimes(c, data draw.Canvas, x func(float64) vg.Length) {
	for _, t := range q.times {
		at := x(t.value)
		if !data.ContainsX(at) {
			continue
		}
		c.StrokeLine2(axisLine, at, data.Min.Y-lengthOf(t), at, data.Min.Y)
		if t.label != "" {
			c.FillText(timeLabel, vg.Point{X: at, Y: data.Min.Y - tickLength}, t.label)
		}
	}
	c.StrokeLine2(axisLine, data.Min.X, data.Min.Y, data.Max.X, data.Min.Y)
	if q.timeName != "" {
		c.FillText(axisName, vg.Point{X: data.Center().X, Y: c.Min.Y + axisName.FontExtents().Descent}, q.timeName)
	}
}

func (q *panel) drawValues(data draw.Canvas, y func(float64) vg.Length) {
	for _, t := range q.values {
		at := y(t.value)
		if !data.ContainsY(at) {
			continue
		}
		data.StrokeLine2(axisLine, data.Min.X-lengthOf(t), at, data.Min.X, at)
		if t.label != "" {
			data.FillText(valueLabel, vg.Point{X: data.Min.X - tickLength - labelStyle.Width(" "), Y: at + valueLabel.FontExtents().Descent}, t.label)
		}
	}
	data.StrokeLine2(axisLine, data.Min.X, data.Min.Y, data.Min.X, data.Max.Y)
	name := axisName
	name.Rotation = math.Pi / 2
	at := data.Min.X - q.valueWidth() + axisName.Height(q.valueName)
	data.FillText(name, vg.Point{X: at - axisName.FontExtents().Descent, Y: data.Center().Y}, q.valueName)
}

func lengthOf(t tick) vg.Length {
	if t.label == "" {
		return tickLength / 2.0
	}
	return tickLength
}

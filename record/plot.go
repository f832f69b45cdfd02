package record

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"time"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"traction/control"
)

// The picture is 800 x 400 points, which at 144 dots an inch are 1600 x 800
// pixels.
const (
	plotWidth  = 800 * vg.Length(1)
	plotHeight = 400 * vg.Length(1)
	plotDPI    = 144
	// plotColumns: no more than pixels, so thinning cannot be seen.
	plotColumns = 1450
)

// Plot draws a treatment: force against set-point over the time since its
// start, the phases as a light background, the limit in force, events as marked
// lines, and below it the error in hold and the position of the rope. The format
// is "png" (1600 x 800 pixels) or "svg".
func Plot(w io.Writer, format string, t Trace) error {
	if err := loadFonts(); err != nil {
		return fmt.Errorf("record: plot: %w", err)
	}
	p, err := newPicture(&t)
	if err != nil {
		return fmt.Errorf("record: plot: %w", err)
	}
	switch format {
	case "png":
		c := vgimg.NewWith(vgimg.UseWH(plotWidth, plotHeight), vgimg.UseDPI(plotDPI))
		p.draw(draw.New(c))
		_, err = vgimg.PngCanvas{Canvas: c}.WriteTo(w)
	case "svg":
		c := vgsvg.NewWith(vgsvg.UseWH(plotWidth, plotHeight))
		p.draw(draw.New(c))
		err = writeSVG(w, c)
	default:
		err = fmt.Errorf("format %q is unknown, allowed: png, svg", format)
	}
	if err != nil {
		return fmt.Errorf("record: plot: %w", err)
	}
	return nil
}

// writeSVG names fonts of the same widths for those who do not have ours.
func writeSVG(w io.Writer, c *vgsvg.Canvas) error {
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return err
	}
	_, err := w.Write(bytes.ReplaceAll(b.Bytes(),
		[]byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;")))
	return err
}

// picture is a trace made ready for drawing.
type picture struct {
	trace    *Trace
	es       []control.Entry
	from, to float64 // s
	zero     time.Duration
	stages   []stretch
	marks    []mark
	unmarked int // events that found no place at all

	force, setPoint, holdError, position [][]sample
	peak                                 sample
}

func newPicture(t *Trace) (*picture, error) {
	p := &picture{trace: t, es: t.shown()}
	if len(p.es) < 2 || p.es[0].At >= p.es[len(p.es)-1].At {
		return nil, fmt.Errorf("%d entries are too few for a picture", len(p.es))
	}
	p.zero = p.es[0].At
	if t.Report != nil && t.Report.Started >= p.es[0].At-time.Second && t.Report.Started < p.es[len(p.es)-1].At {
		p.zero = t.Report.Started
	}
	p.from, p.to = min(0, p.x(&p.es[0])), p.x(&p.es[len(p.es)-1])
	p.stages = stretches(p.es, p.zero)
	p.marks, p.unmarked = marks(t.Events, p.zero, p.from, p.to)

	fresh := func(e *control.Entry) bool { return e.Fresh }
	p.force = p.curve(fresh, func(e *control.Entry) float64 { return inNewtons(e.Force) })
	p.setPoint = p.curve(func(e *control.Entry) bool {
		return e.Mode == control.Treating || e.Mode == control.Paused || e.Mode == control.Releasing
	},
		func(e *control.Entry) float64 { return inNewtons(e.SetPoint) })
	p.holdError = p.curve(func(e *control.Entry) bool { return e.Fresh && stageOf(e) == stageHold },
		func(e *control.Entry) float64 { return inNewtons(e.Force - e.SetPoint) })
	start := p.es[0].Position
	p.position = p.curve(func(*control.Entry) bool { return true },
		func(e *control.Entry) float64 { return float64(e.Position-start) / 1e6 })
	p.peak.y = math.Inf(-1)
	for _, part := range p.force {
		for _, s := range part {
			if s.y > p.peak.y {
				p.peak = s
			}
		}
	}
	return p, nil
}

// x is an entry's place on the time axis.
func (p *picture) x(e *control.Entry) float64 { return (e.At - p.zero).Seconds() }

// curve thins a value of those entries that have it.
func (p *picture) curve(has func(*control.Entry) bool, value func(*control.Entry) float64) [][]sample {
	return thin(func(yield func(sample) bool) {
		for i := range p.es {
			if e := &p.es[i]; has(e) && !yield(sample{p.x(e), value(e)}) {
				return
			}
		}
	}, p.from, p.to, plotColumns)
}

// Heights of the picture's parts from the top, in points.
const (
	headHeight  = 38
	rowHeight   = 11
	smallHeight = 64
	margin      = 8
	between     = 7
)

// draw lays the parts out and draws them.
func (p *picture) draw(c draw.Canvas) {
	c.SetColor(white)
	c.Fill(c.Rectangle.Path())
	c = draw.Crop(c, margin, -margin-6, margin, -margin)

	main, hold, rope := p.forcePanel(), p.holdPanel(), p.ropePanel()
	panels := []*panel{main, rope}
	if hold != nil {
		panels = []*panel{main, hold, rope}
	}
	// All curves begin and end below one another, whatever the widths of the labels.
	left, right := c.Min.X, c.Max.X
	for _, q := range panels {
		d := q.data(c)
		left, right = max(left, d.Min.X), min(right, d.Max.X)
	}
	scale := float64(right-left) / (p.to - p.from)
	at := func(m *mark) float64 { return float64(left) + (m.x-p.from)*scale }
	rows := place(p.marks, at, func(m *mark) float64 { return float64(labelStyle.Width(m.text)) }, float64(left), float64(right), 3)

	bottom := c.Min.Y
	for i := len(panels) - 1; i > 0; i-- {
		height := smallHeight * vg.Length(1)
		if i == len(panels)-1 {
			height += 26 // the time axis
		}
		p.drawPanel(panels[i], draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{
			Min: vg.Point{X: c.Min.X, Y: bottom}, Max: vg.Point{X: c.Max.X, Y: bottom + height}}}, left, right)
		bottom += height + between
	}
	top := c.Max.Y - headHeight - vg.Length(rows)*rowHeight
	p.drawPanel(main, draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{
		Min: vg.Point{X: c.Min.X, Y: bottom}, Max: vg.Point{X: c.Max.X, Y: top}}}, left, right)
	p.drawLabels(c, at, top)
	p.drawHead(c, left)
}

// drawPanel draws a panel so that its curves begin at left and end at right.
func (p *picture) drawPanel(q *panel, c draw.Canvas, left, right vg.Length) {
	data := q.data(c)
	data.Min.X, data.Max.X = left, right
	q.draw(c, data)
}

package main

import (
	"fmt"
	"math"
	"strings"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
)

// dotTime is the time that one dot stands for: an ordinary terminal shows a minute.
const dotTime = 400 * time.Millisecond

// traceDots is how much is kept, for a terminal of 500 columns.
const traceDots = 1024

// trace is the force of the last minutes, one place a dot. Dots are cut from the
// control process's time, so that the picture moves without flickering.
type trace struct {
	dots   [traceDots]dot
	newest int64 // number of the newest dot
}

// dot is what was measured in dotTime; forces in N.
type dot struct {
	number    int64 // time / dotTime + 1, 0 = nothing yet
	low, high float64
	last      float64
	setPoint  float64 // the last, NaN = none was asked for
}

func newTrace() *trace { return &trace{} }

func (t *trace) add(s *control.Snapshot) {
	n := int64(s.At/dotTime) + 1
	force := math.Max(inNewtons(s.Force), 0)
	d := &t.dots[n%traceDots]
	if d.number != n {
		*d = dot{number: n, low: force, high: force}
	}
	d.low, d.high, d.last = math.Min(d.low, force), math.Max(d.high, force), force
	d.setPoint = math.NaN()
	if (s.Mode == control.Treating || s.Mode == control.Paused) && s.Phase != control.Slack {
		d.setPoint = inNewtons(s.SetPoint)
	}
	t.newest = max(t.newest, n)
}

// at is the dot of that number, nil = nothing was told then.
func (t *trace) at(n int64) *dot {
	if n < 1 {
		return nil
	}
	if d := &t.dots[n%traceDots]; d.number == n {
		return d
	}
	return nil
}

func inNewtons(f physic.Force) float64 { return float64(f) / float64(physic.Newton) }

// chart is a picture in braille: two dots a column, four a row.
type chart struct {
	width, height int // cells
	scale         float64
	force, target [][]uint8 // by row from the top, by column: braille bits
}

// brailleBits of the four rows, left and right (Unicode block 2800).
var brailleBits = [4][2]uint8{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}

// newChart draws the newest dots of t so that scale newtons are at the top.
func newChart(t *trace, width, height int, scale float64) *chart {
	c := &chart{width: width, height: height, scale: scale}
	for range height {
		c.force = append(c.force, make([]uint8, width))
		c.target = append(c.target, make([]uint8, width))
	}
	first := t.newest - int64(2*width) + 1
	for x := range 2 * width {
		d := t.at(first + int64(x))
		if d == nil {
			continue
		}
		low, high, from := d.low, d.high, d.setPoint
		if before := t.at(first + int64(x) - 1); before != nil { // join them
			low, high = math.Min(low, before.last), math.Max(high, before.last)
			if !math.IsNaN(before.setPoint) {
				from = before.setPoint
			}
		}
		c.stroke(c.force, x, low, high)
		if !math.IsNaN(d.setPoint) {
			c.stroke(c.target, x, math.Min(from, d.setPoint), math.Max(from, d.setPoint))
		}
	}
	return c
}

// row is the dot row, from the top, of a force.
func (c *chart) row(force float64) int {
	rows := 4*c.height - 1
	y := rows - int(math.Round(force/c.scale*float64(rows)))
	return min(max(y, 0), rows)
}

// stroke draws a vertical line of dots.
func (c *chart) stroke(cells [][]uint8, x int, low, high float64) {
	for y := c.row(high); y <= c.row(low); y++ {
		cells[y/4][x/2] |= brailleBits[y%4][x%2]
	}
}

// axisWidth is the room for numbers at the left.
const axisWidth = 6

// lines gives the rows with the axis at their left, and the time below. limit is
// drawn across where nothing else is.
func (c *chart) lines(p *palette, limit float64, label string) []string {
	marks := c.marks()
	var out []string
	limitRow := -1
	if limit > 0 && limit <= c.scale {
		limitRow = c.row(limit) / 4
	}
	for y := range c.height {
		l := newLine(p, axisWidth+c.width)
		if mark, ok := marks[y]; ok {
			l.add(faint, fmt.Sprintf("%*.0f ┤", axisWidth-2, mark))
		} else {
			l.add(faint, strings.Repeat(" ", axisWidth-1)+"│")
		}
		for x := range c.width {
			switch force, target := c.force[y][x], c.target[y][x]; {
			case force != 0:
				l.add(forceStyle, string(rune(0x2800+int(force|target))))
			case target != 0:
				l.add(setPointStyle, string(rune(0x2800+int(target))))
			case y == limitRow && x < len([]rune(label)):
				l.add(limitStyle, string([]rune(label)[x]))
			case y == limitRow:
				l.add(limitStyle, "╌")
			default:
				l.add(plain, " ")
			}
		}
		out = append(out, l.String())
	}
	return append(out, c.timeAxis(p))
}

// marks are round forces by row.
func (c *chart) marks() map[int]float64 {
	step, most := 1.0, math.Max(float64(c.height)/3, 4.5)
	for factor := 0; c.scale/step > most; factor++ {
		step *= []float64{2, 2.5, 2}[factor%3] // 1, 2, 5, 10, 20, 50 ...
	}
	marks := map[int]float64{}
	for f := 0.0; f <= c.scale; f += step {
		marks[c.row(f)/4] = f
	}
	return marks
}

// timeAxis is the line below, with a mark each 15 s.
func (c *chart) timeAxis(p *palette) string {
	const each = 15 * time.Second
	const columns = int(each / (2 * dotTime))
	axis := []rune(strings.Repeat("─", c.width))
	for x := c.width - 1 - columns; x >= 0; x -= columns {
		label := []rune(fmt.Sprintf("┴ %d s", -int(each.Seconds())*((c.width-1-x)/columns)))
		if x+len(label) < c.width {
			copy(axis[x:], label)
		}
	}
	copy(axis[max(c.width-3, 0):], []rune("now"))
	return newLine(p, axisWidth+c.width).add(faint, strings.Repeat(" ", axisWidth-1)+"└"+string(axis)).String()
}

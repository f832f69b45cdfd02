package retrofit

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	// gap (pixels) that wires of two nets keep from each other side by side, and a
	// crossing from the next corner, terminal or dot: less looks like a connection.
	gap = 8
	// wide is the width of a letter as a share of its height: DejaVu Sans has 0.55 to
	// 0.62 in ordinary words.
	wide = 0.6
)

// piece of a wire, from left to right or top to bottom.
type piece struct {
	net  string
	a, b point
}

func (p piece) flat() bool { return p.a.y == p.b.y }

func (d *drawing) pieces() (all []piece) {
	for i := range d.wires {
		c := d.wires[i].corners
		for j := range c[1:] {
			p := piece{d.wires[i].net, c[j], c[j+1]}
			if p.a.x > p.b.x || p.a.y > p.b.y {
				p.a, p.b = p.b, p.a
			}
			all = append(all, p)
		}
	}
	return all
}

// overlap is how long two pieces run side by side, and how far apart.
func overlap(p, q piece) (along, apart int) {
	if p.flat() {
		return min(p.b.x, q.b.x) - max(p.a.x, q.a.x), abs(p.a.y - q.a.y)
	}
	return min(p.b.y, q.b.y) - max(p.a.y, q.a.y), abs(p.a.x - q.a.x)
}

// crosses tells where a flat piece and a standing one meet.
func crosses(p, q piece) (at point, meet bool) {
	if !p.flat() {
		p, q = q, p
	}
	at = point{q.a.x, p.a.y}
	return at, p.a.x <= at.x && at.x <= p.b.x && q.a.y <= at.y && at.y <= q.b.y
}

// ambiguous lists wires that could be taken for one, or for two.
func (d *drawing) ambiguous() (bad []string) {
	complain := func(format string, args ...any) { bad = append(bad, fmt.Sprintf(format, args...)) }
	all := d.pieces()
	for i, p := range all {
		for _, q := range all[i+1:] {
			if p.flat() == q.flat() {
				if along, apart := overlap(p, q); along > 0 && (apart < gap && p.net != q.net || apart == 0) {
					complain("%s and %s run %d pixels apart at %v", p.net, q.net, apart, p.a)
				}
				continue
			}
			at, meet := crosses(p, q)
			if meet && !d.joint(at, p, q) && (p.net == q.net || near(at, p) || near(at, q)) {
				complain("%s and %s meet at %v", p.net, q.net, at)
			}
		}
		for _, b := range d.boxes {
			if p.a.x < b.x+b.w-1 && p.b.x > b.x+1 && p.a.y < b.y+b.h-1 && p.b.y > b.y+1 {
				complain("%s passes behind the part at %d,%d", p.net, b.x, b.y)
			}
		}
	}
	for _, t := range d.terminals {
		for i := range d.wires {
			w := &d.wires[i]
			if ends := w.ends(); w.passes(t.at) && ends[0] != t.at && ends[1] != t.at {
				complain("%s passes through %s", w.net, t.name)
			}
		}
	}
	return bad
}

// joint tells whether two pieces of one net may meet here: at a corner, a dot or a terminal.
func (d *drawing) joint(at point, p, q piece) bool {
	if p.net != q.net {
		return false
	}
	for i := range d.wires {
		for _, c := range d.wires[i].corners[1 : len(d.wires[i].corners)-1] {
			if c == at {
				return true
			}
		}
	}
	for _, o := range d.dots {
		if o.at == at {
			return true
		}
	}
	for _, t := range d.terminals {
		if t.at == at {
			return true
		}
	}
	return false
}

func near(at point, p piece) bool {
	return abs(at.x-p.a.x)+abs(at.y-p.a.y) < gap || abs(at.x-p.b.x)+abs(at.y-p.b.y) < gap
}

func abs(n int) int { return max(n, -n) }

// extent is the box that a text covers, roughly.
func (l *label) extent() box {
	size := 13.0
	for class, s := range map[string]float64{"title": 20, "name": 14, "small": 11} {
		if strings.Contains(l.class, class) {
			size = s
		}
	}
	w := int(wide * size * float64(utf8.RuneCountInString(l.text)))
	b := box{l.at.x, l.at.y - int(0.75*size), w, int(0.8 * size)}
	switch {
	case strings.Contains(l.class, "mid"):
		b.x -= w / 2
	case strings.Contains(l.class, "end"):
		b.x -= w
	}
	return b
}

func (b box) meets(o box) bool {
	return b.x < o.x+o.w && o.x < b.x+b.w && b.y < o.y+o.h && o.y < b.y+b.h
}

// hidden lists texts that leave the page, cover each other or lie on a wire.
func (d *drawing) hidden() (bad []string) {
	for i := range d.labels {
		l := &d.labels[i]
		e := l.extent()
		if e.x < 0 || e.y < 0 || e.x+e.w > d.width || e.y+e.h > d.height {
			bad = append(bad, fmt.Sprintf("%q leaves the page", l.text))
		}
		for j := range d.labels[:i] {
			if o := &d.labels[j]; e.meets(o.extent()) {
				bad = append(bad, fmt.Sprintf("%q covers %q", l.text, o.text))
			}
		}
		for _, p := range d.pieces() {
			if e.meets(box{p.a.x - 1, p.a.y - 1, p.b.x - p.a.x + 2, p.b.y - p.a.y + 2}) {
				bad = append(bad, fmt.Sprintf("%q lies on %s", l.text, p.net))
			}
		}
	}
	return bad
}

// TestDrawingsAreLegible: a background of their own, so that they can be read on a
// dark page too; no text on a wire, no wire that can be taken for another.
func TestDrawingsAreLegible(t *testing.T) {
	for _, name := range append([]string{"mechanics"}, circuits...) {
		d := read(t, name)
		assert.Equal(t, box{0, 0, d.width, d.height}, d.background, name)
		assert.Empty(t, d.hidden(), name)
		assert.Empty(t, d.ambiguous(), name)
	}
}

// TestWhatIsWrongWithADrawing: the rules can fail.
func TestWhatIsWrongWithADrawing(t *testing.T) {
	const frame = `<svg width="400" height="200"><rect class="paper" x="0" y="0" width="400" height="200"/>` +
		`<g data-part="A"><circle class="pin" data-pin="A.1" cx="20" cy="50" r="3"/><circle class="pin" data-pin="A.2" cx="20" cy="100" r="3"/></g>` +
		`<g data-part="B"><circle class="pin" data-pin="B.1" cx="300" cy="50" r="3"/><circle class="pin" data-pin="B.2" cx="300" cy="100" r="3"/></g>%s</svg>`
	const one, two = `<path data-net="one" d="M20 50 H300"/>`, `<path data-net="two" d="M20 100 H300"/>`
	for what, row := range map[string]struct{ add, want string }{
		"nothing":                  {one + two, ""},
		"a crossing":               {`<path data-net="one" d="M20 50 H200 V100 H300"/><path data-net="two" d="M20 100 H150 V50 H300"/>`, "one and two"},
		"an end in the air":        {two + `<path data-net="one" d="M20 50 H290"/>`, "where nothing is"},
		"a short circuit":          {one + `<path data-net="two" d="M20 100 H320 V50 H300"/>`, "B.1 is on"},
		"a wire through a pin":     {two + `<path data-net="one" d="M20 50 V120 H340 V50 H300"/>`, "passes through A.2"},
		"too close":                {one + `<path data-net="two" d="M20 100 V55 H290 V100 H300"/>`, "5 pixels apart"},
		"a dot that joins nothing": {one + two + `<circle class="dot" data-net="one" cx="100" cy="50" r="3"/>`, "joins 2 arms"},
		"two halves":               {`<path data-net="one" d="M20 50 H300"/><path data-net="one" d="M20 100 H300"/>`, "does not reach"},
		"a hidden wire":            {one + two + `<rect class="part" x="100" y="80" width="50" height="40"/>`, "passes behind"},
		"text on a wire":           {one + two + `<text x="100" y="54">words</text>`, "lies on one"},
		"text over text":           {one + two + `<text x="100" y="150">words</text><text x="110" y="152">words</text>`, "covers"},
		"text that is cut off":     {one + two + `<text x="380" y="150">words</text>`, "leaves the page"},
	} {
		d := parse(t, fmt.Sprintf(frame, row.add))
		_, bad := d.circuit()
		bad = append(append(bad, d.ambiguous()...), d.hidden()...)
		if row.want == "" {
			require.Empty(t, bad, what)
			continue
		}
		assert.Contains(t, strings.Join(bad, "\n"), row.want, what)
	}
}

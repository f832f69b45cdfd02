// Package retrofit holds the retrofit guide to the program: its drawings are read as
// circuits, wire by wire, and compared with the net lists beside them, with the
// settings and with docs/wiring.md; its table of drives is calculated again; its
// examples are loaded as settings. There is nothing else in it.
package retrofit

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	docs     = "../../../../docs"
	drawings = docs + "/retrofit"
)

// circuits are the drawings that hold wires; mechanics.svg holds none.
var circuits = []string{"minimum", "recommended", "hx711-gpio", "hx711-spi", "safety-chain", "pad"}

type point struct{ x, y int }

// terminal is where a wire may end. Drawn twice under one name it is one terminal.
type terminal struct {
	name string // "K1.A1", or the name of a rail
	part string // "" for a rail
	key  string // of the settings, on the computer's lines
	at   point
}

// wire is drawn in horizontal and vertical pieces, corner by corner.
type wire struct {
	net     string
	corners []point
}

func (w *wire) ends() [2]point { return [2]point{w.corners[0], w.corners[len(w.corners)-1]} }

// dot joins wires of one net.
type dot struct {
	net string
	at  point
}

type box struct{ x, y, w, h int }

type label struct {
	text, class string
	at          point
}

// drawing is what an SVG file shows.
type drawing struct {
	name          string
	width, height int
	background    box
	terminals     []terminal
	wires         []wire
	dots          []dot
	boxes         []box // of parts; no wire passes behind one
	labels        []label
}

// known is all that the drawings are made of: nothing that moves, links or runs.
var known = map[string][]string{
	"svg":    {"width", "height", "viewBox", "role", "aria-labelledby"},
	"title":  {"id"},
	"desc":   {"id"},
	"style":  {},
	"g":      {"data-part", "data-rail"},
	"rect":   {"class", "x", "y", "width", "height", "rx"},
	"path":   {"class", "data-net", "d"},
	"circle": {"class", "data-pin", "data-key", "data-net", "cx", "cy", "r"},
	"text":   {"class", "x", "y"},
}

// read parses a drawing; a mistake of form fails the test.
func read(t *testing.T, name string) *drawing {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(drawings, name+".svg"))
	require.NoError(t, err)
	d := parse(t, string(data))
	d.name = name
	return d
}

func parse(t *testing.T, svg string) *drawing {
	t.Helper()
	d := &drawing{}
	x := xml.NewDecoder(strings.NewReader(svg))
	x.Strict = true
	var open []map[string]string // attributes of the elements around, with their names under ""
	for {
		token, err := x.Token()
		if errors.Is(err, io.EOF) {
			return d
		}
		require.NoError(t, err)
		switch e := token.(type) {
		case xml.StartElement:
			a := map[string]string{"": e.Name.Local}
			allowed, ok := known[e.Name.Local]
			require.True(t, ok, "element %s", e.Name.Local)
			for _, at := range e.Attr {
				if at.Name.Local != "xmlns" {
					require.Contains(t, allowed, at.Name.Local, "attribute of %s", e.Name.Local)
				}
				a[at.Name.Local] = at.Value
			}
			open = append(open, a)
			d.take(t, a, around(open, "data-part"), around(open, "data-rail"))
		case xml.CharData:
			if a := open; len(a) > 0 && a[len(a)-1][""] == "text" {
				text := a[len(a)-1]
				d.labels = append(d.labels, label{string(e), text["class"], point{number(t, text["x"]), number(t, text["y"])}})
			}
		case xml.EndElement:
			open = open[:len(open)-1]
		}
	}
}

// around is an attribute of the nearest element around that has it.
func around(open []map[string]string, name string) string {
	for _, a := range slices.Backward(open) {
		if v := a[name]; v != "" {
			return v
		}
	}
	return ""
}

// take adds one element to the drawing.
func (d *drawing) take(t *testing.T, a map[string]string, part, rail string) {
	t.Helper()
	n := func(name string) int { return number(t, a[name]) }
	class := strings.Fields(a["class"])
	is := func(c string) bool { return slices.Contains(class, c) }
	switch a[""] {
	case "svg":
		d.width, d.height = n("width"), n("height")
	case "rect":
		r := box{n("x"), n("y"), n("width"), n("height")}
		switch {
		case is("paper"):
			d.background = r
		case is("part"):
			d.boxes = append(d.boxes, r)
		}
	case "circle":
		at := point{n("cx"), n("cy")}
		switch {
		case is("dot"):
			d.dots = append(d.dots, dot{a["data-net"], at})
		case a["data-pin"] != "":
			owner, _, _ := strings.Cut(a["data-pin"], ".")
			if rail != "" {
				owner = ""
				require.Equal(t, rail, a["data-pin"], "a rail's terminal has its name")
			} else {
				require.Equal(t, part, owner, "terminal %s stands with another part", a["data-pin"])
			}
			d.terminals = append(d.terminals, terminal{a["data-pin"], owner, a["data-key"], at})
		}
	case "path":
		if a["data-net"] != "" {
			d.wires = append(d.wires, wire{a["data-net"], corners(t, a["d"])})
		}
	}
}

// corners reads a path of horizontal and vertical pieces: M x y, then H x and V y.
func corners(t *testing.T, path string) (c []point) {
	t.Helper()
	f := strings.Fields(path)
	require.GreaterOrEqual(t, len(f), 3, path)
	c = []point{{number(t, strings.TrimPrefix(f[0], "M")), number(t, f[1])}}
	for _, step := range f[2:] {
		p := c[len(c)-1]
		switch step[0] {
		case 'H':
			p.x = number(t, step[1:])
		case 'V':
			p.y = number(t, step[1:])
		default:
			require.Fail(t, "a wire goes by H and V only", path)
		}
		require.NotEqual(t, c[len(c)-1], p, "a piece without length in %s", path)
		c = append(c, p)
	}
	return c
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	require.NoError(t, err, "coordinates are whole numbers")
	return n
}

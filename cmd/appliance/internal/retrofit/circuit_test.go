package retrofit

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// circuit is what a drawing connects: the terminals of each net, by name.
type circuit map[string][]string

// loose are the terminals that no wire reaches, and which say so.
const loose = "open"

// circuit follows the wires. What it returns besides are places in which the drawing
// can be read in two ways, or in none.
func (d *drawing) circuit() (circuit, []string) {
	var bad []string
	complain := func(format string, args ...any) { bad = append(bad, fmt.Sprintf(format, args...)) }
	at := map[point]string{}
	for _, p := range d.terminals {
		if other, taken := at[p.at]; taken {
			complain("%s and %s are drawn at one place", other, p.name)
		}
		at[p.at] = p.name
	}

	// Every end of a wire, every dot and every terminal is a place; places are joined
	// by wires, by dots, and by the name of a terminal or rail.
	joined := union{}
	nets := map[string]string{} // of a terminal, as its wires say
	for i := range d.wires {
		w := &d.wires[i]
		self := fmt.Sprintf("wire %d", i)
		for _, end := range w.ends() {
			name, terminal := at[end]
			joint := slices.Contains(d.dots, dot{w.net, end})
			switch {
			case terminal && nets[name] != "" && nets[name] != w.net:
				complain("%s is on %s and on %s", name, nets[name], w.net)
			case terminal:
				nets[name] = w.net
				joined.join(self, name)
			case !joint:
				complain("%s ends at %v, where nothing is", w.net, end)
			}
		}
		for _, p := range d.dots {
			if p.net == w.net && w.passes(p.at) {
				joined.join(self, fmt.Sprint("dot ", p.at))
			}
		}
	}
	for _, p := range d.dots {
		if arms := d.arms(p); arms < 3 {
			complain("the dot of %s at %v joins %d arms", p.net, p.at, arms)
		}
	}

	c := circuit{}
	for _, p := range d.terminals {
		net := nets[p.name]
		if net == "" {
			net = loose
		}
		if p.part != "" && !slices.Contains(c[net], p.name) {
			c[net] = append(c[net], p.name)
		}
		if p.part == "" && net != p.name {
			complain("rail %s is on %s", p.name, net)
		}
	}
	for net, names := range c {
		slices.Sort(names)
		for _, n := range names[1:] {
			if net != loose && joined.root(n) != joined.root(names[0]) {
				complain("%s does not reach from %s to %s", net, names[0], n)
			}
		}
	}
	return c, bad
}

// arms counts the pieces of wire that leave a dot.
func (d *drawing) arms(p dot) (n int) {
	for i := range d.wires {
		w := &d.wires[i]
		ends := w.ends()
		switch {
		case w.net != p.net || !w.passes(p.at):
		case ends[0] == p.at || ends[1] == p.at:
			n++
		default:
			n += 2
		}
	}
	return n
}

// passes tells whether the point is on the wire.
func (w *wire) passes(p point) bool {
	for i, b := range w.corners[1:] {
		a := w.corners[i]
		if min(a.x, b.x) <= p.x && p.x <= max(a.x, b.x) && min(a.y, b.y) <= p.y && p.y <= max(a.y, b.y) {
			return true
		}
	}
	return false
}

// list writes the nets as the guide does.
func (c circuit) list() []string {
	var rows []string
	for _, net := range slices.Sorted(maps.Keys(c)) {
		rows = append(rows, fmt.Sprintf("%s: %s", net, strings.Join(c[net], ", ")))
	}
	return rows
}

// netOf is the net of a terminal.
func (c circuit) netOf(terminal string) string {
	for net, names := range c {
		if slices.Contains(names, terminal) {
			return net
		}
	}
	return ""
}

// reaches tells whether current can get from one terminal to the other through wires and
// through the parts that are given as pairs of terminals.
func (c circuit) reaches(from, to string, through [][2]string) bool {
	joined := union{}
	for net, names := range c {
		for _, n := range names {
			if net != loose {
				joined.join("net "+net, n)
			}
		}
	}
	for _, pair := range through {
		joined.join(pair[0], pair[1])
	}
	return joined.root(from) == joined.root(to)
}

// union joins names to sets.
type union map[string]string

func (u union) root(name string) string {
	for u[name] != "" && u[name] != name {
		name = u[name]
	}
	return name
}

func (u union) join(a, b string) { u[u.root(a)] = u.root(b) }

package board

import "traction/hw"

// Place is where a line is and whose it is.
type Place struct {
	Pin    string // key in the settings, such as pins.cell_clock
	Line   string // as it is configured
	Where  string // chip, offset and label; "" when there is no such line, or several
	Holder string // who holds it; "" = nobody
}

// survey looks the lines up among those that there are.
func survey(lines Lines, known []line) (places []Place) {
	for _, w := range lines.wants(new(hw.Pins)) { // pins that nobody opens
		p := Place{Pin: w.key(), Line: w.line}
		if i, err := resolve(w.line, known); err == nil {
			p.Where, p.Holder = known[i].where(), known[i].consumer
		}
		places = append(places, p)
	}
	return places
}

package record

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"traction/control"
)

// mark is an event as the picture shows it.
type mark struct {
	x    float64 // s
	text string
	rank int // 0 is labelled first
	// joined is how many texts were put together.
	joined int
	// row of the label, counted upwards from the curve; -1 = no room for one.
	row int
	// left: the label ends at the line instead of beginning there.
	left  bool
	label interval
}

const (
	rankTrip = iota
	rankEnd
	rankWarning
	rankOther
	// mostMarks bounds the picture when something floods the events.
	mostMarks = 120
	mostRows  = 6
)

// markOf gives an event's label; ok is false for what the curves show anyway.
func markOf(e *control.Event) (m mark, ok bool) {
	m.row = -1
	switch e.Kind {
	case control.EventTrip:
		m.text, m.rank = "trip: "+e.Interlock.String(), rankTrip
	case control.EventReleaseLate:
		m.text, m.rank = "release late", rankTrip
	case control.EventTreatmentEnded:
		m.text, m.rank = "ended: "+e.End.String(), rankEnd
	case control.EventWarning:
		m.text, m.rank = "warning: "+e.Interlock.String(), rankWarning
	case control.EventOverrun:
		m.text, m.rank = "events lost", rankWarning
	case control.EventSlackConfirmed:
		m.text, m.rank = "slack", rankOther
	case control.EventAcknowledged:
		m.text, m.rank = "acknowledged", rankOther
	case control.EventCommand:
		m.text, m.rank = e.Command.String(), rankOther
		if e.Origin == control.Remote {
			m.text += " (remote)"
		}
	default:
		return m, false
	}
	return m, true
}

// marks are the events between from and to (s after zero), in order of time; the
// most important ones if there are too many. left is how many had to go.
func marks(events []control.Event, zero time.Duration, from, to float64) (out []mark, left int) {
	for i := range events {
		m, ok := markOf(&events[i])
		m.x = (events[i].At - zero).Seconds()
		if ok && m.x >= from && m.x <= to {
			out = append(out, m)
		}
	}
	if left = len(out) - mostMarks; left > 0 {
		slices.SortStableFunc(out, func(a, b mark) int { return a.rank - b.rank })
		out = out[:mostMarks]
	}
	byTime(out)
	return merge(out, (to-from)/400), max(left, 0)
}

// merge joins marks that are nearer than near (s) to each other: one line with
// the look of the most important one, whose text comes first.
func merge(ms []mark, near float64) []mark {
	var out []mark
	for _, m := range ms {
		n := len(out)
		if n == 0 || m.x-out[n-1].x > near {
			m.joined = 1
			out = append(out, m)
			continue
		}
		o := &out[n-1]
		known := strings.Contains(o.text, m.text)
		if !known {
			o.joined++
		}
		switch {
		case m.rank < o.rank:
			o.rank, o.x = m.rank, m.x
			o.text = m.text + ", " + o.text
		case known:
		case o.joined <= 3:
			o.text += ", " + m.text
		case o.joined == 4:
			o.text += ", ..."
		}
	}
	return out
}

func byTime(ms []mark) {
	slices.SortStableFunc(ms, func(a, b mark) int { return cmp.Compare(a.x, b.x) })
}

// interval is a stretch of the picture's width.
type interval struct{ from, to float64 }

// place gives each label a row so that no two overlap and no line runs through
// another's label. at is a mark's place and width its label's, in the same unit;
// labels stay between lo and hi. It returns the rows used.
func place(ms []mark, at, width func(*mark) float64, lo, hi, gap float64) int {
	order := make([]*mark, len(ms))
	for i := range ms {
		order[i] = &ms[i]
	}
	slices.SortStableFunc(order, func(a, b *mark) int { return a.rank - b.rank })
	var taken rows
	used := 0
	for _, m := range order {
		x, w := at(m), width(m)
		line := interval{x - gap/2, x + gap/2}
		best := mostRows
		for _, left := range [...]bool{false, true} {
			label := interval{x - gap/2, x + w + gap}
			if left {
				label = interval{x - w - gap, x + gap/2}
			}
			if label.from < lo-gap || label.to > hi+gap {
				continue
			}
			// Each line under the label needs a row of its own below it.
			below := 0
			for i := range ms {
				if o := at(&ms[i]); &ms[i] != m && o > label.from && o < label.to {
					below++
				}
			}
			if row := taken.find(label, line, min(below, mostRows-1)); row < best {
				best, m.row, m.left = row, row, left
				m.label = label
			}
		}
		if m.row < 0 {
			continue
		}
		taken[m.row] = append(taken[m.row], m.label)
		for row := range m.row {
			taken[row] = append(taken[row], line)
		}
		used = max(used, m.row+1)
	}
	return used
}

// rows are the parts of each row that are taken.
type rows [mostRows][]interval

func (r *rows) free(row int, want interval) bool {
	for _, t := range r[row] {
		if want.from < t.to && t.from < want.to {
			return false
		}
	}
	return true
}

// find returns the row for a label, best at or above wish, or else below;
// mostRows when there is none.
func (r *rows) find(label, line interval, wish int) int {
	reach := 0 // rows that the line can pass from below
	for reach < mostRows && r.free(reach, line) {
		reach++
	}
	for row := wish; row < mostRows && row <= reach; row++ {
		if r.free(row, label) {
			return row
		}
	}
	for row := min(wish-1, reach); row >= 0; row-- {
		if r.free(row, label) {
			return row
		}
	}
	return mostRows
}

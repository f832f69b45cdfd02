package record

import "slices"

// span is a run of sequence numbers without a gap, both ends included.
type span struct{ first, last uint64 }

// spans are the sequence numbers that were received, whether their entries were
// worth storing or not: sorted, never touching each other. They are what keeps
// the sequence checkable although idle entries are thrown away.
type spans []span

// has tells whether seq was received.
func (s spans) has(seq uint64) bool {
	// Nearly every question is about the end.
	if n := len(s); n == 0 || seq > s[n-1].last {
		return false
	}
	i := s.at(seq)
	return i < len(s) && s[i].first <= seq
}

// at is the index of the first span that ends at or after seq.
func (s spans) at(seq uint64) int {
	i, _ := slices.BinarySearchFunc(s, seq, func(x span, seq uint64) int {
		switch {
		case x.last < seq:
			return -1
		case x.last > seq:
			return 1
		}
		return 0
	})
	return i
}

// add marks first to last as received.
func (s spans) add(first, last uint64) spans {
	if n := len(s); n > 0 && first == s[n-1].last+1 {
		s[n-1].last = max(last, s[n-1].last)
		return s
	}
	// i is the first span that touches or overlaps, j the first beyond.
	i := s.at(max(first, 1) - 1)
	j := i
	for j < len(s) && s[j].first <= last+1 {
		first, last = min(first, s[j].first), max(last, s[j].last)
		j++
	}
	return slices.Replace(s, i, j, span{first, last})
}

// top is the highest number received, 0 when there is none.
func (s spans) top() uint64 {
	if len(s) == 0 {
		return 0
	}
	return s[len(s)-1].last
}

// gaps are the runs that are missing below the top, counted from 1.
func (s spans) gaps() []span {
	var out []span
	next := uint64(1)
	for _, x := range s {
		if x.first > next {
			out = append(out, span{next, x.first - 1})
		}
		next = x.last + 1
	}
	return out
}

package control

import "time"

// alarm renders the highest priority as lamp and buzzer levels after IEC
// 60601-1-8: high is red, flashing at 2 Hz with half duty, a burst of ten pulses
// of 150 ms repeated every 8 s; medium is yellow at 0.5 Hz, three pulses of
// 200 ms every 15 s; low is steady yellow without sound.
type alarm struct {
	priority Priority
	since    time.Duration
	tone     time.Duration // end of the end-of-treatment tone
}

// set takes the priority that holds now; a change restarts the pattern.
func (a *alarm) set(now time.Duration, p Priority) {
	if p != a.priority {
		a.priority, a.since = p, now
	}
}

// signalEnd sounds the end of a treatment once: one second.
func (a *alarm) signalEnd(now time.Duration) { a.tone = now + time.Second }

// levels of lamp and buzzer in this tick.
func (a *alarm) levels(now time.Duration) (red, yellow, buzzer bool) {
	t := now - a.since
	switch a.priority {
	case High:
		red = t%(500*time.Millisecond) < 250*time.Millisecond
		buzzer = burst(t%(8*time.Second), 150*time.Millisecond, highPattern[:])
	case Medium:
		yellow = t%(2*time.Second) < time.Second
		buzzer = burst(t%(15*time.Second), 200*time.Millisecond, mediumPattern[:])
	case Low:
		yellow = true
	}
	return red, yellow, buzzer || now < a.tone
}

// The patterns, one slot a pulse or a gap.
var (
	highPattern   = [...]bool{true, false, true, false, true, false, false, true, false, true, false, false, false, false, true, false, true, false, true, false, false, true, false, true}
	mediumPattern = [...]bool{true, false, true, false, true}
)

func burst(t, slot time.Duration, pattern []bool) bool {
	i := int(t / slot)
	return i < len(pattern) && pattern[i]
}

package control

import "time"

// alarm renders the highest priority as lamp and buzzer levels after IEC
// 60601-1-8: high is red, flashing at 2 Hz with half duty, a burst of ten pulses
// of 150 ms repeated every 8 s; medium is yellow at 0.5 Hz, three pulses of
// 200 ms every 15 s; low is steady yellow without sound.
type alarm struct {
	priority Priority
	since    time.Duration
	silent   time.Duration // until when the sound is paused; never the lamp

	ended bool          // a treatment is over and nobody has acknowledged that
	tone  time.Duration // when its tone began
}

const (
	// R-SILENCE: the sound may be paused for at most 120 s (IEC 60601-1-8).
	silenceMost = 120 * time.Second
	// R-END-TONE: the end of a treatment sounds for a second, and then every 30 s
	// until it is acknowledged (Chattanooga Triton).
	toneLength = time.Second
	toneAgain  = 300 * time.Millisecond
	toneEvery  = 30 * time.Second
)

// set takes the priority that holds now. A change of priority restarts the
// pattern; an alarm that begins, again or for the first time, ends a pause of the
// sound.
func (a *alarm) set(now time.Duration, p Priority, begins bool) {
	if p != a.priority {
		a.priority, a.since = p, now
	}
	if begins {
		a.silent = 0
	}
}

// silence pauses the sound.
func (a *alarm) silence(now time.Duration) { a.silent = now + silenceMost }

// silentFor is how much longer the sound is paused.
func (a *alarm) silentFor(now time.Duration) time.Duration { return max(a.silent-now, 0) }

// signalEnd sounds the end of a treatment.
func (a *alarm) signalEnd(now time.Duration) { a.ended, a.tone, a.silent = true, now, 0 }

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
	return red, yellow, (buzzer || a.endTone(now)) && a.silent <= now
}

// endTone tells whether the tone of the end sounds now.
func (a *alarm) endTone(now time.Duration) bool {
	t := now - a.tone
	return a.ended && (t < toneLength || t%toneEvery < toneAgain)
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

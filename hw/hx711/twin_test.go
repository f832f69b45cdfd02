package hx711

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/gpio"
)

// twin is two chips on one PD_SCK line, in one time, polled every millisecond.
type twin struct {
	t     testing.TB
	chips [2]*chip
	pair  *Pair

	now, tick time.Duration
	write     time.Duration                 // of PD_SCK
	read      time.Duration                 // of DOUT
	stretch   func(pulse int) time.Duration // extra high time of a pulse
	late      func() time.Duration          // how late a tick begins
	outErr    error
	vague     time.Duration // how much later than true Reading.At may be
	loose     [2]bool       // the wire changes what is read, so codes prove nothing

	pulses, frames int
	inPoll         int // pulses of this poll
	latest         [2]int
	done           [2][8]time.Duration // when the last conversions were
	code           [2]func(n int) int32

	good [2]int              // readings
	at   [2]time.Duration    // of the last one
	gap  [2]time.Duration    // longest age of the last one when the next came
	seen [2][faultCount]bool // faults
}

// truth is the code of a conversion: no two are alike nor a shift of another,
// and none is one that a fault alone produces.
func truth(chip, n int) int32 {
	x := uint32(n)*2654435761 + uint32(chip)*0x9e3779b9
	x ^= x >> 15
	return int32(x>>9&0x7ffffe) - 0x400000
}

// junk is what a chip at another gain, or one that has not settled, converts.
const junk = 0x6db6da

func newTwin(t testing.TB, opts Opts, first, second float64) *twin {
	w := &twin{t: t, write: time.Microsecond, read: 300 * time.Nanosecond, vague: 4 * time.Millisecond}
	for i, rate := range []float64{first, second} {
		c := newChip(rate)
		c.write, c.dip = 0, 75*time.Microsecond
		c.code = w.conversions(i, opts.Input.pulses())
		w.code[i] = func(n int) int32 { return truth(i, n) }
		w.chips[i] = c
	}
	a, b := w.data(0), w.data(1)
	var err error
	w.pair, err = NewPair(&twinClock{w: w}, a, b, opts, func() time.Duration { return w.now })
	require.NoError(t, err)
	return w
}

// conversions of chip i: its codes at the gain that so many pulses select, once
// four conversions have passed since the gain changed.
func (w *twin) conversions(i, pulses int) func(int) int32 {
	gain, restarts, valid := 25, 0, 0
	return func(n int) int32 {
		c := w.chips[i]
		w.done[i][n%8] = c.next
		if c.restart != restarts { // the chip itself waits for its output to settle
			gain, restarts, valid = 25, c.restart, n
		}
		if c.gain != gain {
			gain, valid = c.gain, n+settleConversions
		}
		if c.gain != pulses || n < valid {
			return junk
		}
		return w.code[i](n)
	}
}

type twinClock struct {
	gpio.PinIO // only what a test uses is there
	w          *twin
}

func (p *twinClock) Name() string { return "PD_SCK" }

func (p *twinClock) Out(l gpio.Level) error {
	w := p.w
	if w.outErr != nil {
		return w.outErr
	}
	w.now += w.write
	for i, c := range w.chips {
		c.now = w.now
		c.advance()
		if l && w.inPoll == 0 {
			w.latest[i] = c.n - 1
		}
		c.drive(bool(l))
	}
	if l {
		if w.inPoll == 0 {
			w.frames++
		}
		w.inPoll++
		w.pulses++
		if w.stretch != nil {
			w.now += w.stretch(w.pulses)
		}
	}
	return nil
}

func (w *twin) data(i int) *twinData { return &twinData{w: w, c: w.chips[i]} }

type twinData struct {
	gpio.PinIO // only what a test uses is there
	w          *twin
	c          *chip
	pull       gpio.Pull
	err        error
}

func (p *twinData) Name() string { return "DOUT" }

func (p *twinData) In(pull gpio.Pull, _ gpio.Edge) error {
	p.pull = pull
	return p.err
}

func (p *twinData) Read() gpio.Level {
	p.c.now = p.w.now
	level := p.c.level()
	p.w.now += p.w.read
	return level
}

// poll goes to the next tick and polls. Every reading has to be the very
// conversion that was there when its frame began, and to know when it was made.
func (w *twin) poll() (got [2]Reading) {
	w.tick += time.Millisecond
	begin := w.tick
	if w.late != nil {
		begin += w.late()
	}
	w.now = max(w.now, begin)
	w.inPoll = 0
	got[0], got[1] = w.pair.Poll(w.now)
	if most := w.pair.first.input.pulses() + 1; w.inPoll > most { // a restart raises it once more
		w.t.Fatalf("%d pulses in one poll", w.inPoll)
	}
	for i, r := range got {
		w.seen[i][r.Fault] = true
		if r.Ready {
			w.check(i, r)
		}
	}
	return got
}

func (w *twin) check(i int, r Reading) {
	made := w.done[i][w.latest[i]%8]
	w.good[i]++
	switch {
	case r.Fault != None || int(r.Seq) != w.good[i]:
		w.t.Fatalf("cell %d: reading %d is %+v", i, w.good[i], r)
	case w.loose[i]:
	case int32(r.Counts) != w.code[i](w.latest[i]):
		w.t.Fatalf("cell %d at %v: %d is not conversion %d", i, w.now, r.Counts, w.latest[i])
	case r.At < made, r.At > made+w.vague, r.At > w.now:
		w.t.Fatalf("cell %d at %v: made at %v, said %v", i, w.now, made, r.At)
	}
	if w.at[i] != 0 {
		w.gap[i] = max(w.gap[i], w.now-w.at[i])
	}
	w.at[i] = r.At
}

// run polls for a time and returns how many readings came of each.
func (w *twin) run(d time.Duration) [2]int {
	before := w.good
	for end := w.tick + d; w.tick < end; {
		w.poll()
	}
	return [2]int{w.good[0] - before[0], w.good[1] - before[1]}
}

// fresh forgets what was seen.
func (w *twin) fresh() {
	w.gap, w.at, w.seen = [2]time.Duration{}, [2]time.Duration{}, [2][faultCount]bool{}
}

// faults lists what was seen of a chip that is not good.
func (w *twin) faults(i int) (all []Fault) {
	for f := range faultCount {
		if w.seen[i][f] && f != None && f != NotReady {
			all = append(all, f)
		}
	}
	return all
}

func (w *twin) stats(i int) Stats {
	a, b := w.pair.Stats()
	return [2]Stats{a, b}[i]
}

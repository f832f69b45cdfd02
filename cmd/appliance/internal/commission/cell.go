package commission

import (
	"fmt"
	"math"
	"strings"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/calfile"
	"traction/control/quantity"
	"traction/hw/hx711"
)

const (
	// chipNoise is the converter's own: 90 nV rms at 80/s, gain 128, and 2.33 nV a
	// count at 5 V (HX711 data sheet). A good cell adds next to nothing.
	chipNoise = 39.0
	// noisy is ten times that: cable, supply, or something that moves the rope.
	noisy = 10 * chipNoise
	// adrift is what no cell at rest does: an unconnected input wanders.
	adrift = 100 * chipNoise
	// fewest conversions, as a share of those configured: the chip's oscillator may
	// be 15 % slow, and a tenth may be lost.
	fewest = 0.75
	// lossy is the share of rejected frames that is worth knowing: one in a hundred
	// still leaves every gap below 36 ms.
	lossy = 0.01
)

// CellFigures are what was measured at the load cell.
type CellFigures struct {
	RateHz         float64           `json:"rate_hz"`
	Conversions    uint64            `json:"conversions"`
	Rejected       map[string]uint64 `json:"rejected"` // by fault; empty is good
	Restarts       uint64            `json:"restarts"` // beyond the first
	LongestPulseUS float64           `json:"longest_pulse_us"`
	MeanCounts     float64           `json:"mean_counts"`
	NoiseCounts    float64           `json:"noise_counts"` // rms
	DriftCounts    float64           `json:"drift_counts_per_minute"`

	// With a calibration only.
	ForceN float64 `json:"force_n,omitempty"`
	NoiseN float64 `json:"noise_n,omitempty"`
	DriftN float64 `json:"drift_n_per_minute,omitempty"`
	// DifferenceN of the second cell: its force less that of the first.
	DifferenceN float64 `json:"difference_n,omitempty"`
}

// cellWatch collects what the converter of one cell says.
type cellWatch struct {
	name   string // begins its findings: "" or "second "
	series series
	rate   physic.Frequency
	*CellFigures
}

// settled is when the converter must have delivered at the latest: 600 ms at 10/s.
const settled = 600 * time.Millisecond

func (w *cellWatch) see(c *hx711.Reading, rate physic.Frequency, since time.Duration) {
	if rate > 0 { // 0 after a restart, until there are two conversions again
		w.rate = rate
	}
	if c.Ready && since >= settled {
		w.series.add(c.At, float64(c.Counts))
	}
}

func (w *cellWatch) figures(s hx711.Stats) *CellFigures {
	f := &CellFigures{
		RateHz: float64(w.rate) / float64(physic.Hertz), Conversions: s.Accepted, Rejected: map[string]uint64{},
		LongestPulseUS: float64(s.LongestPulse) / float64(time.Microsecond),
		MeanCounts:     w.series.mean(), NoiseCounts: w.series.noise(), DriftCounts: 60 * w.series.slope(),
	}
	if s.Resets > 0 {
		f.Restarts = s.Resets - 1
	}
	for fault, n := range s.Rejected {
		if n > 0 {
			f.Rejected[hx711.Fault(fault).String()] = n
		}
	}
	w.CellFigures = f
	return f
}

// faultAdvice says what to do about each fault that lasts.
var faultAdvice = map[hx711.Fault]string{
	hx711.LatePulse: "the thread is preempted inside frames: real-time priority, or cell.interface = \"spi\"",
	hx711.LateFrame: "frames are read too late: real-time priority, or cell.interface = \"spi\"",
	hx711.Desync:    "no HX711 answers, or its DOUT wire is loose: check pins.cell_clock, pins.cell_data (the second cell: pins.cell_data_2) and the plug",
	hx711.Saturated: "the cell is overloaded, or one of its four wires is broken",
	hx711.Truncated: "the converter loses power in the middle of frames: check its supply",
	hx711.Stuck:     "the converter repeats itself: switch its supply off and on; if it stays, replace it",
	hx711.WrongRate: "put the RATE strap of the HX711 high, for 80 conversions a second",
	hx711.Silent:    "the converter is missing, has no power, or its DOUT wire is broken",
	hx711.IO:        "the pins or the SPI port report errors: see the kernel's log",
}

// converter judges frames; what they say comes later.
func (w *cellWatch) converter(r *Report, nominal physic.Frequency, lookedAt time.Duration) {
	f := w.CellFigures
	expected := float64(nominal) / float64(physic.Hertz) * max(lookedAt-settled, 0).Seconds()
	rejected, most, worst := uint64(0), uint64(0), hx711.None
	var kinds []string
	for _, fault := range hx711.Faults() {
		if n := f.Rejected[fault.String()]; n > 0 {
			rejected += n
			kinds = append(kinds, fmt.Sprintf("%s %d", fault, n))
			if n > most {
				most, worst = n, fault
			}
		}
	}
	found := fmt.Sprintf("%.1f conversions a second, %d good, %d rejected", f.RateHz, f.Conversions, rejected)
	if kinds != nil {
		found += " (" + strings.Join(kinds, ", ") + ")"
	}
	advice := faultAdvice[worst]
	switch {
	case w.series.n < fewest*expected || w.series.n < 3:
		r.add(w.name+"converter", Fail, advice, "%s", found)
	case float64(rejected) > lossy*float64(f.Conversions) || f.Restarts > 0:
		r.add(w.name+"converter", Warn, advice, "%s", found)
	default:
		r.add(w.name+"converter", Pass, "", "%s", found)
	}
}

// noise judges the conversions themselves. It says nothing when there are none.
func (w *cellWatch) noise(r *Report) {
	f := w.CellFigures
	if w.series.n < 3 {
		r.add(w.name+"noise", Skip, "", "no conversions")
		return
	}
	found := fmt.Sprintf("%.0f counts rms", f.NoiseCounts)
	if f.NoiseN > 0 {
		found += fmt.Sprintf(", %.3f N", f.NoiseN)
	}
	switch {
	case f.NoiseCounts > adrift:
		r.add(w.name+"noise", Fail, "leave the rope alone and check again; if it stays, one of the cell's four wires is broken", "%s", found)
	case f.NoiseCounts > noisy:
		r.add(w.name+"noise", Warn, "leave the rope alone and check again; then look at cable, shield and supply of the cell", "%s; the converter alone has %.0f", found, chipNoise)
	default:
		r.add(w.name+"noise", Pass, "", "%s", found)
	}
}

// calibration judges the file; ok tells that force can be worked out.
func (c *Check) calibration(r *Report) (calfile.File, bool) {
	f, err := c.Calibration()
	wired := c.Settings.Pins.CellData2 != ""
	switch {
	case err != nil:
		r.add("calibration", Fail, "appliance calibrate", "%v", err)
		return f, false
	case wired && !f.HasSecond():
		r.add("calibration", Fail, "appliance calibrate", "of %s by %s: without the second cell, which is wired", f.Date.Format(time.DateOnly), f.By)
	case !wired && f.HasSecond():
		r.add("calibration", Warn, "name the second cell's line in pins.cell_data_2; without one, calibrate again",
			"of %s by %s: with a second cell, which is not wired", f.Date.Format(time.DateOnly), f.By)
	case f.Date.After(r.At.Add(24 * time.Hour)):
		r.add("calibration", Warn, "set the clock, or calibrate again", "of %s by %s: in the future", f.Date.Format(time.DateOnly), f.By)
	default:
		scale := fmt.Sprintf("%.1f", f.Calibration.PerNewton)
		if wired {
			scale += fmt.Sprintf(" and %.1f", f.Second.Calibration.PerNewton)
		}
		r.add("calibration", Pass, "", "of %s by %s, %s counts for 1 N, cell of %s", f.Date.Format(time.DateOnly), f.By,
			scale, quantity.Format(f.Calibration.Capacity))
	}
	return f, true
}

const (
	// zeroOff is a zero that has moved further than a cell's temperature moves it
	// in a day: 1 % of a 1000 N cell.
	zeroOff = 10.0
	// tension is what the control process takes for a rope still under load when it
	// starts; it then unwinds.
	tension = 25.0
	// drifting is more in a minute than a cell moves while its electronics warm up.
	drifting = 2.0
	// disagreeing ends a treatment: one of the cells is wrong.
	disagreeing = 15.0
	// unlike is a third of that, and more than two good cells differ by.
	unlike = 5.0
)

// force judges where zero is. With the rope slack, as a check asks for, the force
// is how far zero has moved since the calibration.
func (w *cellWatch) force(r *Report, cal control.Calibration) {
	if w.series.n < 3 {
		r.add(w.name+"force", Skip, "", "no conversions")
		return
	}
	c := w.CellFigures
	k := cal.PerNewton
	c.ForceN = (c.MeanCounts - float64(cal.Zero)) / k
	c.NoiseN, c.DriftN = c.NoiseCounts/math.Abs(k), c.DriftCounts/k
	found := fmt.Sprintf("%+.2f N with the rope slack, drifting by %+.2f N a minute", c.ForceN, c.DriftN)
	switch {
	case math.Abs(c.ForceN) >= tension:
		r.add(w.name+"force", Fail, "take everything off the rope and check again; if it stays, calibrate", "%s", found)
	case math.Abs(c.ForceN) >= zeroOff:
		r.add(w.name+"force", Warn, "take everything off the rope and check again; if it stays, calibrate", "%s", found)
	case math.Abs(c.DriftN) >= drifting:
		r.add(w.name+"force", Warn, "let it warm up for a quarter of an hour and check again", "%s", found)
	default:
		r.add(w.name+"force", Pass, "", "%s", found)
	}
}

// difference judges the second cell by the first: both feel the same rope.
func (w *cellWatch) difference(r *Report, first *cellWatch) {
	if w.series.n < 3 || first.series.n < 3 {
		r.add("cells", Skip, "", "no conversions of one of them")
		return
	}
	w.DifferenceN = w.ForceN - first.ForceN
	found := fmt.Sprintf("the second reads %+.2f N more than the first", w.DifferenceN)
	const advice = "take everything off the rope and check again; if it stays, calibrate both"
	switch d := math.Abs(w.DifferenceN); {
	case d >= disagreeing:
		r.add("cells", Fail, advice, "%s", found)
	case d >= unlike:
		r.add("cells", Warn, advice, "%s", found)
	default:
		r.add("cells", Pass, "", "%s", found)
	}
}

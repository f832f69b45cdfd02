package commission

import (
	"fmt"
	"io/fs"
	"math/bits"
	"os"
	"path/filepath"
	"strings"
	"time"

	"traction/control"
	"traction/control/executive"
)

// Machine is what a check asks of the computer; tests have their own.
type Machine struct {
	// Sys is /sys.
	Sys fs.FS
	// Now is the wall clock.
	Now func() time.Time
	// Free is how many bytes an ordinary user may still write in a folder.
	Free func(folder string) (uint64, error)
}

// ThisMachine is the computer that the program runs on.
func ThisMachine() Machine {
	return Machine{Sys: os.DirFS("/sys"), Now: time.Now, Free: free}
}

// kernel looks for PREEMPT_RT: kernels with the patch set say so in
// /sys/kernel/realtime, all of them in the version that uname gives.
func (m *Machine) kernel(r *Report) {
	text, err := fs.ReadFile(m.Sys, "kernel/realtime")
	if err == nil && strings.TrimSpace(string(text)) == "1" || strings.Contains(r.Kernel, " PREEMPT_RT ") {
		r.add("kernel", Pass, "", "PREEMPT_RT, %s", r.Kernel)
		return
	}
	r.add("kernel", Warn, "boot a kernel with PREEMPT_RT; without it steps come late under load", "not PREEMPT_RT, %s", r.Kernel)
}

// earliest is a time that has passed everywhere: a clock before it was never set.
var earliest = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

func (m *Machine) wallClock(r *Report) {
	if r.At.Before(earliest) {
		r.add("clock", Fail, "set the time (timedatectl), or connect a network with a time server: records and calibrations carry dates",
			"%s was before this software existed", r.At.Format(time.RFC3339))
		return
	}
	r.add("clock", Pass, "", "%s", r.At.Format(time.RFC3339))
}

// What the record needs: 1 MB a treatment is generous, so 50 MB are the last weeks
// of a full disk, and 500 MB a year.
const (
	leastSpace = 50 << 20
	fewSpace   = 500 << 20
)

// space looks at the disk of the record, at the folder above while there is none.
func (m *Machine) space(r *Report, record string) {
	folder := filepath.Dir(record)
	bytes, err := m.Free(folder)
	for err != nil && filepath.Dir(folder) != folder {
		folder = filepath.Dir(folder)
		bytes, err = m.Free(folder)
	}
	const advice = "make room on the disk of record.path: a treatment that cannot be written is lost"
	switch found := fmt.Sprintf("%d MB free in %s", bytes>>20, folder); {
	case err != nil:
		r.add("disk", Fail, advice, "cannot be told: %v", err)
	case bytes < leastSpace:
		r.add("disk", Fail, advice, "%s", found)
	case bytes < fewSpace:
		r.add("disk", Warn, advice, "%s", found)
	default:
		r.add("disk", Pass, "", "%s", found)
	}
}

// LatenessFigures tell how late the thread woke.
type LatenessFigures struct {
	Ticks   uint64 `json:"ticks"`
	Missed  uint64 `json:"missed"`
	P50US   int64  `json:"p50_us"` // upper bounds, powers of two
	P99US   int64  `json:"p99_us"`
	WorstUS int64  `json:"worst_us"`
	// Buckets[i] counts wake-ups that were less than 2^i us late, and not less than
	// 2^(i-1).
	Buckets []uint64 `json:"buckets"`
}

// lateness collects how late ticks began, as the executive does.
type lateness struct {
	executive.Lateness
	next time.Duration
}

func (l *lateness) add(now, late time.Duration) {
	if l.next != 0 && now-late > l.next {
		l.Missed += uint64((now - late - l.next) / tick)
	}
	l.next = now - late + tick
	i := bits.Len64(uint64(max(late, 0) / time.Microsecond))
	l.Buckets[min(i, len(l.Buckets)-1)]++
	l.Ticks++
	l.Worst = max(l.Worst, late)
}

func (l *lateness) figures() *LatenessFigures {
	top := len(l.Buckets)
	for top > 0 && l.Buckets[top-1] == 0 {
		top--
	}
	return &LatenessFigures{Ticks: l.Ticks, Missed: l.Missed, P50US: l.Quantile(0.5).Microseconds(),
		P99US: l.Quantile(0.99).Microseconds(), WorstUS: l.Worst.Microseconds(), Buckets: l.Buckets[:top:top]}
}

// tooLate is the drive's own dead-man: a thread this late has let go of the motor.
const tooLate = 20 * time.Millisecond

// realTime judges what the kernel granted and how late the thread woke. A step
// that comes later than the next one is due makes the motor stutter, so the time
// between two steps at release speed is the measure; and one wake-up that misses a
// whole tick can cost a fast motor its steps.
func (c *Check) realTime(r *Report, g grant, l *lateness) {
	bad := Fail
	if c.Settings.Control.AllowNoRealtime {
		bad = Warn
	}
	k := &c.Settings.Control
	granted := func(check string, err error, found, advice string) {
		switch {
		case !g.asked:
			r.add(check, Skip, "", "not asked for")
		case err != nil:
			r.add(check, bad, advice, "refused: %v", err)
		default:
			r.add(check, Pass, "", "%s", found)
		}
	}
	granted("priority", g.fifo, fmt.Sprintf("SCHED_FIFO %d granted, and given back", k.Priority),
		"run as root, as the service with LimitRTPRIO, or with CAP_SYS_NICE")
	granted("memory", g.memory, "locked, and given back", "raise LimitMEMLOCK, or run as root")
	if k.CPU >= 0 {
		granted("cpu", g.cpu, fmt.Sprintf("stayed on CPU %d, and given back", k.CPU), "name an existing CPU in control.cpu, or -1")
	}
	if l.Ticks == 0 {
		r.add("lateness", Skip, "", "nothing was measured")
		return
	}
	r.Lateness = l.figures()
	rate := float64(c.Settings.Table.Limits.ReleaseSpeed) / float64(control.MilliMetrePerSecond) * c.Settings.Motor.StepsPerMM
	step := time.Duration(float64(time.Second) / rate).Round(time.Microsecond)
	p99 := l.Quantile(0.99)
	found := fmt.Sprintf("%d wake-ups, half below %v, 99 %% below %v, worst %v; a release takes %.0f steps a second, one in %v",
		l.Ticks, l.Quantile(0.5), p99, l.Worst.Round(time.Microsecond), rate, step)
	switch {
	case l.Worst >= tooLate || p99 > step:
		r.add("lateness", bad, "use a PREEMPT_RT kernel and SCHED_FIFO, set control.cpu to an isolated CPU, or use fewer microsteps", "%s", found)
	case p99 > step/2 || l.Worst >= tick:
		r.add("lateness", Warn, "use a PREEMPT_RT kernel and SCHED_FIFO, set control.cpu to an isolated CPU, or use fewer microsteps", "%s", found)
	default:
		r.add("lateness", Pass, "", "%s", found)
	}
}

// write draws the histogram.
func (l *LatenessFigures) write(b *strings.Builder) {
	most := uint64(1)
	for _, n := range l.Buckets {
		most = max(most, n)
	}
	fmt.Fprintf(b, "\nlateness of %d wake-ups, %d left out\n", l.Ticks, l.Missed)
	for i, n := range l.Buckets {
		fmt.Fprintf(b, "%9s %8d %s\n", "< "+short(time.Duration(1)<<i*time.Microsecond), n, strings.Repeat("#", int((n*40+most-1)/most)))
	}
}

// short writes a bound of the histogram in at most 7 characters.
func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	}
	return fmt.Sprintf("%d us", d.Microseconds())
}

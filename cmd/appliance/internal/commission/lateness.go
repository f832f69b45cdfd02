package commission

import (
	"fmt"
	"math/bits"
	"strings"
	"time"

	"traction/control/executive"
)

// LatenessFigures tell how late the thread woke.
type LatenessFigures struct {
	UnderLoad bool   `json:"under_load"`
	Ticks     uint64 `json:"ticks"`
	Missed    uint64 `json:"missed"`
	P50US     int64  `json:"p50_us"` // upper bounds, powers of two
	P99US     int64  `json:"p99_us"`
	WorstUS   int64  `json:"worst_us"`
	// Buckets[i] counts wake-ups that were less than 2^i us late, and not less than
	// 2^(i-1).
	Buckets []uint64 `json:"buckets"`
	// Limits are what this table's settings need.
	Limits []LatenessLimit `json:"limits"`
}

// LatenessLimit is a lateness that costs something.
type LatenessLimit struct {
	LimitUS int64   `json:"limit_us"`
	Costs   string  `json:"costs"`
	From    string  `json:"from"`    // where the figure comes from
	Allowed uint64  `json:"allowed"` // wake-ups that may be later
	Later   uint64  `json:"later"`   // that were
	Verdict Verdict `json:"verdict"`
}

// lateness collects how late ticks began, as the executive does.
type lateness struct {
	executive.Lateness
	next   time.Duration
	limits []limit
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
	for i := range l.limits {
		if late > l.limits[i].most {
			l.limits[i].later++
		}
	}
}

func (l *lateness) figures(underLoad bool, worse Verdict) *LatenessFigures {
	top := len(l.Buckets)
	for top > 0 && l.Buckets[top-1] == 0 {
		top--
	}
	f := &LatenessFigures{UnderLoad: underLoad, Ticks: l.Ticks, Missed: l.Missed, P50US: l.Quantile(0.5).Microseconds(),
		P99US: l.Quantile(0.99).Microseconds(), WorstUS: l.Worst.Microseconds(), Buckets: l.Buckets[:top:top], Limits: []LatenessLimit{}}
	for i := range l.limits {
		f.Limits = append(f.Limits, l.limits[i].judged(l.Ticks, worse))
	}
	return f
}

// grants judges what the kernel granted to the thread that looked.
func (c *Check) grants(r *Report, g grant) {
	k := &c.Settings.Control
	by := ""
	if c.Machine.Superuser {
		by = " (root is bound by no limit)"
	}
	granted := func(check string, err error, found, advice string) {
		switch {
		case !g.asked:
			r.add(check, Skip, "", "not asked for")
		case err != nil:
			r.add(check, c.noRealTime(), advice, "refused: %v", err)
		default:
			r.add(check, Pass, "", "%s", found)
		}
	}
	granted("priority", g.fifo, fmt.Sprintf("SCHED_FIFO %d granted%s, and given back", k.Priority, by),
		"run as root, as the service with LimitRTPRIO, or with CAP_SYS_NICE")
	granted("memory", g.memory, "locked"+by+", and given back", "raise LimitMEMLOCK, or run as root")
	if k.CPU >= 0 {
		granted("cpu", g.cpu, fmt.Sprintf("stayed on CPU %d, and given back", k.CPU), "name an existing CPU in control.cpu, or -1")
	}
}

// lateness judges how late the thread woke, by what this table's motor and its
// interlocks can bear.
func (c *Check) lateness(r *Report, l *lateness, underLoad bool) {
	if l.Ticks == 0 {
		r.add("lateness", Skip, "", "nothing was measured")
		return
	}
	r.Lateness = l.figures(underLoad, c.noRealTime())
	load := "without load"
	if underLoad {
		load = "under load"
	}
	found := fmt.Sprintf("%d wake-ups %s, half below %v, 99 %% below %v, worst %v", l.Ticks, load,
		l.Quantile(0.5), l.Quantile(0.99), l.Worst.Round(time.Microsecond))
	verdict := Pass
	for _, x := range r.Lateness.Limits {
		if x.Verdict == Pass {
			continue
		}
		found += fmt.Sprintf("\n%d later than %s (allowed %d): %s", x.Later, short(time.Duration(x.LimitUS)*time.Microsecond), x.Allowed, x.Costs)
		if verdict != Fail {
			verdict = x.Verdict
		}
	}
	r.add("lateness", verdict, "use a PREEMPT_RT kernel and SCHED_FIFO, set control.cpu to an isolated CPU, or use fewer microsteps", "%s", found)
}

// write draws the histogram and the limits.
func (l *LatenessFigures) write(b *strings.Builder) {
	most := uint64(1)
	for _, n := range l.Buckets {
		most = max(most, n)
	}
	fmt.Fprintf(b, "\nlateness of %d wake-ups, %d left out\n", l.Ticks, l.Missed)
	for i, n := range l.Buckets {
		line := fmt.Sprintf("%9s %8d %s", "< "+short(time.Duration(1)<<i*time.Microsecond), n, strings.Repeat("#", int((n*40+most-1)/most)))
		fmt.Fprintln(b, strings.TrimRight(line, " "))
	}
	fmt.Fprintf(b, "\nlater than  allowed    were  what it costs\n")
	for _, x := range l.Limits {
		fmt.Fprintf(b, "%10s %8d %7d  %s\n%29s= %s\n", short(time.Duration(x.LimitUS)*time.Microsecond), x.Allowed, x.Later, x.Costs, "", x.From)
	}
}

// short writes a duration of the histogram in at most 7 characters.
func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	}
	return fmt.Sprintf("%d us", d.Microseconds())
}

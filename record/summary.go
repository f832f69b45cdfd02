package record

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/link"
)

// summaryEvents is how many events a summary shows, so that it fits a screen of
// 24 lines.
const summaryEvents = 10

// WriteSummary writes what matters of a session on one screen of plain text, at
// most 24 lines.
func WriteSummary(w io.Writer, x Session, events []control.Event) error {
	var b bytes.Buffer
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-15s%s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(&b, "Treatment %d, table %s\n\n", x.Treatment, x.Boot.Table)
	const day = "2006-01-02 15:04:05 MST"
	if r := x.Report; r == nil {
		line("began", "%s", x.Wall(x.Began).Format(day))
		line("last sample", "%s, %s later", x.Wall(x.Ended).Format("15:04:05"), minutes(x.Ended-x.Began))
		line("result", "no report: it still runs, or was cut off by a loss of power")
	} else {
		line("programme", "%s", r.Programme)
		line("began", "%s", x.Wall(r.Started).Format(day))
		line("ended", "%s, after %s: %s", x.Wall(r.Ended).Format("15:04:05"), minutes(r.Ended-r.Started), endText(r))
		line("treatment", "%s in %s", minutes(r.Elapsed), plural(int(r.Cycles), "cycle"))
		line("force", "peak %s, limit %s (%s)", newtons(r.Peak), newtons(r.Limit.Value), r.Limit.Reason)
		if r.Holds > 0 {
			line("hold", "mean %s, mean error %.1f N, %.1f %% of the samples within 5 %%",
				newtons(r.MeanHold), inNewtons(r.MeanHoldError), 100*r.HoldWithin5)
		} else {
			line("hold", "was not reached")
		}
		line("travel", "%.1f mm at most", float64(r.MaxTravel)/float64(physic.MilliMetre))
		if r.TimeToSlack > 0 {
			line("release", "slack after %.1f s", r.TimeToSlack.Seconds())
		} else {
			line("release", "slack was not confirmed")
		}
		if r.Trips != 0 && r.End != control.EndTripped {
			line("trips", "%s", tripNames(r.Trips, ", "))
		}
	}
	x.summariseEvents(&b, events)
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("record: summary: %w", err)
	}
	return nil
}

// summariseEvents lists the events that tell the story, the newest ones if there
// are too many.
func (x *Session) summariseEvents(b *bytes.Buffer, events []control.Event) {
	var told []control.Event
	for _, e := range events {
		switch e.Kind {
		case control.EventPhase, control.EventMode:
			// The cycles and the result say as much.
		default:
			told = append(told, e)
		}
	}
	if len(told) == 0 {
		return
	}
	b.WriteString("\n")
	if n := len(told) - summaryEvents; n > 0 {
		fmt.Fprintf(b, "  (%s before)\n", plural(n, "event"))
		told = told[n:]
	}
	for i := range told {
		// What to do about it follows the semicolon; that was then.
		text, _, _ := strings.Cut(link.Text(told[i]), "; ")
		fmt.Fprintf(b, "  %s  %s\n", x.Wall(told[i].At).Format("15:04:05"), strings.TrimSuffix(text, "."))
	}
}

// endText names the trips of a treatment that was tripped.
func endText(r *control.Report) string {
	if r.End == control.EndTripped && r.Trips != 0 {
		return "tripped by " + tripNames(r.Trips, ", ")
	}
	return strings.ReplaceAll(r.End.String(), "-", " ")
}

// minutes shows a time as m:ss.
func minutes(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	s := int64(d.Round(time.Second) / time.Second)
	return fmt.Sprintf("%s%d:%02d", sign, s/60, s%60)
}

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// newtons shows a force to a tenth of a newton.
func newtons(f physic.Force) string { return fmt.Sprintf("%.1f N", inNewtons(f)) }

func inNewtons(f physic.Force) float64 { return float64(f) / float64(physic.Newton) }

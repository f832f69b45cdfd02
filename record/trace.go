package record

import (
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
)

// Trace is what a picture of a treatment is made from.
type Trace struct {
	// Title, for example the programme and the person.
	Title string
	// Started is the wall clock at monotonic zero; zero leaves the date out.
	Started time.Time
	// Entries and Events in order of time. Events outside the entries' time are
	// not shown.
	Entries []control.Entry
	Events  []control.Event
	// Limit in force; the zero value leaves the line out.
	Limit control.Bound[physic.Force]
	// Report adds the result; nil leaves it out.
	Report *control.Report
}

// tail is how much of the time after the last motion a picture shows.
const tail = 10 * time.Second

// slackForce: below this the rope counts as slack (Eltrac 471).
const slackForce = 15 * physic.Newton

// shown is the part of the entries that a picture shows: all but a long standing
// aftermath, which goes on being shown as long as there is tension on the rope.
func (t *Trace) shown() []control.Entry {
	es := t.Entries
	last := len(es) - 1
	for ; last > 0; last-- {
		e := &es[last]
		moves := e.Mode != control.Idle && e.Mode != control.Armed && e.Mode != control.Tripped
		if moves || e.Force >= slackForce {
			break
		}
	}
	end := last
	for end+1 < len(es) && es[end+1].At-es[last].At <= tail {
		end++
	}
	return es[:end+1]
}

// stage is what the shading of the background tells apart.
type stage uint8

const (
	stageNone stage = iota
	stageSlack
	stagePull
	stageHold
	stageEase
	stageRest
	stagePaused
	stageRelease
	stageTripped
	stageCount
)

var stageNames = [stageCount]string{"", "slack", "pull", "hold", "ease", "rest", "paused", "release", "tripped"}

func stageOf(e *control.Entry) stage {
	switch e.Mode {
	case control.Paused:
		return stagePaused
	case control.Releasing, control.Recovering:
		return stageRelease
	case control.Tripped:
		return stageTripped
	case control.Treating:
		switch e.Phase {
		case control.Slack:
			return stageSlack
		case control.Pull:
			return stagePull
		case control.Hold:
			return stageHold
		case control.Ease:
			return stageEase
		case control.Rest:
			return stageRest
		}
	}
	return stageNone
}

// stretch is a time (s) in one stage.
type stretch struct {
	stage    stage
	from, to float64
}

// stretches joins the entries of one stage; where entries are missing for a
// while there is none.
func stretches(es []control.Entry, zero time.Duration) []stretch {
	var out []stretch
	prev := 0.0
	for i := range es {
		x, st := (es[i].At - zero).Seconds(), stageOf(&es[i])
		n := len(out)
		joined := i > 0 && x-prev <= gapBreak
		if joined {
			out[n-1].to = x
		}
		if !joined || out[n-1].stage != st {
			out = append(out, stretch{st, x, x})
		}
		prev = x
	}
	return out
}

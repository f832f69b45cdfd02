package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"traction/mqtt"
	"traction/record"
)

// Keeper keeps the record within its bounds: at start and then once a day.
type Keeper struct {
	Store *record.Store
	Keep  record.Keep
	Log   *slog.Logger
	// Tell tells as an event of the gateway; nil = there is no broker, and nothing to
	// tell of what waits for one.
	Tell func(kind mqtt.Kind, text string)

	counted bool // overdue was
	overdue int  // see tellOverdue
}

const (
	// keepFirst is the wait at start: what is recorded comes first, and a computer
	// without a clock of its own has learnt the time by then.
	keepFirst = time.Minute
	// keepEvery is the time from one run to the next.
	keepEvery = 24 * time.Hour
	// keepAgain is the wait after a run that failed, such as on a full disk.
	keepAgain = 10 * time.Minute
)

// Run works until ctx ends.
func (k *Keeper) Run(ctx context.Context) { k.run(ctx, keepFirst, keepEvery, keepAgain) }

func (k *Keeper) run(ctx context.Context, wait, every, again time.Duration) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = every
		done, err := k.Store.Prune(ctx, k.Keep)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			wait = again
			k.Log.Error("record: old sessions could not be deleted", "error", err)
		}
		if done.Sessions+done.SamplesOnly > 0 {
			k.Log.Info("record: old sessions deleted", "sessions", done.Sessions, "samples_only", done.SamplesOnly,
				"bytes_before", done.Before, "bytes_after", done.After)
		}
		if k.Tell != nil {
			k.tellOverdue()
		}
	}
}

// tellOverdue tells when events or reports have become too old for the backlog since
// the last time. What was so at the start only the log is told of: it may be from years
// without a broker.
func (k *Keeper) tellOverdue() {
	n, err := k.Store.PassedOver()
	if err != nil {
		k.Log.Error("record: what waits for the broker could not be counted", "error", err)
		return
	}
	switch {
	case n <= k.overdue: // fewer, where old sessions were deleted
	case !k.counted:
		k.Log.Warn("record: old events and reports are not published any more: the broker never took them, and newer ones come first", "number", n)
	default:
		k.Log.Error("record: the broker is away for so long that events and reports are not published any more", "number", n-k.overdue)
		k.Tell(mqtt.JournalGap, fmt.Sprintf("The broker was away for so long that %d more events and reports will not be published. They are in the table's record.", n-k.overdue))
	}
	k.counted, k.overdue = true, n
}

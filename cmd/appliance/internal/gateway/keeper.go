package gateway

import (
	"context"
	"log/slog"
	"time"

	"traction/record"
)

// Keeper keeps the record within its bounds: at start and then once a day.
type Keeper struct {
	Store *record.Store
	Keep  record.Keep
	Log   *slog.Logger
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
	}
}

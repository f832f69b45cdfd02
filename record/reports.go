package record

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strings"

	"traction/control"
)

const reportColumns = "treatment, programme, began, ended, elapsed, cycles, end_reason, trips, peak, force_limit, limit_reason, " +
	"mean_hold, mean_hold_error, hold_within_5, holds, time_to_slack, max_travel"

var insertReport = reportsTable.insert(unforgotten("?2")) + "ON CONFLICT (boot, treatment) DO NOTHING"

// writeReports inserts those that are not there yet, unless they were deleted.
func writeReports(c *sql.Conn, boot int64, reports []control.Report) error {
	for i := range reports {
		r := &reports[i]
		if err := writeTreatment(c, boot, r.Treatment, r.Started); err != nil {
			return err
		}
		within := r.HoldWithin5
		if math.IsNaN(within) {
			// SQLite has no such number. A treatment without a hold has no share.
			within = 0
		}
		_, err := c.ExecContext(context.Background(), insertReport, boot, r.Treatment, r.Programme, int64(r.Started), int64(r.Ended), int64(r.Elapsed), r.Cycles, r.End.String(),
			tripNames(r.Trips, " "), int64(r.Peak), int64(r.Limit.Value), r.Limit.Reason.String(),
			int64(r.MeanHold), int64(r.MeanHoldError), within, r.Holds, int64(r.TimeToSlack), int64(r.MaxTravel))
		if err != nil {
			return err
		}
	}
	return nil
}

// reportFields are where Scan puts reportColumns.
func reportFields(r *control.Report) []any {
	return []any{&r.Treatment, &r.Programme, (*int64)(&r.Started), (*int64)(&r.Ended), (*int64)(&r.Elapsed), &r.Cycles,
		named(&r.End), (*trips)(&r.Trips), (*int64)(&r.Peak), (*int64)(&r.Limit.Value), named(&r.Limit.Reason),
		(*int64)(&r.MeanHold), (*int64)(&r.MeanHoldError), &r.HoldWithin5, &r.Holds,
		(*int64)(&r.TimeToSlack), (*int64)(&r.MaxTravel)}
}

// tripNames joins the names of a set of interlocks.
func tripNames(set control.InterlockSet, between string) string {
	var names []string
	for _, id := range set.IDs() {
		names = append(names, id.String())
	}
	return strings.Join(names, between)
}

// trips scans what tripNames wrote; names of a newer version are left out.
type trips control.InterlockSet

// Scan implements sql.Scanner.
func (t *trips) Scan(src any) error {
	text, ok := src.(string)
	if !ok {
		return fmt.Errorf("trips are a %T", src)
	}
	var set control.InterlockSet
	for _, name := range strings.Fields(text) {
		var id control.InterlockID
		if id.UnmarshalText([]byte(name)) == nil {
			set = set.With(id)
		}
	}
	*t = trips(set)
	return nil
}

package mqtt

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"traction/control"
	"traction/control/link"
)

// ErrNoReport: there is no such report. Reports returns it, wrapped or as it is.
var ErrNoReport = errors.New("mqtt: no such report")

// Reports finds the reports of past treatments.
type Reports interface {
	// Report finds the treatment of this name, see SessionName; empty = the last one
	// that has a report. ErrNoReport says that there is none.
	Report(name string) (link.Boot, control.Report, error)
}

// SessionName names a treatment everywhere: <boot id>-<number>.
func SessionName(boot string, treatment uint32) string { return fmt.Sprintf("%s-%d", boot, treatment) }

// publishPast publishes a past treatment's report, which reads and moves nothing
// and needs no control process.
func (g *Gateway) publishPast(r link.Request) Response {
	answer := Response{Schema: Schema, Time: Time(time.Now()), ID: r.ID, Status: link.StatusRefused, Code: CodeNotFound}
	name := r.Session
	if name == "" {
		name = "the last treatment"
	}
	if g.reports == nil {
		answer.Message = "this gateway keeps no records"
		return answer
	}
	boot, report, err := g.reports.Report(r.Session)
	switch {
	case errors.Is(err, ErrNoReport):
		answer.Message = fmt.Sprintf("there is no report of %s; the session topic and \"appliance sessions list\" have names", name)
		if r.Session == "" {
			answer.Message = "there is no report yet; one comes when a treatment has ended"
		}
		return answer
	case err != nil:
		g.backlogFailed(err)
		answer.Code, answer.Message = control.Unanswered.String(), "the record could not be read; the gateway's log says why"
		return answer
	}
	payload, err := json.Marshal(PastSession{Session: showReport(boot, &report), RequestID: r.ID})
	if err != nil {
		g.log.Error("mqtt: a report could not be encoded", "session", name, "error", err)
		answer.Code, answer.Message = control.Unanswered.String(), "the report could not be encoded; the gateway's log says why"
		return answer
	}
	g.post(outgoing{topic: g.topics.Report, payload: payload, until: g.useless()})
	answer.Status, answer.Code = link.StatusOK, control.Accepted.String()
	answer.Message = fmt.Sprintf("report: published %s on the topic report", SessionName(boot.ID, report.Treatment))
	return answer
}

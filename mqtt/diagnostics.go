package mqtt

import (
	"encoding/json"
	"fmt"
	"time"

	"periph.io/x/conn/v3/physic"
)

// waiting is what a Backlog may know besides: how many items wait.
type waiting interface{ Waiting() (int, error) }

// publishDiagnostics publishes how the machine is, once, at QoS 0.
func (s *session) publishDiagnostics() error {
	g := s.g
	d := Diagnostics{
		Schema: Schema, Time: Time(time.Now()), GatewayVersion: g.version, GatewayBootID: g.boot,
		UptimeS: seconds(time.Since(g.started)), Connects: g.connects.Load(), Dropped: g.dropped.Load(),
	}
	if w, ok := g.backlog.(waiting); ok {
		if n, err := w.Waiting(); err == nil {
			d.Backlog = &n
		}
	}
	if late, snapshot, live := g.view.diagnosed(); live {
		ms, hz := round(float64(late)/float64(time.Millisecond)), round(float64(snapshot.CellRate)/float64(physic.Hertz))
		d.LateMS, d.CellRateHz = &ms, &hz
		if snapshot.CellNoise > 0 {
			noise := newtons(snapshot.CellNoise)
			d.CellNoiseN = &noise
		}
	}
	payload, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("mqtt: diagnostics: %w", err)
	}
	if len(s.wire) == cap(s.wire) {
		return nil // the next one is soon enough
	}
	s.wire <- packet{topic: g.topics.Diagnostics, payload: payload}
	return nil
}

package settings

import (
	"time"

	"traction/record"
)

// Keep is how long sessions are kept. What waits for a broker stays, if there is one.
func (s Settings) Keep() record.Keep {
	return record.Keep{
		Age: time.Duration(s.Record.KeepDays) * 24 * time.Hour, Bytes: int64(s.Record.KeepMegabytes) * 1_000_000,
		Waiting: s.MQTT.Broker != "",
	}
}

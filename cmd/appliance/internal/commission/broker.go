package commission

import (
	"context"
	"errors"
	"strings"
	"time"

	"traction/mqtt"
)

// brokers tries to reach each broker, as the gateway would.
func (c *Check) brokers(ctx context.Context, r *Report) {
	if c.Settings.MQTT.Broker == "" {
		r.add("broker", Skip, "", "mqtt.broker names none")
		return
	}
	tried, err := c.Machine.Reach(ctx, c.Settings.MQTT)
	if err != nil {
		r.add("broker", Warn, "correct it, or make the file readable; a credential: can be read by the gateway's service and by root alone", "not tried: %v", err)
	}
	for _, b := range tried {
		where := b.Broker
		if len(b.Addresses) > 0 {
			where += " (" + strings.Join(b.Addresses, ", ") + ")"
		}
		if b.Err == nil {
			r.add("broker", Pass, "", "%s: found, connected and let in within %s", where, b.Took.Round(time.Millisecond))
			continue
		}
		r.add("broker", Warn, "the table works without it; "+brokerAdvice(&b, r.At), "%s: %s: %v", where, b.Failed, b.Err)
	}
}

// brokerAdvice says what to do by where it failed.
func brokerAdvice(b *mqtt.Reached, now time.Time) string {
	switch b.Failed {
	case mqtt.Resolving:
		return "check the name in mqtt.broker, and this computer's name server: resolvectl status"
	case mqtt.Connecting:
		return "check host and port in mqtt.broker, whether the broker runs there, and firewalls"
	case mqtt.Encrypting:
		advice := "check mqtt.ca_file, cert_file and key_file, and that the certificate is made for this name"
		if now.Before(earliest) {
			advice = "set the clock first: certificates have dates"
		}
		return advice
	}
	if errors.Is(b.Err, context.DeadlineExceeded) {
		return "something answers at this port that is no MQTT broker"
	}
	return "check mqtt.username and the password file, and what the broker's log says"
}

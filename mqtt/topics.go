package mqtt

// Topics are the names of one table's topics.
type Topics struct {
	Availability string // "online" or "offline", QoS 1, retained
	State        string // State, QoS 1, retained
	Telemetry    string // Telemetry, QoS 0, not retained
	Event        string // Event, QoS 1, not retained
	Session      string // Session, QoS 1, retained
	Request      string // link.Request, inbound, QoS 1
	Response     string // Response, QoS 1, not retained
}

// TopicsOf names the topics of a table, whose id must be valid: see Config.TableID.
func TopicsOf(table string) Topics {
	root := "traction/" + table + "/"
	return Topics{
		Availability: root + "availability",
		State:        root + "state",
		Telemetry:    root + "telemetry",
		Event:        root + "event",
		Session:      root + "session",
		Request:      root + "request",
		Response:     root + "response",
	}
}

// The payloads of availability; Home Assistant takes exactly these by default.
const (
	Online  = "online"
	Offline = "offline"
)

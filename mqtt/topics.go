package mqtt

import "strings"

// Topics are the names of one table's topics.
type Topics struct {
	Availability string // "online" or "offline", QoS 1, retained
	State        string // State, QoS 1, retained
	Telemetry    string // Telemetry, QoS 0, not retained
	Event        string // Event, QoS 1, not retained
	Session      string // Session, QoS 1, retained
	Report       string // PastSession, QoS 1, not retained
	Diagnostics  string // Diagnostics, QoS 0, not retained
	Request      string // link.Request, inbound, QoS 1; also with /<client> behind it
	Response     string // Response, QoS 1, not retained; also with /<client> behind it
}

// requestClient tells who sent a request by its topic; empty on the plain topic, and
// where the name is not allowed, which is not ok.
func (t *Topics) requestClient(topic string) (client string, ok bool) {
	rest, ok := strings.CutPrefix(topic, t.Request)
	if !ok || rest == "" {
		return "", ok
	}
	client, ok = strings.CutPrefix(rest, "/")
	if !ok || !tableRule.MatchString(client) {
		return "", false
	}
	return client, true
}

// requests tells whether requests come on a topic, also from a client whose name
// is not allowed.
func (t *Topics) requests(topic string) bool {
	rest, ok := strings.CutPrefix(topic, t.Request)
	return ok && (rest == "" || rest[0] == '/')
}

// responseTo is where a client's responses go.
func (t *Topics) responseTo(client string) string {
	if client == "" {
		return t.Response
	}
	return t.Response + "/" + client
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
		Report:       root + "report",
		Diagnostics:  root + "diagnostics",
		Request:      root + "request",
		Response:     root + "response",
	}
}

// The payloads of availability; Home Assistant takes exactly these by default.
const (
	Online  = "online"
	Offline = "offline"
)

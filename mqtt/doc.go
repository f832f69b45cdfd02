// Package mqtt is the table's contract with the network: its topics, its
// payloads, and the gateway that keeps them true.
//
// Everything lives under traction/<table>/ on an MQTT 3.1.1 broker:
//
//	availability  QoS 1, retained   "online" or "offline"; the last will is "offline"
//	state         QoS 1, retained   State: on change and every 30 s
//	telemetry     QoS 0             Telemetry: five times a second
//	event         QoS 1             Event: each thing that happened, in order
//	session       QoS 1, retained   Session: the report of the last treatment
//	report        QoS 1             PastSession: a past treatment's report, on request
//	diagnostics   QoS 0             Diagnostics: at each connection and every 30 s
//	request       QoS 1, inbound    link.Request, the same JSON as on the table's own socket
//	response      QoS 1             Response: exactly one for each request that was taken
//
// A client may have request/<client> and response/<client> of its own, which the
// broker's access rules can tie to a user: MQTT 3.1.1 does not tell who published.
//
// availability is "online" only while values are live: the broker is connected,
// the control process answers and its snapshots are fresh. When the control
// process is gone the gateway itself says "offline", because Home Assistant
// shows what stays retained as if it were true until availability says
// otherwise. Whoever reads state without availability reads history.
//
// Nothing is published while offline. After each connection come, in this
// order: availability, the discovery for Home Assistant (package homeassistant),
// state, the last session, and what waits in the backlog, oldest first, each kept
// until the broker has acknowledged it. Delivery is at least once: an event
// is the same event when boot_id and seq are the same. At most 16 messages are
// unacknowledged at any time. A gateway that has lost its broker tries again after
// a random wait of up to 24 s, and then every 24 to 48 s, so that a clinic's
// tables do not all come back at once.
//
// A request acts at most once per id, and never when it was retained. Stop and
// pause are the exception in everything: they need no rev, wait in no queue, know
// no rate limit, and act each time they arrive, so a button that always sends
// the same bytes works.
//
// The gateway decides nothing about the table. Every request is judged again by
// the control process.
package mqtt

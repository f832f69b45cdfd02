// Package link connects everybody else to the control process: newline-delimited
// JSON over a unix socket, one server, many clients.
//
// There are two sockets: one for the operator at the table, one for the gateway,
// without which the control process goes on (R-GATEWAY-APART).
// Where a command comes from is decided by the socket it arrived on and never by
// what it says.
//
// Every line is a JSON object with one member, whose name is the kind of message.
//
// From the server:
//
//	{"hello":{...}}      first line: boot, schema, table, version, wall clock, entry columns
//	{"snapshot":{...}}   the state: at once when rev, mode, phase, trips or active interlocks change,
//	                     else at the rate asked for
//	{"entries":[[...]]}  journal rows, in the order of hello's entry_columns
//	{"event":{...}}      one event
//	{"report":{...}}     the report of one treatment
//	{"gap":{...}}        rows or events that the journal no longer held
//	{"response":{...}}   the answer to a request
//	{"error":{...}}      why the server closes the connection
//
// From the client:
//
//	{"subscribe":{"entries_from":1,"events_from":1,"reports_from":1,"snapshots_hz":10}}
//	{"request":{"id":"7f","rev":42,"command":"start"}}
//	{"ping":{}}
//
// Numbers carry their unit in the name of the field (force_n, position_mm, at_s)
// and as many decimals as they need: a reader that keeps the digits gets back
// the very integer of nano units that was sent. Times are seconds since the
// control process began; hello has the wall clock of that moment.
//
// A stop is looked for before anything else, in every line, however broken the
// rest of it is.
package link

package link

import (
	"encoding/json"

	"traction/control"
)

// FieldRule says what one field of a Request may hold, for those who write it
// down for others: schemas, documents, forms. DecodeRequest goes by the same table.
type FieldRule struct {
	// Name of the field in JSON, with its unit at the end.
	Name string
	// Command is the only one that the field belongs to.
	Command control.CommandKind
	// Allowed says it to people.
	Allowed string
	// Least and Most bound a number, both included; empty = the field is text.
	Least, Most json.Number
	// Off: the number 0 is allowed as well, and means off.
	Off bool
	// Length is the most bytes of a text, at least one; 0 = the field is a number.
	Length int
	// Pattern is a regular expression that a text has to match; empty = any.
	Pattern string
}

// FieldRules lists the fields that belong to one command only, in the order in
// which requests are written. id, command and rev are not among them.
func FieldRules() []FieldRule {
	out := make([]FieldRule, len(requestFields))
	for i, f := range requestFields {
		out[i] = f.rule
		out[i].Name, out[i].Command, out[i].Allowed = f.name, f.command, f.allowed
	}
	return out
}

// number is a bound as it stands in a request.
func number(v int64, decimals int) json.Number { return json.Number(appendFixed(nil, v, decimals)) }

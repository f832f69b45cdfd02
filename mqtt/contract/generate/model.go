package main

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"traction/control"
	"traction/mqtt"
)

// model is the contract as it follows from the types.
type model struct {
	root                string
	control, link, mqtt *source
	messages            []message
	counted             map[string]bool // keys of ranges that a field was found for
}

// message is one kind of message.
type message struct {
	name   string
	schema *schema
	typ    reflect.Type // nil for the request, which is described by its own table
}

// published are the messages of the appliance.
var published = []struct {
	name string
	typ  reflect.Type
}{
	{"state", reflect.TypeFor[mqtt.State]()},
	{"telemetry", reflect.TypeFor[mqtt.Telemetry]()},
	{"event", reflect.TypeFor[mqtt.Event]()},
	{"session", reflect.TypeFor[mqtt.Session]()},
	{"report", reflect.TypeFor[mqtt.PastSession]()},
	{"diagnostics", reflect.TypeFor[mqtt.Diagnostics]()},
	{"response", reflect.TypeFor[mqtt.Response]()},
}

func newModel(root string) (*model, error) {
	m := &model{root: root, counted: make(map[string]bool)}
	for folder, into := range map[string]**source{"control": &m.control, "control/link": &m.link, "mqtt": &m.mqtt} {
		s, err := readSource(filepath.Join(root, folder))
		if err != nil {
			return nil, err
		}
		*into = s
	}
	for _, p := range published {
		var defs properties
		s, err := m.object(p.typ, &defs)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		s.Title, s.Defs = p.typ.Name(), defs
		m.messages = append(m.messages, message{p.name, s, p.typ})
	}
	request, err := m.request()
	if err != nil {
		return nil, err
	}
	m.messages = append(m.messages, message{"request", request, nil})
	for key := range ranges {
		if !m.counted[key] {
			return nil, fmt.Errorf("ranges.go has a range for %s, which is no field of any message", key)
		}
	}
	return m, nil
}

func (m *model) sourceOf(t reflect.Type) *source {
	switch t.PkgPath() {
	case "traction/control":
		return m.control
	case "traction/control/link":
		return m.link
	case "traction/mqtt":
		return m.mqtt
	}
	return nil
}

// fieldWords are the values of fields whose Go type is only string.
func (m *model) fieldWords(key string) []word {
	switch key {
	case "State.missing":
		return m.missingWords()
	case "Event.event_type":
		return m.eventWords()
	case "Response.code":
		return m.codeWords()
	}
	return nil
}

// object is the schema of a struct. Readers must ignore fields that they do not
// know, so it is open; every field that it names is always there.
func (m *model) object(t reflect.Type, defs *properties) (*schema, error) {
	from := m.sourceOf(t)
	if from == nil {
		return nil, fmt.Errorf("%v is of a package whose comments are not read", t)
	}
	doc := from.types[t.Name()]
	if doc.doc == "" {
		return nil, fmt.Errorf("%v has no comment", t)
	}
	open := true
	s := &schema{Type: "object", Description: subject(doc.doc, t.Name()), Additional: &open}
	fields, err := members(t)
	if err != nil {
		return nil, err
	}
	known := make(map[string]string)
	for _, f := range fields {
		known[f.Name] = f.name
	}
	for _, f := range fields {
		said := from.types[f.owner.Name()].fields[f.Name]
		if said == "" {
			return nil, fmt.Errorf("%v.%s has no comment", f.owner, f.Name)
		}
		field, err := m.field(f.owner.Name()+"."+f.name, f.Type, defs)
		if err != nil {
			return nil, fmt.Errorf("%v.%s: %w", t, f.Name, err)
		}
		field.Description = inJSON(subject(said, f.Name), known)
		for _, key := range []string{f.name, f.owner.Name() + "." + f.name} {
			if better, found := descriptions[key]; found {
				field.Description = better
			}
		}
		s.Properties = append(s.Properties, property{f.name, field})
		s.Required = append(s.Required, f.name)
	}
	return s, nil
}

// descriptions instead of comments that speak to readers of the source, by name
// or by type and name.
var descriptions = map[string]string{
	"schema":           "The version of the message.",
	"Response.code":    "Ok, or why it was refused. More may come.",
	"Event.event_type": "What happened. More may come.",
}

// subject takes the name off a comment that begins with it: "State is what"
// becomes "What".
func subject(doc, name string) string {
	for _, verb := range []string{" is ", " are ", ": "} {
		if rest, found := strings.CutPrefix(doc, name+verb); found {
			return strings.ToUpper(rest[:1]) + rest[1:]
		}
	}
	return doc
}

// field is the schema of one field's value.
func (m *model) field(key string, t reflect.Type, defs *properties) (*schema, error) {
	if t.Kind() == reflect.Pointer {
		s, err := m.field(key, t.Elem(), defs)
		if err != nil {
			return nil, err
		}
		if s.Ref != "" {
			return &schema{AnyOf: []*schema{s, {Type: "null"}}}, nil
		}
		return s.nullable()
	}
	if t == reflect.TypeFor[mqtt.Time]() {
		return &schema{Type: "string", Format: "date-time", Pattern: `^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$`}, nil
	}
	if strings.HasSuffix(key, ".schema") {
		return &schema{Type: "integer", Const: mqtt.Schema}, nil
	}
	if words := m.wordsOf(t); words != nil {
		return &schema{Type: "string", Enum: names(words)}, nil
	}
	switch t.Kind() {
	case reflect.Bool:
		return &schema{Type: "boolean"}, nil
	case reflect.String:
		return &schema{Type: "string", Enum: names(m.fieldWords(key))}, nil
	case reflect.Slice:
		items, err := m.field(key, t.Elem(), defs)
		if err != nil {
			return nil, err
		}
		return &schema{Type: "array", Items: items}, nil
	case reflect.Struct:
		return m.reference(t, defs)
	default:
		return m.numeric(key, t)
	}
}

// reference puts a struct among the definitions and points there.
func (m *model) reference(t reflect.Type, defs *properties) (*schema, error) {
	name := strings.ToLower(t.Name()[:1]) + t.Name()[1:]
	if defs.find(name) == nil {
		at := len(*defs)
		*defs = append(*defs, property{name, &schema{}}) // it may mention itself
		s, err := m.object(t, defs)
		if err != nil {
			return nil, err
		}
		(*defs)[at].schema = s
	}
	return &schema{Ref: "#/$defs/" + name}, nil
}

// numeric is a number with what is known of its range.
func (m *model) numeric(key string, t reflect.Type) (*schema, error) {
	bounds, known := ranges[key]
	m.counted[key] = true
	switch t.Kind() {
	case reflect.Float64:
		_, name, _ := strings.Cut(key, ".")
		if !known || unit(name) == "" && key != "Limit.value" {
			return nil, fmt.Errorf("say the range of %s in mqtt/contract/generate/ranges.go, and its unit at the end of its name", key)
		}
		return &schema{Type: "number", Minimum: bounds.least, Maximum: bounds.most}, nil
	case reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Int, reflect.Int64:
		if !known && t.Kind() != reflect.Int && t.Kind() != reflect.Int64 {
			bounds = between(0, float64(uint64(1)<<min(t.Bits(), 53)-1))
		}
		return &schema{Type: "integer", Minimum: bounds.least, Maximum: bounds.most}, nil
	}
	return nil, fmt.Errorf("no schema is known for %v", t)
}

// codeWords are the codes of responses: those of the control process, then the
// gateway's own.
func (m *model) codeWords() []word {
	out := m.wordsOf(reflect.TypeFor[control.Code]())
	for _, c := range m.mqtt.consts {
		if strings.HasPrefix(c.name, "Code") && c.value != "" && !slices.ContainsFunc(out, func(w word) bool { return w.name == c.value }) {
			out = append(out, word{c.value, meaning(c)})
		}
	}
	return out
}

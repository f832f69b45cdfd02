package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"

	"traction/control"
	"traction/mqtt/contract"
)

// A part of the page that is generated stands between
//
//	<!-- generated: NAME -->
//	<!-- end -->
var marked = regexp.MustCompile(`(?s)(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)`)

// page is docs/mqtt.md with its marked parts made anew.
func (m *model) page(root string) ([]byte, error) {
	old, err := os.ReadFile(filepath.Join(root, pagePath))
	if err != nil {
		return nil, err
	}
	parts, err := m.parts()
	if err != nil {
		return nil, err
	}
	used := make(map[string]bool)
	var unknown []string
	out := marked.ReplaceAllFunc(old, func(found []byte) []byte {
		x := marked.FindSubmatch(found)
		name := string(x[2])
		text, known := parts[name]
		if !known {
			unknown = append(unknown, name)
			return found
		}
		used[name] = true
		return []byte(string(x[1]) + "\n" + strings.TrimSpace(text) + "\n\n" + string(x[3]))
	})
	for name := range parts {
		if !used[name] {
			unknown = append(unknown, name+" (is not on the page)")
		}
	}
	if len(unknown) > 0 {
		return nil, fmt.Errorf("%s: generated parts do not fit: %s", pagePath, strings.Join(unknown, ", "))
	}
	return out, nil
}

// parts are the texts between the marks.
func (m *model) parts() (map[string]string, error) {
	parts := map[string]string{
		"version-rule": versionRule,
		"topics":       topicTable(),
		"event-types":  wordTable("event_type", m.eventWords()),
		"interlocks":   wordTable("id", m.interlockWords()),
		"missing":      wordTable("condition", m.missingWords()),
		"lists":        m.lists(),
	}
	for name, text := range parts {
		if strings.Contains(text, "` |  |") {
			return nil, fmt.Errorf("%s: say what each value means, in its comment or in mqtt/contract/generate/words.go:\n%s", name, text)
		}
	}
	var err error
	if parts["codes"], err = m.codeTable(); err != nil {
		return nil, err
	}
	if parts["commands"], err = commandTable(); err != nil {
		return nil, err
	}
	for _, x := range m.messages {
		if x.typ != nil {
			parts["fields-"+x.name] = m.fieldTable(x.schema)
		}
	}
	examples, err := readExamples(m.root)
	if err != nil {
		return nil, err
	}
	for _, e := range examples {
		parts["example-"+e.message] += exampleText(e)
	}
	return parts, nil
}

// table draws a Markdown table.
type table struct{ strings.Builder }

// markdown escapes what would end a cell or pass for a tag.
var markdown = strings.NewReplacer("|", `\|`, "<", `\<`)

func (t *table) row(cells ...string) {
	for _, c := range cells {
		t.WriteString("| " + markdown.Replace(c) + " ")
	}
	t.WriteString("|\n")
}

func newTable(head ...string) *table {
	t := new(table)
	t.row(head...)
	t.WriteString(strings.Repeat("|---", len(head)) + "|\n")
	return t
}

func topicTable() string {
	t := newTable("topic", "from", "QoS", "retained", "comes", "schema")
	for _, c := range contract.Channels() {
		by, kept, schema := "table", "no", "`schemas/"+c.Message+".json`"
		if c.Inbound {
			by = "you"
		}
		if c.Retained {
			kept = "yes"
		}
		if c.Message == contract.Availability {
			schema = "the word `online` or `offline`"
		}
		t.row("`"+c.Name+"`", by, fmt.Sprint(c.QoS), kept, c.When, schema)
	}
	return t.String()
}

func wordTable(head string, words []word) string {
	t := newTable(head, "meaning")
	for _, w := range words {
		t.row("`"+w.name+"`", w.text)
	}
	return t.String()
}

// fieldTable has one row for each field, those of objects inside it with a path.
func (m *model) fieldTable(s *schema) string {
	t := newTable("field", "type", "unit, range", "what")
	m.fieldRows(t, "", s, s.Defs)
	return t.String()
}

func (m *model) fieldRows(t *table, path string, s *schema, defs properties) {
	for _, p := range s.Properties {
		inner, kind := unwrap(p.schema)
		t.row("`"+path+p.name+"`", kind, quantity(p.name, inner), p.schema.Description)
		if name, found := strings.CutPrefix(inner.Ref, "#/$defs/"); found && name != "limit" && name != "interlock" {
			m.fieldRows(t, path+p.name+".", defs.find(name), defs)
		}
	}
}

// unwrap finds the schema that matters inside arrays and alternatives with null,
// and says the type to people.
func unwrap(s *schema) (*schema, string) {
	if s.Items != nil {
		inner, kind := unwrap(s.Items)
		return inner, "list of " + kind
	}
	if len(s.AnyOf) == 2 && s.AnyOf[1].Type == "null" {
		inner, kind := unwrap(s.AnyOf[0])
		return inner, kind + " or null"
	}
	switch {
	case s.Ref != "":
		name := strings.TrimPrefix(s.Ref, "#/$defs/")
		if name == "limit" || name == "interlock" {
			return s, "[" + name + "](#" + name + "s)"
		}
		return s, "object"
	case s.Const != nil:
		return s, fmt.Sprint(s.Const)
	case s.Format == "date-time":
		return s, "time"
	}
	if kinds, ok := s.Type.([]string); ok {
		return s, strings.Join(kinds, " or ")
	}
	return s, fmt.Sprint(s.Type)
}

// quantity says unit and range.
func quantity(name string, s *schema) string {
	var out []string
	if u := unit(name); u != "" && u != "share" && (s.Ref == "#/$defs/limit" || isNumber(s)) {
		out = append(out, u)
	}
	switch {
	case s.Minimum != "" && s.Maximum == float(exact):
		out = append(out, "from "+string(s.Minimum))
	case s.Minimum != "" && s.Maximum != "":
		out = append(out, string(s.Minimum)+" to "+string(s.Maximum))
	case s.Minimum != "":
		out = append(out, "from "+string(s.Minimum))
	case s.Format == "date-time":
		out = append(out, "RFC 3339, UTC, milliseconds")
	case len(s.Enum) > 0:
		out = append(out, listed(name, s.Enum))
	}
	return strings.Join(out, ", ")
}

func isNumber(s *schema) bool {
	kind := fmt.Sprint(s.Type)
	return strings.Contains(kind, "number")
}

// chapters have the values of long lists, by the name of the field.
var chapters = map[string]string{
	"event_type": "Event types", "code": "Codes", "interlock": "Interlocks", "id": "Interlocks", "command": "Asking", "missing": "Missing",
	"heat": "Lists", "heat_refused": "Lists", "cell": "Lists",
}

// listed names the values of a short list; of a long one it says where they are.
func listed(name string, values []any) string {
	const short = 8
	var out []string
	for _, v := range values {
		if v != nil {
			out = append(out, fmt.Sprintf("`%v`", v))
		}
	}
	if len(out) <= short {
		return strings.Join(out, ", ")
	}
	chapter := chapters[name]
	return fmt.Sprintf("see [%s](#%s)", strings.ToLower(chapter), strings.ReplaceAll(strings.ToLower(chapter), " ", "-"))
}

// lists are the enumerations that are used in more than one place or are long.
func (m *model) lists() string {
	var b strings.Builder
	for _, l := range []struct {
		title string
		typ   reflect.Type
	}{
		{"mode", reflect.TypeFor[control.Mode]()},
		{"phase", reflect.TypeFor[control.Phase]()},
		{"alarm", reflect.TypeFor[control.Priority]()},
		{"action", reflect.TypeFor[control.Action]()},
		{"reason", reflect.TypeFor[control.Reason]()},
		{"end", reflect.TypeFor[control.EndReason]()},
		{"heat_refused, heat", reflect.TypeFor[control.HeatReason]()},
		{"cell", reflect.TypeFor[control.CellFault]()},
	} {
		b.WriteString(wordTable(l.title, m.wordsOf(l.typ)) + "\n")
	}
	return b.String()
}

// exampleText shows a message as it was sent, on as many lines as it needs.
func exampleText(e example) string {
	var b bytes.Buffer
	if err := json.Indent(&b, e.payload, "", "  "); err != nil {
		return ""
	}
	return strings.TrimSuffix(e.title, ".") + ":\n\n```json\n" + compact(b.String()) + "\n```\n\n"
}

// compact puts short objects back onto one line.
func compact(s string) string {
	return shortObject.ReplaceAllStringFunc(s, func(o string) string {
		line := strings.Join(strings.Fields(o), " ")
		if len(line) > 100 {
			return o
		}
		return line
	})
}

var shortObject = regexp.MustCompile(`\{[^{}"]*(?:"(?:[^"\\]|\\.)*"[^{}"]*)*\}`)

package setup

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// assignment is one key of a section and what it shall be, in TOML.
type assignment struct{ section, key, value string }

// errEdit: a file is written in a way that cannot be changed key by key.
var errEdit = errors.New("cannot be changed here, since it is not written as [section] and key = value; change it by hand")

// edit changes keys of a TOML text and leaves everything else as it is, comments and
// order included. What comes out says the same as before but for these keys, or there
// is an error.
func edit(text []byte, set []assignment) ([]byte, error) {
	out := bytes.Clone(text)
	for _, a := range set {
		out = a.apply(out)
	}
	want, err := tree(text)
	if err != nil {
		return nil, err
	}
	for _, a := range set {
		section, ok := want[a.section].(map[string]any)
		if !ok {
			section = map[string]any{}
			want[a.section] = section
		}
		value, err := tree([]byte("v = " + a.value))
		if err != nil {
			return nil, err
		}
		section[a.key] = value["v"]
	}
	if got, err := tree(out); err != nil || !reflect.DeepEqual(got, want) {
		return nil, errEdit
	}
	return out, nil
}

func tree(text []byte) (map[string]any, error) {
	t := map[string]any{}
	return t, toml.Unmarshal(text, &t)
}

// apply puts the value in its place: over the old one, or on a line of its own below
// the section's header, or with a new section at the end.
func (a assignment) apply(text []byte) []byte {
	at, header := -1, -1 // where the old value is, and the end of the header's line
	length := 0
	for k := range pairs(text) {
		if k.path == a.section+"."+a.key && at < 0 {
			at, length = k.begin, k.end-k.begin
		}
		if k.header && k.path == a.section {
			header = k.end
		}
	}
	line := fmt.Sprintf("%s = %s\n", a.key, a.value)
	switch {
	case at >= 0:
		return splice(text, at, length, a.value)
	case header < 0:
		return splice(withNewline(text), len(withNewline(text)), 0, fmt.Sprintf("\n[%s]\n%s", a.section, line))
	}
	if i := bytes.IndexByte(text[header:], '\n'); i >= 0 {
		return splice(text, header+i+1, 0, line)
	}
	return splice(withNewline(text), len(withNewline(text)), 0, line)
}

func withNewline(text []byte) []byte {
	if len(text) == 0 || text[len(text)-1] == '\n' {
		return text
	}
	return append(bytes.Clone(text), '\n')
}

func splice(text []byte, at, length int, value string) []byte {
	return append(append(bytes.Clone(text[:at]), value...), text[at+length:]...)
}

// pair is one "key = value" of a text, or a section's header.
type pair struct {
	// path of the key or section, without numbers of arrays: "wifi.network.ssid".
	path   string
	header bool
	// begin and end are the value's place, the latter also a header's end.
	begin, end int
}

// pairs walks through a text, also into values that hold keys. It ends where the text
// is no TOML.
func pairs(text []byte) func(yield func(pair) bool) {
	return func(yield func(pair) bool) {
		var p unstable.Parser
		p.Reset(text)
		section := ""
		for p.NextExpression() {
			e := p.Expression()
			if e.Kind == unstable.KeyValue {
				if !walk(text, section, e, yield) {
					return
				}
				continue
			}
			path, end := keyOf("", e)
			section = path
			if !yield(pair{path: path, header: true, end: end}) {
				return
			}
		}
	}
}

// walk yields one pair and those inside of it.
func walk(text []byte, section string, e *unstable.Node, yield func(pair) bool) bool {
	path, end := keyOf(section, e)
	k := pair{path: path, begin: end, end: int(e.Raw.Offset + e.Raw.Length)}
	for k.begin < k.end && strings.IndexByte(" \t=", text[k.begin]) >= 0 {
		k.begin++
	}
	k.end = k.begin + len(bytes.TrimRight(text[k.begin:k.end], " \t"))
	return yield(k) && inside(text, path, e.Value(), yield)
}

// inside yields the pairs of a value.
func inside(text []byte, path string, v *unstable.Node, yield func(pair) bool) bool {
	if v.Kind != unstable.Array && v.Kind != unstable.InlineTable {
		return true
	}
	for it := v.Children(); it.Next(); {
		n := it.Node()
		if n.Kind == unstable.KeyValue && !walk(text, path, n, yield) || n.Kind != unstable.KeyValue && !inside(text, path, n, yield) {
			return false
		}
	}
	return true
}

// keyOf is the whole path of a key or header, and where it ends in the text.
func keyOf(section string, e *unstable.Node) (path string, end int) {
	path = section
	for it := e.Key(); it.Next(); {
		n := it.Node()
		path = strings.TrimPrefix(path+"."+string(n.Data), ".")
		end = int(n.Raw.Offset + n.Raw.Length)
	}
	return path, end
}

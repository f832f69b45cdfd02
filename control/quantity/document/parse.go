package document

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// Parse reads a whole document; name stands for the file in every message. Its
// error is a *Problem at the place where the text is no TOML.
func Parse(name string, data []byte) (*Document, error) {
	if len(data) > maxSize {
		return nil, &Problem{File: name, Message: fmt.Sprintf("is too large, allowed: %d bytes", maxSize)}
	}
	var tree map[string]any
	if err := toml.Unmarshal(data, &tree); err != nil {
		p := &Problem{File: name, Message: err.Error(), cause: err}
		if at := (*toml.DecodeError)(nil); errors.As(err, &at) {
			p.Line, _ = at.Position()
			p.Message = strings.TrimPrefix(p.Message, "toml: ")
		}
		return nil, p
	}
	d := &Document{name: name, values: map[string]any{}, lines: map[string]int{}, arrays: map[string]int{}, known: map[string]bool{}}
	if key := d.flatten("", tree, 0); key != "" {
		return nil, &Problem{File: name, Key: key, Message: fmt.Sprintf("is nested too deeply, allowed: %d levels", maxDepth)}
	}
	if err := d.locate(data); err != nil {
		return nil, &Problem{File: name, Message: err.Error(), cause: err}
	}
	return d, nil
}

// maxDepth bounds how deep sections, arrays and dotted keys may be nested. Files
// need three levels, and every level has its path kept: without a bound, 64 KiB
// of "a.a.a" would take a gigabyte.
const maxDepth = 16

// flatten enters every leaf of the tree under its path. It stops at what is
// nested too deeply and gives its path.
func (d *Document) flatten(path string, v any, depth int) (deep string) {
	if depth > maxDepth {
		return path
	}
	switch v := v.(type) {
	case map[string]any:
		for part, inner := range v {
			if deep = d.flatten(join(path, part), inner, depth+1); deep != "" {
				return deep
			}
		}
		return ""
	case []any:
		d.arrays[path] = len(v)
		for i, inner := range v {
			if deep = d.flatten(index(path, i), inner, depth+1); deep != "" {
				return deep
			}
		}
		if len(v) > 0 {
			return ""
		}
	}
	d.values[path] = v // an empty array too, so that it cannot stand unnoticed
	return ""
}

// locate notes the line of each key. The decoder gives none for what it accepts,
// so the text is walked once more.
func (d *Document) locate(data []byte) error {
	var p unstable.Parser
	p.Reset(data)
	section := ""
	seen := map[string]int{} // elements of each array of tables so far
	for p.NextExpression() {
		e := p.Expression()
		switch e.Kind {
		case unstable.KeyValue:
			d.locateValue(&p, section, e)
		case unstable.Table, unstable.ArrayTable:
			section = ""
			line := 0
			for it := e.Key(); it.Next(); {
				if n, ok := seen[section]; ok {
					section = index(section, n-1)
				}
				section = join(section, string(it.Node().Data))
				line = p.Shape(it.Node().Raw).Start.Line
			}
			if e.Kind == unstable.ArrayTable {
				seen[section]++
				d.lines[section] = line
				section = index(section, seen[section]-1)
			}
			d.lines[section] = line
			d.sections = append(d.sections, section)
		}
	}
	return p.Error()
}

// locateValue notes the lines of one key and of all that its value holds.
func (d *Document) locateValue(p *unstable.Parser, path string, e *unstable.Node) {
	line := 0
	for it := e.Key(); it.Next(); {
		path = join(path, string(it.Node().Data))
		line = p.Shape(it.Node().Raw).Start.Line
		d.lines[path] = line
	}
	d.locateInner(p, path, line, e.Value())
}

// locateInner walks arrays and inline tables; line is that of what holds them.
func (d *Document) locateInner(p *unstable.Parser, path string, line int, v *unstable.Node) {
	d.lines[path] = line
	switch v.Kind {
	case unstable.Array:
		for i, it := 0, v.Children(); it.Next(); i++ {
			d.locateInner(p, index(path, i), line, it.Node())
		}
	case unstable.InlineTable:
		for it := v.Children(); it.Next(); {
			d.locateValue(p, path, it.Node())
		}
	}
}

// join appends a part to a path. A part that is no bare key is quoted, so that
// "a.b" in quotes is never taken for b in section a.
func join(path, part string) string {
	bare := part != "" && strings.IndexFunc(part, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}) < 0
	if !bare {
		part = strconv.Quote(part)
	}
	if path == "" {
		return part
	}
	return path + "." + part
}

// index names one element of an array.
func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

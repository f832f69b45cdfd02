// Package document reads strict TOML files whose values are quantities.
//
// A struct decoder stops at the first wrong value. Somebody who commissions a
// table shall see everything that is wrong at once, so here the keys are bound
// one by one and every problem is kept, with file, line, key, value and what is
// allowed. Whatever was not asked for is a problem too: a misspelt limit must
// never be silently ignored.
package document

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// maxSize bounds a file, in bytes. The longest that is shipped has about 10 KiB.
const maxSize = 64 << 10

// Document is one parsed file. Bind every key that it may have, then ask Err.
type Document struct {
	name     string
	values   map[string]any  // every leaf by its path, such as "table.force" or "point[0].counts"
	lines    map[string]int  // of leaves, sections and what holds them, from 1
	sections []string        // headers in the order of the file
	arrays   map[string]int  // length of arrays
	known    map[string]bool // bound paths
	order    []string        // bound paths, in the order of binding
	problems []*Problem
}

// Problem is one thing that is wrong in a file.
type Problem struct {
	File string
	// Line from 1; 0 when no line can be named.
	Line int
	// Key is the path, such as "table.force"; empty for a fault of the whole file.
	Key string
	// Value as it stands in the file, but for what may be a secret; empty when there is none.
	Value   string
	Message string
	cause   error
}

// Error writes "file:line: key = value: message", leaving out what is not known.
func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	b.WriteString(": ")
	if p.Key != "" {
		b.WriteString(p.Key)
		if p.Value != "" {
			b.WriteString(" = " + p.Value)
		}
		b.WriteString(": ")
	}
	b.WriteString(p.Message)
	return b.String()
}

// Unwrap gives the cause, such as quantity.ErrUnit, if there is one.
func (p *Problem) Unwrap() error { return p.cause }

// Read parses the file at path. Its errors are those of opening it, or a
// *Problem with line and column where the text is no TOML.
func Read(path string) (*Document, error) {
	// Looked at before it is opened: opening a pipe would wait for a writer.
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, &Problem{File: path, Message: "is no ordinary file"}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, err
	}
	return Parse(path, data)
}

// Has tells whether the file sets the key.
func (d *Document) Has(key string) bool {
	_, ok := d.values[key]
	return ok
}

// Failed tells whether a problem with the key was found so far.
func (d *Document) Failed(key string) bool {
	return slices.ContainsFunc(d.problems, func(p *Problem) bool { return p.Key == key })
}

// Known lists every key that was bound, in the order of binding.
func (d *Document) Known() []string { return slices.Clone(d.order) }

// Require reports each of the keys that the file does not set.
func (d *Document) Require(keys ...string) {
	for _, key := range keys {
		if !d.Has(key) {
			d.add(key, nil, "is missing")
		}
	}
}

// Refuse reports a value that is wrong for a reason that binding cannot see.
func (d *Document) Refuse(key, format string, args ...any) {
	d.add(key, nil, fmt.Sprintf(format, args...))
}

// Explain takes over the errors of a Validate method whose messages begin with
// "key: " or "section: key: ". A key that already has a problem is left out: its
// value was never read.
func (d *Document) Explain(err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			d.Explain(e)
		}
		return
	}
	subject, message, _ := strings.Cut(err.Error(), ": ")
	key := first(subject)
	if !d.known[key] {
		subject, message, _ = strings.Cut(message, ": ")
		key += "." + first(subject)
	}
	if !d.known[key] {
		d.add("", err, err.Error())
	} else if !d.Failed(key) {
		d.add(key, err, message)
	}
}

// first is the key where a message about several stands: "progressive/regressive"
// or "cert_file, key_file".
func first(keys string) string {
	if i := strings.IndexAny(keys, "/,"); i >= 0 {
		return keys[:i]
	}
	return keys
}

// Err joins all problems in the order of their lines, unknown keys and sections
// included. It is nil when there are none. Each is a *Problem.
func (d *Document) Err() error {
	all := append(slices.Clone(d.problems), d.unknown()...)
	slices.SortStableFunc(all, func(a, b *Problem) int { return a.Line - b.Line })
	errs := make([]error, len(all))
	for i, p := range all {
		errs[i] = p
	}
	return errors.Join(errs...)
}

// add records a problem with a key, at its line or at that of its section.
func (d *Document) add(key string, cause error, message string) {
	p := &Problem{File: d.name, Key: key, Message: message, cause: cause}
	for at := key; at != "" && p.Line == 0; at = parent(at) {
		p.Line = d.lines[at]
	}
	if v, ok := d.values[key]; ok {
		p.Value = show(key, v)
	}
	d.problems = append(d.problems, p)
}

// unknown finds what the file sets but nobody asked for.
func (d *Document) unknown() (out []*Problem) {
	for key, v := range d.values {
		if !d.known[key] {
			out = append(out, &Problem{File: d.name, Line: d.lines[key], Key: key, Value: show(key, v),
				Message: "unknown key, allowed here: " + d.allowed(parent(key))})
		}
	}
	for _, section := range d.sections {
		inside := func(key string) bool { return key == section || strings.HasPrefix(key, section+".") }
		used := slices.ContainsFunc(d.order, inside)
		for key := range d.values {
			used = used || inside(key) // then its keys are reported already
		}
		if !used {
			out = append(out, &Problem{File: d.name, Line: d.lines[section], Key: section,
				Message: "unknown section, allowed here: " + d.allowed(parent(section))})
		}
	}
	slices.SortFunc(out, func(a, b *Problem) int { return strings.Compare(a.Key, b.Key) })
	return out
}

// allowed lists what may stand in a section, sections in brackets.
func (d *Document) allowed(section string) string {
	if section != "" {
		section += "."
	}
	var names []string
	for _, key := range d.order {
		rest, ok := strings.CutPrefix(key, section)
		if !ok {
			continue
		}
		name, _, deeper := strings.Cut(rest, ".")
		if deeper {
			name = "[" + name + "]"
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}

// parent cuts the last part off a path.
func parent(key string) string {
	if i := strings.LastIndexAny(key, ".["); i >= 0 {
		return key[:i]
	}
	return ""
}

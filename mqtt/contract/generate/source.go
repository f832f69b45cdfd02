package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// source is what only the source of a package knows: its comments.
type source struct {
	types  map[string]typeText
	consts []constText
}

type typeText struct {
	doc    string
	fields map[string]string
}

// constText is a constant; value is empty where it is no literal. index counts it
// within its block, which is its value where the block counts with iota.
type constText struct {
	name, kind, text, value string
	index                   int
}

// readSource reads the comments of the package in a folder.
func readSource(dir string) (*source, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("%s: no Go files: %v", dir, err)
	}
	s := &source{types: make(map[string]typeText)}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		for _, d := range parsed.Decls {
			if g, ok := d.(*ast.GenDecl); ok {
				s.take(g)
			}
		}
	}
	return s, nil
}

func (s *source) take(g *ast.GenDecl) {
	kind := ""
	for i, spec := range g.Specs {
		switch x := spec.(type) {
		case *ast.TypeSpec:
			doc := x.Doc
			if doc == nil {
				doc = g.Doc
			}
			if st, ok := x.Type.(*ast.StructType); ok {
				s.types[x.Name.Name] = typeText{text(doc), fieldTexts(st)}
			}
		case *ast.ValueSpec:
			if g.Tok != token.CONST {
				continue
			}
			if id, ok := x.Type.(*ast.Ident); ok {
				kind = id.Name
			}
			s.takeConst(x, g, kind, i)
		}
	}
}

func (s *source) takeConst(x *ast.ValueSpec, g *ast.GenDecl, kind string, index int) {
	said := text(x.Doc)
	if !g.Lparen.IsValid() {
		said = text(g.Doc)
	}
	if said == "" {
		said = text(x.Comment)
	}
	for i, n := range x.Names {
		c := constText{name: n.Name, kind: kind, text: said, index: index}
		if i < len(x.Values) {
			if l, ok := x.Values[i].(*ast.BasicLit); ok {
				c.value = l.Value
				if l.Kind == token.STRING {
					c.value, _ = strconv.Unquote(l.Value) // the parser has seen it
				}
			}
		}
		s.consts = append(s.consts, c)
	}
}

// fieldTexts gives each field its comment; one that has none shares that of the
// field before it.
func fieldTexts(st *ast.StructType) map[string]string {
	out := make(map[string]string)
	last := ""
	for _, f := range st.Fields.List {
		if t := text(f.Doc); t != "" {
			last = t
		} else if t := text(f.Comment); t != "" {
			last = t
		}
		for _, n := range f.Names {
			out[n.Name] = last
		}
	}
	return out
}

// text is a comment as one line.
func text(c *ast.CommentGroup) string {
	if c == nil {
		return ""
	}
	return strings.Join(strings.Fields(c.Text()), " ")
}

var capital = regexp.MustCompile(`\b[A-Z][A-Za-z0-9]*\b`)

// inJSON turns the names of Go fields in a comment into those of the message.
func inJSON(said string, names map[string]string) string {
	return capital.ReplaceAllStringFunc(said, func(word string) string {
		if name, known := names[word]; known {
			return "`" + name + "`"
		}
		return word
	})
}

// member is one field of a message, with the struct that it stands in.
type member struct {
	reflect.StructField
	owner reflect.Type
	name  string
}

// members lists the fields of a struct as encoding/json writes them, those of
// embedded structs in their place.
func members(t reflect.Type) (out []member, err error) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			inner, err := members(f.Type)
			if err != nil {
				return nil, err
			}
			out = append(out, inner...)
		case name == "" || name == "-" || options != "":
			return nil, fmt.Errorf("%v.%s: wants a plain name in JSON, so that it is always there", t, f.Name)
		default:
			out = append(out, member{f, t, name})
		}
	}
	return out, nil
}

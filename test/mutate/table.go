package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
)

// The names in the package control that this program goes by.
const (
	tableName = "interlocks"
	idField   = "id"
	modes     = "in"
	action    = "action"
	condition = "holds"
)

// source is a file whose expressions can be replaced by others.
type source struct {
	path string
	text []byte
	set  *token.FileSet
}

// of is the text of a node.
func (s *source) of(n ast.Node) string { return string(s.text[s.at(n.Pos()):s.at(n.End())]) }

func (s *source) at(p token.Pos) int { return s.set.Position(p).Offset }

// with is the file with one node replaced; nothing else moves.
func (s *source) with(n ast.Node, by string) []byte {
	out := append([]byte(nil), s.text[:s.at(n.Pos())]...)
	out = append(out, by...)
	return append(out, s.text[s.at(n.End()):]...)
}

// row is one interlock as it stands in the source, its expressions by field.
type row struct {
	in     *source
	id     string
	fields map[string]ast.Expr
	// parameters are the types that its condition takes.
	parameters []string
}

// rows finds the interlock table in a folder, in whichever file it stands and
// whether its rows name their fields or not.
func rows(dir string) ([]row, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var table *ast.CompositeLit
	var in *source
	types := map[string]*ast.StructType{}
	signatures := map[string][]string{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		s := &source{path: path, text: text, set: token.NewFileSet()}
		file, err := parser.ParseFile(s.set, path, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.TypeSpec:
				if t, ok := n.Type.(*ast.StructType); ok {
					types[n.Name.Name] = t
					signatures[n.Name.Name] = parameters(s, t)
				}
			case *ast.ValueSpec:
				if len(n.Names) == 1 && n.Names[0].Name == tableName && len(n.Values) == 1 {
					table, _ = n.Values[0].(*ast.CompositeLit)
					in = s
				}
			}
			return true
		})
	}
	if table == nil {
		return nil, fmt.Errorf("%s: no table named %s", dir, tableName)
	}
	array, ok := table.Type.(*ast.ArrayType)
	if !ok {
		return nil, fmt.Errorf("%s: %s is no array of rows", in.path, tableName)
	}
	name := in.of(array.Elt)
	if types[name] == nil {
		return nil, fmt.Errorf("%s: the rows' type %s is no struct of this package", in.path, name)
	}
	return readRows(in, table, fieldNames(types[name]), signatures[name])
}

// readRows takes the table apart.
func readRows(in *source, table *ast.CompositeLit, names, parameters []string) (out []row, err error) {
	for _, e := range table.Elts {
		literal, ok := e.(*ast.CompositeLit)
		if !ok {
			return nil, fmt.Errorf("%s: a row is not written out", in.set.Position(e.Pos()))
		}
		r := row{in: in, fields: map[string]ast.Expr{}, parameters: parameters}
		for i, v := range literal.Elts {
			if named, ok := v.(*ast.KeyValueExpr); ok {
				r.fields[in.of(named.Key)] = named.Value
			} else if i < len(names) {
				r.fields[names[i]] = v
			}
		}
		if r.fields[idField] == nil || r.fields[action] == nil || r.fields[condition] == nil {
			return nil, fmt.Errorf("%s: a row without %s, %s or %s", in.set.Position(e.Pos()), idField, action, condition)
		}
		r.id = in.of(r.fields[idField])
		out = append(out, r)
	}
	if len(out) == 0 {
		return nil, errors.New(in.path + ": the table is empty")
	}
	return out, nil
}

// fieldNames lists a struct's fields in their order.
func fieldNames(t *ast.StructType) (out []string) {
	for _, f := range t.Fields.List {
		for _, n := range f.Names {
			out = append(out, n.Name)
		}
	}
	return out
}

// parameters lists the types that the condition field takes.
func parameters(s *source, t *ast.StructType) (out []string) {
	for _, f := range t.Fields.List {
		signature, ok := f.Type.(*ast.FuncType)
		if !ok || len(f.Names) != 1 || f.Names[0].Name != condition {
			continue
		}
		for _, p := range signature.Params.List {
			for range max(1, len(p.Names)) {
				out = append(out, s.of(p.Type))
			}
		}
	}
	return out
}

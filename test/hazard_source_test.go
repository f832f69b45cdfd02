package test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// goSource is what the module's Go files say, as far as hazards are concerned.
type goSource struct {
	// comments of the files that are no tests, by path from the module's root.
	comments map[string][]string // one string a line
	tests    map[string]goTest   // by package.TestName
	problems []string
}

// goTest is one test function.
type goTest struct {
	name string // without its package
	doc  string
	// runs are the strings in a test that has subtests: one of them may be a
	// subtest's name.
	runs []string
}

// readModule parses every Go file below root.
func readModule(root string) (*goSource, error) {
	s := &goSource{comments: map[string][]string{}, tests: map[string]goTest{}}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (e.Name() == "testdata" || strings.HasPrefix(e.Name(), ".") && path != root):
			return filepath.SkipDir
		case e.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		return s.readFile(filepath.ToSlash(rel), path, nil)
	})
	return s, err
}

// readFile parses one file; src is its text, or nil to read it from path.
func (s *goSource) readFile(rel, path string, src any) error {
	file, err := parser.ParseFile(token.NewFileSet(), path, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	if !strings.HasSuffix(rel, "_test.go") {
		for _, group := range file.Comments {
			s.comments[rel] = append(s.comments[rel], strings.Split(group.Text(), "\n")...)
		}
		return nil
	}
	dir, _ := filepath.Split(rel)
	for _, decl := range file.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && isTest(f) {
			s.tests[strings.TrimSuffix(dir, "/")+"."+f.Name.Name] = goTest{f.Name.Name, f.Doc.Text(), subtestNames(f)}
		}
	}
	return nil
}

// isTest tells whether `go test` would run f: TestXxx(t *testing.T).
func isTest(f *ast.FuncDecl) bool {
	rest, ok := strings.CutPrefix(f.Name.Name, "Test")
	if !ok || f.Recv != nil || rest == "" || strings.ToLower(rest[:1]) == rest[:1] && rest[0] != '_' || len(f.Type.Params.List) != 1 {
		return false
	}
	star, ok := f.Type.Params.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	sel, ok := star.X.(*ast.SelectorExpr)
	return ok && sel.Sel.Name == "T"
}

// subtestNames are the strings of a test that calls t.Run.
func subtestNames(f *ast.FuncDecl) (names []string) {
	runs := false
	ast.Inspect(f.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			runs = runs || n.Sel.Name == "Run"
		case *ast.BasicLit:
			if s, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
				names = append(names, s)
			}
		}
		return true
	})
	if !runs {
		return nil
	}
	return names
}

// carries tells whether a test says that it is about id: its name contains the
// ID's words in CamelCase, its doc comment names the ID, or a subtest is called
// so, with dashes or blanks. An ID without a dash is an everyday word, which a
// doc comment may use by chance, so there the name decides.
func (t goTest) carries(id string) bool {
	if strings.Contains(t.name, camel(id)) {
		return true
	}
	word := strings.TrimPrefix(id, "R-")
	if (word != id || strings.Contains(id, "-")) && names(t.doc, id) {
		return true
	}
	for _, s := range t.runs {
		if s == id || s == strings.ReplaceAll(strings.ToLower(word), "-", " ") {
			return true
		}
	}
	return false
}

// camel turns `force-limit` and `R-FORCE-LIMIT` into ForceLimit.
func camel(id string) string {
	var b strings.Builder
	for _, word := range strings.Split(strings.ToLower(strings.TrimPrefix(id, "R-")), "-") {
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

// names tells whether text contains id as a word of its own.
func names(text, id string) bool {
	return regexp.MustCompile(`(^|[^A-Za-z0-9-])` + regexp.QuoteMeta(id) + `($|[^A-Za-z0-9-])`).MatchString(text)
}

// ruleInComment finds rule IDs, real or mistyped, in comments.
var ruleInComment = regexp.MustCompile(`\bR-[A-Z][A-Z0-9]*(?:-[A-Z0-9]+)*\b`)

// explains tells whether a comment line is about an interlock: it begins with its
// stable name, alone or in a list, and a colon.
func explains(line, interlock string) bool {
	head, _, ok := strings.Cut(line, ":")
	if !ok {
		return false
	}
	for _, part := range strings.Split(strings.ReplaceAll(head, " and ", ","), ",") {
		if strings.TrimSpace(part) == interlock {
			return true
		}
	}
	return false
}

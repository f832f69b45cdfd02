package test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// angular is what a name or a text says that has to do with bending somebody.
var angular = regexp.MustCompile(`(?i)flexion|angle|radian`)

// angles lists the names and texts of a Go file that speak of angles.
func angles(t *testing.T, path string, src any) (found []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, src, parser.SkipObjectResolution)
	require.NoError(t, err)
	ast.Inspect(file, func(n ast.Node) bool {
		word := ""
		switch n := n.(type) {
		case *ast.Ident:
			word = n.Name
		case *ast.BasicLit:
			word = n.Value
		}
		if angular.MatchString(word) {
			found = append(found, path+": "+word)
		}
		return true
	})
	return found
}

// TestNoFlexion: no output, input, command, programme or message of this build
// has an angle. Whoever adds a drive that bends somebody has to meet the hazards
// of flexion first.
func TestNoFlexion(t *testing.T) {
	files := 0
	for _, root := range []string{"../control", "../hw", "../mqtt"} {
		require.NoError(t, filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case e.IsDir() && e.Name() == "simtable": // its breath is a sine
				return filepath.SkipDir
			case strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go"):
				files++
				assert.Empty(t, angles(t, path, nil))
			}
			return nil
		}))
	}
	assert.Greater(t, files, 100)
	for _, src := range []string{
		"package control\n\ntype Output struct{ Flexion int }\n",
		"package control\n\nimport \"periph.io/x/conn/v3/physic\"\n\ntype Limits struct{ Bend physic.Angle }\n",
		"package mqtt\n\ntype State struct {\n\tBend float64 `json:\"angle\"`\n}\n",
	} {
		assert.Len(t, angles(t, "synthetic.go", src), 1, src)
	}
}

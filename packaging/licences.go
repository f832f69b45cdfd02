package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// licenceFile is what modules call the files with their terms.
var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]es?|copying|notice|patents|authors|contributors|[a-z0-9]+[-_]licen[cs]e)([-_.].*)?$|^(FTL|GPL)\.txt$`)

// licences gives the terms of everything of other people that is in the program,
// word for word, as most of them ask for.
func (b *builder) licences(target []string) (string, error) {
	env := append(append([]string{}, ownEnvironment...), target...)
	listed, err := command(b.root, env, "go", "list", "-deps", "-f",
		"{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}\t{{.Dir}}{{end}}{{end}}", "./cmd/appliance")
	if err != nil {
		return "", err
	}
	library, err := command(b.root, nil, "go", "env", "GOROOT", "GOVERSION")
	if err != nil {
		return "", err
	}
	goroot, version, _ := strings.Cut(library, "\n")
	lines := append([]string{"Go's own library " + strings.TrimPrefix(version, "go") + "\t" + goroot}, strings.Split(listed, "\n")...)
	slices.Sort(lines[1:])
	var out strings.Builder
	out.WriteString("The program holds the work of others. Each part with its terms:\n")
	for _, line := range slices.Compact(lines) {
		name, dir, found := strings.Cut(line, "\t")
		if !found {
			continue
		}
		text, err := terms(dir)
		if err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(&out, "\n%s\n%s\n%s", strings.Repeat("=", 78), name, text)
	}
	return out.String(), nil
}

// terms joins the licence files at the top of a module, and those in a folder
// that has nothing else. A module without any is an error.
func terms(dir string) (string, error) {
	var out strings.Builder
	files, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	for _, f := range files {
		if !licenceFile.MatchString(f.Name()) {
			continue
		}
		err := filepath.WalkDir(filepath.Join(dir, f.Name()), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || strings.HasSuffix(path, ".go") {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			name, err := filepath.Rel(dir, path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&out, "\n--- %s\n\n%s\n", name, strings.TrimRight(string(data), "\n"))
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	if out.Len() == 0 {
		return "", fmt.Errorf("no licence in %s", dir)
	}
	return out.String(), nil
}

// Generate writes what follows from the Go types of the contract: the JSON
// Schemas in mqtt/schemas, mqtt/asyncapi.yaml, and the marked parts of
// docs/mqtt.md. Run it with: go generate ./mqtt/...
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	root, err := findRoot()
	if err != nil {
		return err
	}
	files, err := generated(root)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(root, f.path), f.content, 0o644); err != nil {
			return err
		}
	}
	stale, err := strangers(root, files)
	if err != nil {
		return err
	}
	for _, path := range stale {
		if err := os.Remove(filepath.Join(root, path)); err != nil {
			return err
		}
	}
	return nil
}

// file is one file that is written, with its path from the module's root.
type file struct {
	path    string
	content []byte
}

// generated makes all files without writing them.
func generated(root string) ([]file, error) {
	model, err := newModel(root)
	if err != nil {
		return nil, err
	}
	var out []file
	for _, m := range model.messages {
		content, err := m.schema.file()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		out = append(out, file{filepath.Join(schemaFolder, m.name+".json"), content})
	}
	asyncAPI, err := model.asyncAPI()
	if err != nil {
		return nil, err
	}
	page, err := model.page(root)
	if err != nil {
		return nil, err
	}
	return append(out, file{"mqtt/asyncapi.yaml", asyncAPI}, file{pagePath, page}), nil
}

const (
	schemaFolder  = "mqtt/schemas"
	exampleFolder = "mqtt/contract/examples"
	pagePath      = "docs/mqtt.md"
)

// strangers are schemas of messages that there are no more.
func strangers(root string, files []file) (out []string, err error) {
	there, err := fs.Glob(os.DirFS(root), schemaFolder+"/*.json")
	for _, path := range there {
		if !slices.ContainsFunc(files, func(f file) bool { return f.path == path }) {
			out = append(out, path)
		}
	}
	return out, err
}

// findRoot goes up to the folder with go.mod.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod here or above; run this in the module")
		}
		dir = up
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"traction/mqtt/contract"
)

// example is one message as it was really sent: cmd/appliance's contract test
// records them, see there.
type example struct {
	message string
	name    string // of its file
	title   string
	payload json.RawMessage
}

// readExamples reads mqtt/contract/examples, in the order of their names. A
// file's name begins with the kind of message: response-stale-rev.json.
func readExamples(root string) ([]example, error) {
	paths, err := filepath.Glob(filepath.Join(root, exampleFolder, "*.json"))
	if err != nil {
		return nil, err
	}
	sort.Strings(paths)
	var out []example
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		raw = bytes.TrimSpace(raw)
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		message, rest, _ := strings.Cut(name, "-")
		if !json.Valid(raw) {
			return nil, fmt.Errorf("%s: is not JSON", path)
		}
		title := strings.ReplaceAll(rest, "-", " ")
		if title == "" {
			title = message
		}
		out = append(out, example{message, name, sentence(title), raw})
	}
	return out, nil
}

// valid tells whether all of them are still what the contract says.
func valid(examples []example) error {
	for _, e := range examples {
		if err := contract.Validate("traction/t1/"+e.message, e.payload); err != nil {
			return fmt.Errorf("example %s: %w\nrecord them again: see mqtt/contract/examples/README.md", e.name, err)
		}
	}
	return nil
}

package contract

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"traction/mqtt/schemas"
)

// Validate tells whether a message is what the contract says of its topic. The
// error names each place that is wrong, or is ErrUnknownTopic.
//
// An empty message on a request topic is right: it clears a retained one.
func Validate(topic string, payload []byte) error {
	c, err := Find(topic)
	if err != nil {
		return err
	}
	switch {
	case c.Message == Availability:
		if word := string(payload); word != "online" && word != "offline" {
			return fmt.Errorf("contract: %s: %.40q is not allowed: online, offline", topic, word)
		}
		return nil
	case c.Inbound && len(payload) == 0:
		return nil
	}
	schema, err := compiled(c.Message)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(payload))
	if err != nil {
		return fmt.Errorf("contract: %s: is not JSON: %w", topic, err)
	}
	if err := schema.Validate(value); err != nil {
		return fmt.Errorf("contract: %s: %w", topic, err)
	}
	return nil
}

// all are the schemas by the kind of message, compiled at their first use.
var all = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	names, err := fs.Glob(schemas.Files, "*.json")
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat() // a time that is none is an error
	out := make(map[string]*jsonschema.Schema, len(names))
	for _, name := range names {
		raw, err := schemas.Files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			return nil, fmt.Errorf("contract: %s: %w", name, err)
		}
		// The name is no address: nothing is ever fetched.
		where := "contract:///" + name
		if err := compiler.AddResource(where, document); err != nil {
			return nil, fmt.Errorf("contract: %s: %w", name, err)
		}
		if out[strings.TrimSuffix(path.Base(name), ".json")], err = compiler.Compile(where); err != nil {
			return nil, fmt.Errorf("contract: %s: %w", name, err)
		}
	}
	return out, nil
})

func compiled(message string) (*jsonschema.Schema, error) {
	known, err := all()
	if err != nil {
		return nil, err
	}
	schema, found := known[message]
	if !found {
		return nil, fmt.Errorf("contract: no schema for %q; \"go generate ./mqtt/...\" writes them", message)
	}
	return schema, nil
}

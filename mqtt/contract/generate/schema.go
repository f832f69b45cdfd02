package main

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// schema is a JSON Schema, with its keywords in the order in which they are written.
type schema struct {
	Draft         string     `json:"$schema,omitempty"`
	Title         string     `json:"title,omitempty"`
	Description   string     `json:"description,omitempty"`
	Ref           string     `json:"$ref,omitempty"`
	Type          any        `json:"type,omitempty"` // a name, or several
	Const         any        `json:"const,omitempty"`
	Enum          []any      `json:"enum,omitempty"`
	Format        string     `json:"format,omitempty"`
	Pattern       string     `json:"pattern,omitempty"`
	MinLength     int        `json:"minLength,omitempty"`
	MaxLength     int        `json:"maxLength,omitempty"`
	Minimum       number     `json:"minimum,omitempty"`
	Maximum       number     `json:"maximum,omitempty"`
	Properties    properties `json:"properties,omitempty"`
	Required      []string   `json:"required,omitempty"`
	MinProperties int        `json:"minProperties,omitempty"`
	// Additional is a pointer so that false is written and nothing is not.
	Additional *bool      `json:"additionalProperties,omitempty"`
	Items      *schema    `json:"items,omitempty"`
	AnyOf      []*schema  `json:"anyOf,omitempty"`
	OneOf      []*schema  `json:"oneOf,omitempty"`
	Defs       properties `json:"$defs,omitempty"`
}

// number is a bound; empty = none.
type number = json.Number

// properties is a JSON object that keeps its order.
type properties []property

type property struct {
	name   string
	schema *schema
}

// MarshalJSON implements json.Marshaler.
func (p properties) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, x := range p {
		if i > 0 {
			b = append(b, ',')
		}
		name, err := json.Marshal(x.name)
		if err != nil {
			return nil, err
		}
		value, err := plain(x.schema)
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, name...), ':'), value...)
	}
	return append(b, '}'), nil
}

// find gives the schema of one property, or nil.
func (p properties) find(name string) *schema {
	for _, x := range p {
		if x.name == name {
			return x.schema
		}
	}
	return nil
}

// plain is JSON that people can read: < and & stay what they are.
func plain(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// file is the schema as a file.
func (s *schema) file() ([]byte, error) {
	top := *s
	top.Draft = "https://json-schema.org/draft/2020-12/schema"
	raw, err := plain(&top)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// nullable lets a schema be null as well.
func (s *schema) nullable() (*schema, error) {
	kind, ok := s.Type.(string)
	if !ok {
		return nil, fmt.Errorf("only a schema with one type can be made nullable, not %v", s.Type)
	}
	s.Type = []string{kind, "null"}
	if s.Enum != nil {
		s.Enum = append(s.Enum, nil)
	}
	return s, nil
}

package link

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// member is one name and value of a JSON object.
type member struct {
	name  string
	value json.RawMessage
}

// members takes a JSON object apart. Unlike encoding/json it tells names apart
// by case, and refuses a name that comes twice and anything after the object.
func members(raw []byte) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	start, err := dec.Token()
	if err != nil {
		return nil, notJSON(err)
	}
	if start != json.Delim('{') {
		return nil, errors.New("is not a JSON object")
	}
	var out []member
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, notJSON(err)
		}
		m := member{name: token.(string)} // the decoder allows nothing else here
		if err := dec.Decode(&m.value); err != nil {
			return nil, notJSON(err)
		}
		for _, earlier := range out {
			if earlier.name == m.name {
				return nil, fmt.Errorf("%s comes twice", excerpt(m.name))
			}
		}
		out = append(out, m)
	}
	if _, err := dec.Token(); err != nil {
		return nil, notJSON(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object")
	}
	return out, nil
}

// notJSON puts a decoder's complaint into words of our own.
func notJSON(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("is not JSON: it ends too early")
	}
	return fmt.Errorf("is not JSON: %w", err)
}

// excerpt quotes what somebody sent, short enough for a message to people.
func excerpt[T ~string | ~[]byte](s T) string {
	const most = 40
	if len(s) > most {
		return fmt.Sprintf("%q...", string(s[:most]))
	}
	return fmt.Sprintf("%q", string(s))
}

// excerptJSON is excerpt of a value in JSON, which has quotation marks of its own
// where it is a string.
func excerptJSON(raw []byte) string {
	var text string
	if json.Unmarshal(raw, &text) == nil && string(raw) != "null" {
		return excerpt(text)
	}
	return excerpt(raw)
}

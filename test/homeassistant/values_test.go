package homeassistant

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The functions here say what an entity has to show after a message. They look at
// the message alone, not at the discovery's templates. A number is a measured
// value: the entity may show it rounded.

// measured is a value that an entity shows with so many digits after the point.
type measured struct {
	value  float64
	digits int
}

// lookup finds a field by its path.
func lookup(m message, path string) any {
	var v any
	if json.Unmarshal([]byte(m.payload), &v) != nil {
		return nil
	}
	for name := range strings.SplitSeq(path, ".") {
		object, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = object[name]
	}
	return v
}

func text(v any) string {
	switch v := v.(type) {
	case nil:
		return unknown
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return map[bool]string{true: "on", false: "off"}[v]
	case string:
		return v
	}
	return "not comparable"
}

// digits wants a number, times an optional factor; null is unknown.
func digits(n int, path string, factor ...float64) func(message) any {
	return func(m message) any {
		v, ok := lookup(m, path).(float64)
		if !ok {
			return unknown
		}
		for _, f := range factor {
			v *= f
		}
		return measured{v, n}
	}
}

// setting wants a programme's value, which there is only with a programme.
func setting(name string, factor float64) func(message) any {
	return func(m message) any {
		if lookup(m, "programme") == "" {
			return unknown
		}
		return digits(3, "settings."+name, factor)(m)
	}
}

// field wants the field as it is.
func field(path string) func(message) any {
	return func(m message) any { return text(lookup(m, path)) }
}

// filled wants the field, or another text where it is empty.
func filled(path, empty string) func(message) any {
	return func(m message) any {
		if s := text(lookup(m, path)); s != "" {
			return s
		}
		return empty
	}
}

// joined wants a list of texts as one.
func joined(path, empty string) func(message) any {
	return func(m message) any {
		list, _ := lookup(m, path).([]any)
		names := make([]string, 0, len(list))
		for _, v := range list {
			names = append(names, text(v))
		}
		if len(names) == 0 {
			return empty
		}
		return strings.Join(names, ", ")
	}
}

func onOff(path string) func(message) any {
	return func(m message) any { return text(lookup(m, path)) }
}

// among wants on when the field is one of these.
func among(path string, these ...string) func(message) any {
	return func(m message) any { return text(slices.Contains(these, text(lookup(m, path)))) }
}

// anyOf wants on when one of the lists is not empty.
func anyOf(paths ...string) func(message) any {
	return func(m message) any {
		return text(slices.ContainsFunc(paths, func(path string) bool {
			list, _ := lookup(m, path).([]any)
			return len(list) > 0
		}))
	}
}

// firstText wants the text of the first interlock of the lists.
func firstText(paths ...string) func(message) any {
	return func(m message) any {
		for _, path := range paths {
			if list, _ := lookup(m, path).([]any); len(list) > 0 {
				first, _ := list[0].(map[string]any)
				said := text(first["text"])
				return string([]rune(said)[:min(255, len([]rune(said)))]) // Home Assistant's longest state
			}
		}
		return "none"
	}
}

// instant wants a time, however it is written.
func instant(path string) func(message) any {
	return func(m message) any {
		at, err := time.Parse(time.RFC3339, text(lookup(m, path)))
		if err != nil {
			return unknown
		}
		return at.Truncate(time.Second) // what Home Assistant shows
	}
}

func online(m message) any { return text(m.payload == "online") }

func thermostat(m message) any {
	if lookup(m, "heat_c") == nil {
		return "off"
	}
	return "heat"
}

// shows tells whether an entity's state is what is wanted.
func shows(state string, want any) bool {
	switch want := want.(type) {
	case measured:
		v, err := strconv.ParseFloat(state, 64)
		scale := math.Pow10(want.digits)
		return err == nil && math.Abs(v-want.value) <= 0.5/scale+1e-9 && math.Abs(v*scale-math.Round(v*scale)) < 1e-6
	case time.Time:
		at, err := time.Parse(time.RFC3339, state)
		return err == nil && at.Equal(want)
	}
	return state == want
}

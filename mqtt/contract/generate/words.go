package main

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"traction/control"
	"traction/control/link"
	"traction/mqtt"
)

// word is one value of an enumeration, with what it means.
type word struct{ name, text string }

// wordsOf lists all values of an enumeration: those of a numbered type by asking
// for the name of one number after the other, those of a string type from its
// constants. Other types have none.
func (m *model) wordsOf(t reflect.Type) []word {
	from := m.sourceOf(t)
	if from == nil || t.Name() == "" {
		return nil
	}
	if t.Kind() == reflect.Uint8 && t.Implements(reflect.TypeFor[fmt.Stringer]()) {
		return numberedWords(from, t)
	}
	if t.Kind() != reflect.String {
		return nil
	}
	var out []word
	for _, c := range from.consts {
		if c.kind == t.Name() {
			out = append(out, word{c.value, meaning(c)})
		}
	}
	return out
}

func numberedWords(from *source, t reflect.Type) (out []word) {
	texts := make(map[int]string)
	for _, c := range from.consts {
		if c.kind == t.Name() {
			texts[c.index] = meaning(c)
		}
	}
	for i := range 256 {
		v := reflect.New(t).Elem()
		v.SetUint(uint64(i))
		name := v.Interface().(fmt.Stringer).String()
		if name == "unknown" {
			break
		}
		out = append(out, word{name, texts[i]})
	}
	return out
}

// goName is a hint to readers of the source.
var goName = regexp.MustCompile(`[:;] see [A-Z]\w+$`)

// instead of comments that speak to readers of the source.
var instead = map[string]string{
	"EventTreatmentStarted": "a treatment started",
	"EventTreatmentEnded":   "a treatment ended; its report is on `session`",
	"EventReleaseProven":    "a proof of release was passed",
	"ControlBack":           "the control process is there again",
	"EndNone":               "it has not ended",
	"Accepted":              "the command acted",
	"CodeRetained":          "a retained request, which is never obeyed",
	"CodeNotFound":          "there is no such report",
	"NoAlarm":               "nothing to tell",
	"Low":                   "to know: steady yellow, no sound",
	"Medium":                "to look soon: slow yellow, three pulses of sound",
	"High":                  "to help now: fast red, ten pulses of sound",
	"None":                  "no interlock asks for anything",
	"ReasonNone":            "nothing limits it",
	"HeatOK":                "the heat is as it was asked for",
}

// meaning is a constant's comment without the constant's own name in front.
func meaning(c constText) string {
	if said, better := instead[c.name]; better {
		return said
	}
	said := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(c.text, c.name+": "), c.name+" is "), ".")
	return goName.ReplaceAllString(said, "")
}

// missingWords are the names of all conditions.
func (m *model) missingWords() (out []word) {
	texts := make(map[int]string)
	for _, c := range m.control.consts {
		if c.kind == "Missing" {
			texts[c.index] = meaning(c)
		}
	}
	for i := range 16 {
		if names := control.Missing(1 << i).Names(); len(names) == 1 {
			out = append(out, word{names[0], texts[i]})
		}
	}
	return out
}

// eventWords are the kinds of events of the control process, then the gateway's own.
func (m *model) eventWords() []word {
	return append(m.wordsOf(reflect.TypeFor[control.EventKind]()), m.wordsOf(reflect.TypeFor[mqtt.Kind]())...)
}

// interlockWords have what an interlock has seen and what to do.
func (m *model) interlockWords() (out []word) {
	for i := control.NoInterlock + 1; i.String() != "unknown"; i++ {
		_, said, _ := strings.Cut(link.Text(control.Event{Kind: control.EventTrip, Interlock: i}), ": ")
		out = append(out, word{i.String(), strings.TrimSuffix(said, ".")})
	}
	return out
}

func names(words []word) (out []any) {
	for _, w := range words {
		out = append(out, w.name)
	}
	return out
}

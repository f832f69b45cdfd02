package link

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"
	"pgregory.net/rapid"

	"traction/control"
)

func TestDecodeRequest(t *testing.T) {
	rev := uint64(18446744073709551615)
	for _, c := range []struct {
		text string
		want Request
	}{
		{`{"id":"1","command":"stop"}`, Request{ID: "1", Command: control.CommandStop}},
		{` { "command" : "pause" , "id" : "a-Z_0.9:x" } ` + "\n", Request{ID: "a-Z_0.9:x", Command: control.CommandPause}},
		{`{"id":"1","rev":18446744073709551615,"command":"start"}`, Request{ID: "1", Rev: &rev, Command: control.CommandStart}},
		{`{"id":"1","rev":18446744073709551615,"command":"pause"}`, Request{ID: "1", Rev: &rev, Command: control.CommandPause}},
		{`{"id":"1","rev":18446744073709551615,"command":"select","programme":"lumbar","body_weight_kg":72.5,"max_force_n":300}`,
			Request{ID: "1", Rev: &rev, Command: control.CommandSelect, Programme: "lumbar",
				BodyWeight: new(72_500 * physic.Gram), MaxForce: new(300 * physic.Newton)}},
		{`{"id":"1","rev":18446744073709551615,"command":"set","hold_n":400.5,"rest_n":15,"hold_s":60,"rest_s":0,"duration_s":1.8e3}`,
			Request{ID: "1", Rev: &rev, Command: control.CommandSet, Hold: new(400_500 * physic.MilliNewton), Rest: new(15 * physic.Newton),
				HoldTime: new(time.Minute), RestTime: new(time.Duration(0)), Duration: new(30 * time.Minute)}},
		{`{"id":"1","rev":18446744073709551615,"command":"heat","heat_c":38.5}`,
			Request{ID: "1", Rev: &rev, Command: control.CommandHeat, Heat: new(38_500*physic.MilliCelsius + physic.ZeroCelsius)}},
		{`{"id":"1","rev":18446744073709551615,"command":"heat","heat_c":0}`,
			Request{ID: "1", Rev: &rev, Command: control.CommandHeat, Heat: new(physic.Temperature(0))}},
	} {
		got, err := DecodeRequest([]byte(c.text))
		require.NoError(t, err, c.text)
		assert.Equal(t, c.want, got, c.text)
	}
}

func TestDecodeRequestRefuses(t *testing.T) {
	for _, c := range []struct {
		text string
		kind error
		want []string
	}{
		{``, ErrMalformed, []string{"request: is not JSON: it ends too early"}},
		{`[]`, ErrMalformed, []string{"is not a JSON object"}},
		{`"start"`, ErrMalformed, []string{"is not a JSON object"}},
		{`{"id":"1","command":"pause"`, ErrMalformed, []string{"ends too early"}},
		{`{"id":"1","command":"pause"} x`, ErrMalformed, []string{"something follows"}},
		{`{"id":"1","command":"pause"}{}`, ErrMalformed, []string{"something follows"}},
		{`{"id":"1","command":"pause","command":"start"}`, ErrMalformed, []string{`"command" comes twice`}},
		{`{"id":"1","Command":"pause"}`, ErrMalformed, []string{`"Command": is not a field`, "command: is missing, allowed: select, arm, start"}},
		{`{"id":"1","command":"none"}`, ErrMalformed, []string{`command: "none" is unknown`}},
		{`{"id":"1","command":"fly"}`, ErrMalformed, []string{"is unknown, allowed: select, arm,"}},
		{`{"id":"1","command":3}`, ErrMalformed, []string{"command: \"3\" is unknown"}},
		{`{"command":"arm","rev":1}`, ErrMalformed, []string{"id: is missing, allowed: 1 to 64"}},
		{`{"id":7,"command":"arm","rev":1}`, ErrMalformed, []string{`id: "7" is not allowed`}},
		{`{"id":"a/b","command":"arm","rev":1}`, ErrMalformed, []string{`id: "a/b" is not allowed`}},
		{`{"id":"` + strings.Repeat("x", 65) + `","command":"arm","rev":1}`, ErrMalformed, []string{"id: "}},
		{`{"id":"1","command":"start"}`, ErrMalformed, []string{"rev: is missing; start needs"}},
		{`{"id":"1","command":"start","rev":"7"}`, ErrMalformed, []string{`rev: "7" is not a whole number`}},
		{`{"id":"1","command":"start","rev":1.5}`, ErrMalformed, []string{"rev: "}},
		{`{"id":"1","command":"start","rev":-1}`, ErrMalformed, []string{"rev: "}},
		{`{"id":"1","command":"start","rev":1,"hold_n":400}`, ErrMalformed, []string{"hold_n: does not belong to start, only to set"}},
		{`{"id":"1","command":"pause","heat_c":0}`, ErrMalformed, []string{"heat_c: does not belong to pause, only to heat"}},
		{`{"id":"1","command":"select","rev":1}`, ErrMalformed, []string{"programme: is missing"}},
		{`{"id":"1","command":"select","rev":1,"programme":""}`, ErrMalformed, []string{"programme: "}},
		{`{"id":"1","command":"set","rev":1}`, ErrMalformed, []string{"set: needs at least one of hold_n"}},
		{`{"id":"1","command":"heat","rev":1}`, ErrMalformed, []string{"heat_c: is missing, allowed: 25 to 40, or 0"}},
		{`{"id":"1","command":"set","rev":1,"hold_n":"400"}`, ErrMalformed, []string{`hold_n: "400" is not a number, allowed: 20 to 500`}},
		{`{"id":"1","command":"set","rev":1,"hold_n":null}`, ErrMalformed, []string{`hold_n: "null" is not a number`}},
		{`{"id":"1","command":"set","rev":1,"hold_n":NaN}`, ErrMalformed, []string{"is not JSON"}},
		{`{"id":"1","command":"set","rev":1,"hold_n":1e400}`, ErrMalformed, []string{"hold_n: \"1e400\" is too large a number"}},
		{`{"id":"1","command":"set","rev":1,"hold_n":600}`, ErrOutOfRange, []string{"hold_n: 600 is out of range, allowed: 20 to 500"}},
		{`{"id":"1","command":"set","rev":1,"hold_n":-1,"rest_n":14.9,"hold_s":0.9,"rest_s":301,"duration_s":29}`, ErrOutOfRange,
			[]string{"hold_n: -1 is", "rest_n: 14.9 is out of range, allowed: 15 to 500", "hold_s: 0.9 is", "rest_s: 301 is", "allowed: 0 to 300", "duration_s: 29 is"}},
		{`{"id":"1","command":"heat","rev":1,"heat_c":40.000000001}`, ErrOutOfRange, []string{"heat_c: 40.000000001 is out of range, allowed: 25 to 40, or 0"}},
		{`{"id":"1","command":"heat","rev":1,"heat_c":24.9}`, ErrOutOfRange, []string{"heat_c: 24.9 is"}},
		{`{"id":"1","command":"heat","rev":1,"heat_c":-273.15}`, ErrMalformed, []string{"heat_c: \"-273.15\" is absolute zero"}},
		{`{"id":"1","command":"heat","rev":1,"heat_c":9.2e9}`, ErrOutOfRange, []string{"heat_c: 9200000000 is"}},
		{`{"id":"1","command":"select","rev":1,"programme":"x","body_weight_kg":72500,"max_force_n":901}`, ErrOutOfRange,
			[]string{"body_weight_kg: 72500 is out of range, allowed: 20 to 300", "max_force_n: 901 is out of range, allowed: 20 to 900"}},
		{`{"id":"","command":"set","hold_n":1,"speed":9,"heat_c":30}`, ErrMalformed, // everything at once
			[]string{"id: ", `"speed": is not a field`, "rev: is missing", "hold_n: 1 is out of range", "heat_c: does not belong to set"}},
		{`{"id":"1","command":"pause"` + strings.Repeat(" ", MaxRequest) + `}`, ErrMalformed, []string{"bytes are too many, allowed: 4096"}},
	} {
		got, err := DecodeRequest([]byte(c.text))
		require.ErrorIs(t, err, c.kind, c.text)
		for _, want := range c.want {
			assert.ErrorContains(t, err, want, c.text)
		}
		assert.Equal(t, control.NoCommand, got.Command, "nothing of it may be obeyed: %s", c.text)
		assert.Contains(t, []string{"", "1"}, got.ID, "only a valid id comes back: %s", c.text)
	}
}

// Whatever else is wrong, a stop that can be made out is a stop.
func TestStopIsFoundInAnything(t *testing.T) {
	for _, text := range []string{
		`{"command":"stop"}`,
		`{"id":"a/b","command":"stop"}`,
		`{"id":"1","command":"stop","rev":"old","hold_n":1e999}`,
		`{"id":"1","command":"stop","now":true}`,
		`{"id":"1","command":"stop"} trailing`,
		`{"id":"1","command":"stop","command":"start"}`,
		`{"id":"1","command":"start","command":"stop"}`,
		`{"id":"1","command":"STOP"}`,
		`{"id":"1","command" :` + "\t" + ` "stop",,,`,
		`{{{{"command":"stop"`,
		`{"id":"1","command":"st\u006fp","x":1}`,
		`{"id":"1","command":"stop","pad":"` + strings.Repeat("x", MaxRequest) + `"}`,
		"stop", "STOP\n", `"stop"`, `{id:s1,command:stop}`, `{'id':'s1', 'command' : 'stop'}`, `{id:s1,command:Stop,rev:7}`, `command:stop`,
	} {
		got, err := DecodeRequest([]byte(text))
		assert.Error(t, err, text)
		assert.Equal(t, control.CommandStop, got.Command, text)
		assert.Equal(t, Request{ID: got.ID, Command: control.CommandStop}, got, text)
	}
	for _, text := range []string{`{"command":"start"}`, `{"programme":"stop"}`, `"command"`, `"command":`, `"command":"sto`, `stop`, ``} {
		assert.False(t, asksStop([]byte(text)), text)
	}
	for _, text := range []string{`{"id":"1","command":"start","programme":"command:stop"}`, ` {"id":"1","command":"start","programme":"command:stop"}`, `{id:1,command:stopwatch}`, `{id:1,command:start}`, "stopp", "do not stop", "s", "{", ""} {
		got, err := DecodeRequest([]byte(text))
		assert.Error(t, err, text)
		assert.Equal(t, control.NoCommand, got.Command, text)
	}
	line := []byte(`{"request":{"id":"1","command":"command","command":"stop"}}`)
	assert.Zero(t, testing.AllocsPerRun(100, func() { asksStop(line) }), "a flood is searched without garbage")
}

// drawRequest makes any valid request.
func drawRequest(t *rapid.T) Request {
	r := Request{ID: rapid.StringMatching(`[A-Za-z0-9_.:-]{1,64}`).Draw(t, "id"), Rev: new(rapid.Uint64().Draw(t, "rev"))}
	r.Command = control.CommandKind(rapid.IntRange(int(control.CommandSelect), int(control.CommandAcknowledge)).Draw(t, "command"))
	switch r.Command {
	case control.CommandSelect:
		r.Programme = rapid.StringMatching(`[a-z0-9-]{1,40}`).Draw(t, "programme")
		r.BodyWeight = maybe(t, "body weight", minBodyWeight, maxBodyWeight)
		r.MaxForce = maybe(t, "max force", control.MinHold, control.CeilingForce)
	case control.CommandSet:
		r.Hold = maybe(t, "hold", control.MinHold, control.MaxHold)
		r.Rest = maybe(t, "rest", control.MinRest, control.MaxHold)
		r.HoldTime = maybe(t, "hold time", control.MinHoldTime, control.MaxHoldTime)
		r.RestTime = maybe(t, "rest time", 0, control.MaxRestTime)
		r.Duration = new(time.Duration(rapid.Int64Range(int64(control.MinDuration), int64(control.CeilingDuration)).Draw(t, "duration")))
	case control.CommandHeat:
		r.Heat = new(physic.Temperature(0))
		if on := maybe(t, "heat", control.MinHeat, control.CeilingTemperature); on != nil {
			r.Heat = on
		}
	}
	return r
}

func maybe[V ~int64](t *rapid.T, label string, lo, hi V) *V {
	if !rapid.Bool().Draw(t, label+" given") {
		return nil
	}
	return new(V(rapid.Int64Range(int64(lo), int64(hi)).Draw(t, label)))
}

func TestRequestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawRequest(t)
		require.NoError(t, want.Validate())
		wire, err := json.Marshal(want)
		require.NoError(t, err)
		var got Request
		require.NoError(t, json.Unmarshal(wire, &got), "%s", wire)
		require.Equal(t, want, got, "%s", wire)
	})
}

func TestValidateAgreesWithDecode(t *testing.T) {
	r := Request{ID: "x", Command: control.CommandSet, Rev: new(uint64(1)), Hold: new(600 * physic.Newton), Heat: new(physic.Temperature(0))}
	wire, err := json.Marshal(r)
	require.NoError(t, err)
	_, decodeErr := DecodeRequest(wire)
	assert.EqualError(t, r.Validate(), decodeErr.Error())
	assert.ErrorContains(t, (&Request{ID: "x", Command: 200}).Validate(), "command")
}

func TestHeatRangeIsTheControllers(t *testing.T) {
	for _, f := range requestFields {
		if f.name == "heat_c" {
			r := Request{Heat: new(control.MinHeat)}
			assert.Equal(t, "25", string(f.append(nil, &r)))
			r.Heat = new(control.CeilingTemperature)
			assert.Equal(t, "40", string(f.append(nil, &r)))
			assert.Contains(t, f.allowed, "25 to 40")
		}
	}
}

func TestWeight(t *testing.T) {
	assert.Equal(t, 9_806_650*physic.MicroNewton, weight(physic.KiloGram))
	assert.Equal(t, 2_941_995*physic.MilliNewton, weight(300*physic.KiloGram))
}

func FuzzDecodeRequest(f *testing.F) {
	for _, s := range []string{
		`{"id":"1","command":"stop"}`, `{"id":"1","rev":7,"command":"set","hold_n":400,"rest_s":20}`, `{"id":"1","command":"stop",,`,
		`{"id":"1","rev":7,"command":"select","programme":"x","body_weight_kg":7e1}`, `{"id":"1","rev":7,"command":"heat","heat_c":0}`, `{`, `{"a":}`, `{1:2}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := DecodeRequest(raw)
		if asksStop(raw) {
			require.True(t, r.Command == control.CommandStop || err == nil)
		}
		if err != nil {
			require.Contains(t, []control.CommandKind{control.NoCommand, control.CommandStop}, r.Command)
			require.Equal(t, Request{ID: r.ID, Command: r.Command}, r)
			return
		}
		require.NoError(t, r.Validate())
		again, err := DecodeRequest(r.append(nil))
		require.NoError(t, err)
		require.Equal(t, r, again)
	})
}

// Nonsense is not answered with more of it.
func TestManyProblemsAreToldInShort(t *testing.T) {
	raw := []byte(`{"id":"a","command":"pause"`)
	for i := range 500 {
		raw = fmt.Appendf(raw, `,"%d":1`, i)
	}
	_, err := DecodeRequest(append(raw, '}'))
	require.ErrorIs(t, err, ErrMalformed)
	assert.Contains(t, err.Error(), `"15": is not a field of a request; and 484 more`)
	assert.Less(t, len(err.Error()), 1000)
}

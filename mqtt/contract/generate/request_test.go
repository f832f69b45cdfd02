package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control/link"
	"traction/mqtt/contract"
)

// TestSchemaJudgesLikeTheDecoder: of each command, the smallest request and the
// fullest, with each field in turn left out or given another good or bad value.
// The schema takes what the decoder takes, and only that.
func TestSchemaJudgesLikeTheDecoder(t *testing.T) {
	taken, refused := 0, 0
	for _, base := range bases(t) {
		for name, values := range probes() {
			for _, v := range append(values, absent) {
				request := maps.Clone(base)
				if request[name] = v; v == absent {
					delete(request, name)
				}
				raw, err := json.Marshal(request)
				require.NoError(t, err)
				_, decoded := link.DecodeRequest(raw)
				judged := contract.Validate("traction/t1/request", raw)
				assert.Equal(t, decoded == nil, judged == nil, "%s\ndecoder: %v\nschema: %v", raw, decoded, judged)
				if decoded == nil {
					taken++
				} else {
					refused++
				}
			}
		}
	}
	assert.Greater(t, taken, 300, "of both kinds")
	assert.Greater(t, refused, 1000, "of both kinds")
}

// absent stands for a field that is left out.
const absent = "(absent)"

// probes are values for each field, good ones and bad ones.
func probes() map[string][]any {
	out := map[string][]any{
		"id":      {"7f", "a.b:c_d-e", strings.Repeat("x", 64), strings.Repeat("x", 65), "a b", "", 7, nil},
		"rev":     {0, 42, int64(exact), -1, "42", 1.5, nil},
		"command": {"none", "fly", "Stop", "stop", "set", "start", 7, nil},
		"faster":  {true},
	}
	for _, f := range link.FieldRules() {
		if f.Length > 0 {
			out[f.Name] = []any{"demo", strings.Repeat("x", f.Length), strings.Repeat("x", f.Length+1), "", "a b", 3, nil}
			continue
		}
		least, _ := f.Least.Float64() // TestFieldRulesHold has looked at them
		most, _ := f.Most.Float64()
		out[f.Name] = []any{f.Least, f.Most, 0, -1, 1e6, least - 0.001, most + 0.001, "30", nil, true}
	}
	return out
}

// bases are right requests: of each command the smallest, one for each of its
// fields where one of them has to be there, and the fullest.
func bases(t *testing.T) (out []map[string]any) {
	all, err := commands()
	require.NoError(t, err)
	for _, c := range all {
		least := map[string]any{"id": "1", "command": c.name}
		if c.rev {
			least["rev"] = 1
		}
		full := maps.Clone(least)
		for _, f := range c.fields {
			full[f.Name] = probes()[f.Name][0]
			switch {
			case slices.Contains(c.must, f.Name):
				least[f.Name] = full[f.Name]
			case c.oneOf:
				one := maps.Clone(least)
				one[f.Name] = full[f.Name]
				out = append(out, one)
			}
		}
		if !c.oneOf {
			out = append(out, least)
		}
		out = append(out, full)
	}
	for _, request := range out {
		raw, err := json.Marshal(request)
		require.NoError(t, err)
		require.NoError(t, contract.Validate("traction/t1/request", raw), "%s", raw)
	}
	return out
}

func TestSignedRequest(t *testing.T) {
	rev := uint64(42)
	r := link.Request{ID: "7f", Rev: &rev}
	require.NoError(t, r.Command.UnmarshalText([]byte("start")))
	raw, err := link.Sign(r, []byte(strings.Repeat("k", link.LeastKey))).MarshalJSON()
	require.NoError(t, err)
	require.NoError(t, contract.Validate("traction/t1/request/nurse-1", raw))
	assert.Error(t, contract.Validate("traction/t1/request", []byte(strings.Replace(string(raw), `"hmac"`, `"mac"`, 1))))
}

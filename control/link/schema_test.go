package link

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"
	"pgregory.net/rapid"

	"traction/control"
)

// The largest valid value of each enumeration, found by asking for its names.
var enumMost = map[reflect.Type]uint64{}

func init() {
	for _, v := range []interface{ String() string }{control.Mode(0), control.Phase(0), control.Action(0), control.Priority(0),
		control.Reason(0), control.HeatReason(0), control.CellFault(0), control.EventKind(0), control.InterlockID(0),
		control.CommandKind(0), control.Origin(0), control.Code(0), control.EndReason(0)} {
		typ := reflect.TypeOf(v)
		most := uint64(0)
		for n := uint64(1); n < 256; n++ {
			x := reflect.New(typ).Elem()
			x.SetUint(n)
			if x.Interface().(interface{ String() string }).String() == "unknown" {
				break
			}
			most = n
		}
		enumMost[typ] = most
	}
}

// setMask are the members that a set can have.
func setMask(bits []string) (mask uint64) {
	for i, n := range bits {
		if n != "" {
			mask |= 1 << i
		}
	}
	return mask
}

// leaves calls f for every value inside v that is not itself a struct.
func leaves(path string, v reflect.Value, f func(path string, v reflect.Value)) {
	if v.Kind() != reflect.Struct {
		f(path, v)
		return
	}
	for i := range v.NumField() {
		leaves(path+"."+v.Type().Field(i).Name, v.Field(i), f)
	}
}

// draw fills every leaf with anything that its type may hold.
func draw[T any](t *rapid.T) *T {
	out := new(T)
	leaves("", reflect.ValueOf(out).Elem(), func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Int64, reflect.Int32:
			if v.Kind() == reflect.Int32 {
				v.SetInt(int64(rapid.Int32().Draw(t, path)))
			} else {
				v.SetInt(rapid.Int64().Draw(t, path))
			}
		case reflect.Bool:
			v.SetBool(rapid.Bool().Draw(t, path))
		case reflect.Float64:
			v.SetFloat(rapid.Float64().Draw(t, path))
		case reflect.String:
			v.SetString(rapid.String().Draw(t, path))
		default:
			most, isEnum := enumMost[v.Type()]
			n := rapid.Uint64().Draw(t, path)
			switch v.Type() {
			case reflect.TypeFor[control.InterlockSet]():
				n &= setMask(interlockBits)
			case reflect.TypeFor[control.Missing]():
				n &= setMask(missingBits)
			case reflect.TypeFor[control.Field]():
				n &= setMask(settingBits)
			default:
				if isEnum {
					n %= most + 1
				}
			}
			v.SetUint(n & (1<<v.Type().Bits() - 1))
		}
	})
	return out
}

func testRoundTrip[T any](t *testing.T, o object[T]) {
	rapid.Check(t, func(t *rapid.T) {
		want := draw[T](t)
		wire := o.append(nil, want)
		require.True(t, json.Valid(wire), "%s", wire)
		got := new(T)
		require.NoError(t, o.parse(wire, got), "%s", wire)
		require.Equal(t, want, got, "%s", wire)
		got = new(T)
		require.NoError(t, o.parseRow(o.appendRow(nil, want), got), "%s", wire)
		require.Equal(t, want, got, "%s", wire)
	})
}

func TestRoundTrips(t *testing.T) {
	t.Run("snapshot", func(t *testing.T) { testRoundTrip(t, snapshotFields) })
	t.Run("entry", func(t *testing.T) { testRoundTrip(t, entryFields) })
	t.Run("event", func(t *testing.T) { testRoundTrip(t, eventFields) })
	t.Run("report", func(t *testing.T) { testRoundTrip(t, reportFields) })
}

// A field that is added to control and forgotten here must be noticed.
func testComplete[T any](t *testing.T, o object[T]) {
	zero := string(o.append(nil, new(T)))
	n := 0
	probe := new(T)
	leaves("", reflect.ValueOf(probe).Elem(), func(path string, v reflect.Value) {
		n++
		switch v.Kind() {
		case reflect.Int64, reflect.Int32:
			v.SetInt(1)
		case reflect.Bool:
			v.SetBool(true)
		case reflect.Float64:
			v.SetFloat(1)
		case reflect.String:
			v.SetString("x")
		default:
			v.SetUint(1 << 1)
			if enumMost[v.Type()] == 1 {
				v.SetUint(1)
			}
		}
		assert.NotEqual(t, zero, string(o.append(nil, probe)), "%s is not sent", path)
		v.SetZero()
	})
	assert.Len(t, o, n, "one field for each value")
	seen := map[string]bool{}
	for _, name := range o.names() {
		assert.False(t, seen[name], "%s comes twice", name)
		seen[name] = true
	}
}

func TestEveryValueIsSent(t *testing.T) {
	t.Run("snapshot", func(t *testing.T) { testComplete(t, snapshotFields) })
	t.Run("entry", func(t *testing.T) { testComplete(t, entryFields) })
	t.Run("event", func(t *testing.T) { testComplete(t, eventFields) })
	t.Run("report", func(t *testing.T) { testComplete(t, reportFields) })
}

// What other programs see is fixed here: it changes only with Schema.
func TestWireFormat(t *testing.T) {
	s := control.Snapshot{At: 12_345 * time.Millisecond, Rev: 7, Mode: control.Treating, Phase: control.Hold, Programme: "lumbar",
		Force: 400_123 * physic.MilliNewton, Position: -3 * physic.MilliMetre, Pad: 36*physic.Celsius + physic.ZeroCelsius,
		Trips: control.InterlockSet(0).With(control.ILTravel).With(control.ILPadHot)}
	s.Limits.Force = control.Bound[physic.Force]{Value: 450 * physic.Newton, Reason: control.ReasonProgramme}
	got := string(appendSnapshot(nil, &s))
	for _, want := range []string{`{"snapshot":{"at_s":12.345,"rev":7,"mode":"treating","phase":"hold",`, `"programme":"lumbar"`,
		`"force_n":400.123,`, `"position_mm":-3,`, `"pad_c":36,"heat_c":null,`, `"trips":["travel","pad-hot"]`,
		`"force_limit_n":450,"force_limit_reason":"programme"`} {
		assert.Contains(t, got, want)
	}
	assert.True(t, strings.HasSuffix(got, "}}\n"))

	e := control.Entry{Seq: 9, At: time.Second, Force: physic.Newton, Counts: -5, Mode: control.Paused, Fresh: true}
	assert.Equal(t, `{"entries":[[9,1,1,0,0,-5,0,0,0,"paused","none","none",true]]}`+"\n", string(appendEntries(nil, []control.Entry{e})))
}

func TestNotANumberIsNotZero(t *testing.T) {
	s := control.Snapshot{Stiffness: math.NaN(), HeatDuty: math.Inf(1)}
	var got control.Snapshot
	require.NoError(t, snapshotFields.parse(snapshotFields.append(nil, &s), &got))
	assert.True(t, math.IsNaN(got.Stiffness))
	assert.True(t, math.IsNaN(got.HeatDuty))
}

func TestParseRefuses(t *testing.T) {
	good := string(eventFields.append(nil, &control.Event{}))
	var e control.Event
	require.NoError(t, eventFields.parse([]byte(good), &e))
	for _, c := range []struct{ name, from, to, want string }{
		{"missing field", `"seq":0,`, ``, "fields"},
		{"other field", `"seq":0,`, `"sequence":0,`, "seq: is missing"},
		{"repeated field", `"seq":0,`, `"seq":0,"seq":0,`, `"seq" comes twice`},
		{"unknown name", `"mode":"idle"`, `"mode":"asleep"`, "mode"},
		{"name as number", `"mode":"idle"`, `"mode":0`, "is not a string"},
		{"text as number", `"force_n":0`, `"force_n":"0"`, "is not a number"},
		{"too large", `"treatment":0`, `"treatment":4294967296`, "treatment"},
		{"negative", `"treatment":0`, `"treatment":-1`, "treatment"},
	} {
		bad := strings.Replace(good, c.from, c.to, 1)
		require.NotEqual(t, good, bad, c.name)
		assert.ErrorContains(t, eventFields.parse([]byte(bad), &e), c.want, c.name)
	}
	assert.ErrorContains(t, entryFields.parseRow([]byte(`[1,2]`), new(control.Entry)), "columns")
	assert.Error(t, entryFields.parseRow([]byte(`{}`), new(control.Entry)))
	assert.ErrorContains(t, snapshotFields.parse([]byte(strings.Replace(string(snapshotFields.append(nil, new(control.Snapshot))),
		`"trips":[]`, `"trips":["none"]`, 1)), new(control.Snapshot)), "trips")
}

// The longest line a server can write must fit into a client's buffer.
func TestLongestLines(t *testing.T) {
	s, e := control.Snapshot{}, control.Entry{}
	for _, v := range []reflect.Value{reflect.ValueOf(&s).Elem(), reflect.ValueOf(&e).Elem()} {
		leaves("", v, func(_ string, v reflect.Value) {
			switch v.Kind() {
			case reflect.Int64, reflect.Int32:
				v.SetInt(math.MinInt64 >> (64 - v.Type().Bits()))
			case reflect.String:
				v.SetString(strings.Repeat("\x01", 40))
			case reflect.Float64:
				v.SetFloat(-math.MaxFloat64 / 3)
			case reflect.Uint64, reflect.Uint32, reflect.Uint16:
				v.SetUint(math.MaxUint64 >> (64 - v.Type().Bits()))
			}
		})
	}
	assert.Less(t, len(appendSnapshot(nil, &s)), maxServerLine/2)
	entries := make([]control.Entry, batch)
	for i := range entries {
		entries[i] = e
	}
	assert.Less(t, len(appendEntries(nil, entries)), maxServerLine/2)
}

func TestEncodersMakeNoGarbage(t *testing.T) {
	s := control.Snapshot{Programme: "lumbar-intermittent", Stiffness: 3.7, Missing: control.MissingProof | control.MissingSlack,
		Trips: control.InterlockSet(0).With(control.ILTravel)}
	entries := make([]control.Entry, batch)
	e, r := control.Event{Kind: control.EventTrip, Force: 12345}, control.Report{Programme: "x", HoldWithin5: 0.93}
	b := make([]byte, 0, maxServerLine)
	for name, f := range map[string]func(){
		"snapshot": func() { b = appendSnapshot(b[:0], &s) },
		"entries":  func() { b = appendEntries(b[:0], entries) },
		"event":    func() { b = appendEvent(b[:0], &e) },
		"report":   func() { b = appendReport(b[:0], &r) },
	} {
		assert.Zero(t, testing.AllocsPerRun(100, f), name)
	}
}

func BenchmarkAppendSnapshot(b *testing.B) {
	s := control.Snapshot{Programme: "lumbar-intermittent", Force: 400_123 * physic.MilliNewton, Stiffness: 3.7}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = appendSnapshot(buf[:0], &s)
	}
}

func BenchmarkAppendEntries(b *testing.B) {
	entries := make([]control.Entry, batch)
	for i := range entries {
		entries[i] = control.Entry{Seq: uint64(i), At: time.Duration(i) * 12_500 * time.Microsecond, Force: 400_123 * physic.MilliNewton}
	}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = appendEntries(buf[:0], entries)
	}
}

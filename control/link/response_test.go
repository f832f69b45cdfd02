package link

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
)

func TestAnswer(t *testing.T) {
	for _, c := range []struct {
		reply control.Reply
		want  string
	}{
		{control.Reply{Kind: control.CommandStart, Mode: control.Treating}, "start: done, the mode is treating"},
		{control.Reply{Kind: control.CommandSet, Code: control.AboveLimit, Field: control.FieldHold, Value: int64(480 * physic.Newton),
			Max: int64(431 * physic.Newton), Reason: control.ReasonProgramme},
			"hold 480 N is above the largest set-point 431 N; the limit in force comes from the programme"},
		{control.Reply{Kind: control.CommandHeat, Code: control.AboveLimit, Value: int64(40*physic.Celsius + physic.ZeroCelsius),
			Max: int64(38*physic.Celsius + physic.ZeroCelsius), Reason: control.ReasonProgramme},
			"heat 40 C is above the largest pad temperature 38 C; the limit in force comes from the programme"},
		{control.Reply{Kind: control.CommandSelect, Code: control.AboveLimit, Value: int64(400 * physic.Newton), Max: int64(230 * physic.Newton), Reason: control.ReasonHarness},
			"force 400 N is above the largest force 230 N; the limit in force comes from the kind of harness"},
		{control.Reply{Kind: control.CommandSet, Code: control.OutOfRange, Field: control.FieldRestTime, Value: int64(301 * time.Second), Max: int64(300 * time.Second)},
			"rest time 301 s is out of range, allowed: 0 s to 300 s"},
		{control.Reply{Kind: control.CommandStart, Code: control.StaleRev, Rev: 42}, "the state has changed since start was decided on; look at it again and send rev 42"},
		{control.Reply{Kind: control.CommandArm, Code: control.NotReady, Missing: control.MissingProof | control.MissingSlack},
			"arm has to wait: the patient switch is not proven, let the person press and release it; the rope is under tension, let it go slack"},
		{control.Reply{Kind: control.CommandStart, Code: control.WrongMode, Mode: control.Tripped}, "start is not possible while the mode is tripped; arm the table first"},
		{control.Reply{Kind: control.CommandArm, Code: control.Contradicted, Interlock: control.ILEmergencyStop},
			"an interlock forbids arm: the emergency stop is pressed or its wire is broken; help the person, unlock the button, then acknowledge"},
		{control.Reply{Kind: control.CommandHeat, Code: control.NotReady}, "heat has to wait: no heat pad is configured"},
		{control.Reply{Kind: control.CommandSelect, Code: control.OutOfRange}, "select holds a value that is out of its range"},
		{control.Reply{Kind: control.CommandHeat, Code: control.OutOfRange, Value: int64(control.CeilingTemperature) + 1, Min: int64(control.MinHeat), Max: int64(control.CeilingTemperature)},
			"heat 40.000000001 C is out of range, allowed: 25 C to 40 C"},
		{control.Reply{Kind: control.CommandArm, Code: control.OnlyAtTable}, "arm must be done at the table"},
	} {
		got := Answer("7", c.reply)
		assert.Equal(t, c.want, got.Message)
		assert.Equal(t, "7", got.ID)
		assert.Equal(t, c.reply.Code, got.Code)
		assert.Equal(t, c.reply.Code == control.Accepted, got.Status == StatusOK)
	}
}

// The value shown as allowed must itself be allowed.
func TestShownLimitsAreAllowed(t *testing.T) {
	f := valueFormat(&control.Reply{Field: control.FieldHold})
	for _, c := range []struct{ value, most, least string }{
		{"431.99", "431.9 N", "432 N"},
		{"431.9", "431.9 N", "431.9 N"},
		{"0.05", "0 N", "0.1 N"},
		{"-0.05", "-0.1 N", "0 N"},
	} {
		v, err := parseFixed([]byte(c.value), 9)
		require.NoError(t, err)
		assert.Equal(t, c.most, f.atMost(v))
		assert.Equal(t, c.least, f.atLeast(v))
	}
}

// Every outcome has words of its own for every command.
func TestEveryCodeHasWords(t *testing.T) {
	for k := control.CommandSelect; k.String() != "unknown"; k++ {
		seen := map[string]control.Code{}
		for c := control.Accepted; c.String() != "unknown"; c++ {
			text := Answer("1", control.Reply{Kind: k, Code: c}).Message
			assert.NotEmpty(t, text)
			other, twice := seen[text]
			assert.False(t, twice, "%s says the same for %s and %s", k, c, other)
			seen[text] = c
		}
	}
	for bit := control.Missing(1); bit != 0 && len(bit.Names()) > 0; bit <<= 1 {
		assert.NotEqual(t, missingText(0), missingText(bit), "%v", bit.Names())
	}
	for r := control.ReasonCeiling; r.String() != "unknown"; r++ {
		assert.NotContains(t, reasonText(r), "unknown", r.String())
	}
	assert.Contains(t, reasonText(200), "unknown")
}

func TestStopped(t *testing.T) {
	assert.Equal(t, Response{ID: "1", Status: StatusOK, Code: control.Accepted, Message: "stop: handed over at once"}, Stopped("1", nil))
	got := Stopped("", errors.New("id: is missing"))
	assert.Equal(t, StatusOK, got.Status)
	assert.Equal(t, control.Malformed, got.Code)
	assert.Contains(t, got.Message, "id: is missing")
}

func TestRefusal(t *testing.T) {
	_, err := DecodeRequest([]byte(`{"id":"1","command":"set","rev":1,"hold_n":600}`))
	got := Refusal("1", err)
	assert.Equal(t, control.OutOfRange, got.Code)
	assert.Equal(t, StatusRefused, got.Status)
	_, err = DecodeRequest([]byte(`{}`))
	assert.Equal(t, control.Malformed, Refusal("", err).Code)
}

func TestResponseOnTheWire(t *testing.T) {
	wire, err := json.Marshal(Response{ID: "7", Status: StatusRefused, Code: control.AboveLimit, Message: "m", Rev: 42, Mode: control.Paused})
	require.NoError(t, err)
	assert.Equal(t, `{"id":"7","status":"refused","code":"above_limit","message":"m","rev":42,"mode":"paused"}`, string(wire))
}

// Every event, interlock and reason has words of its own.
func TestText(t *testing.T) {
	seen := map[string]string{}
	check := func(what, text string) {
		assert.NotContains(t, text, "no words", what)
		assert.NotContains(t, text, "unknown", what)
		assert.True(t, strings.HasSuffix(text, ".") && strings.ToUpper(text[:1]) == text[:1], "%s: %q is not a sentence", what, text)
		assert.Empty(t, seen[text], "%s says the same", what)
		seen[text] = what
	}
	base := control.Event{Interlock: control.ILTravel, Code: control.StaleRev, End: control.EndCompleted, Command: control.CommandArm, Treatment: 3}
	for k := control.EventBoot; k.String() != "unknown"; k++ {
		e := base
		e.Kind = k
		check(k.String(), Text(e))
	}
	for i := control.ILStartUp; i.String() != "unknown"; i++ {
		if i != base.Interlock {
			check(i.String(), Text(control.Event{Kind: control.EventTrip, Interlock: i}))
		}
	}
	for c := control.NotAllowed; c.String() != "unknown"; c++ {
		check(c.String(), Text(control.Event{Kind: control.EventRefused, Command: control.CommandArm, Code: c}))
	}
	for r := control.EndStopped; r.String() != "unknown"; r++ {
		check(r.String(), Text(control.Event{Kind: control.EventTreatmentEnded, Treatment: 3, End: r}))
	}
	for h := control.HeatAbsent; h.String() != "unknown"; h++ {
		check(h.String(), Text(control.Event{Kind: control.EventHeat, Heat: h}))
	}
	assert.Equal(t, "Trip force-limit at 512 N: the force was above its limit; find out why before the next treatment, then acknowledge.",
		Text(control.Event{Kind: control.EventTrip, Interlock: control.ILForceLimit, Force: 511_700 * physic.MilliNewton}))
	assert.Equal(t, "The command start from a remote user was refused: the state had changed since it was decided on; look again and repeat it.",
		Text(control.Event{Kind: control.EventRefused, Command: control.CommandStart, Origin: control.Remote, Code: control.StaleRev}))
	assert.Contains(t, Text(control.Event{Kind: 200}), "no words")
}

package control

import (
	"math/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"periph.io/x/conn/v3/physic"
	"pgregory.net/rapid"
)

// TestLimitsOnlyTighten: whatever the links say and in whatever order, the
// winner is the smallest positive one and carries its own reason.
// It shows R-LIMIT-TIGHTENS.
func TestLimitsOnlyTighten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(t, "links")
		type link struct {
			v   physic.Force
			why Reason
		}
		links := make([]link, n)
		for i := range links {
			links[i] = link{physic.Force(rapid.Int64Range(-5, 50).Draw(t, "value")) * physic.Newton, Reason(i + 1)}
		}
		least := physic.Force(0)
		for _, l := range links {
			if l.v > 0 && (least == 0 || l.v < least) {
				least = l.v
			}
		}
		order := rand.New(rand.NewSource(rapid.Int64().Draw(t, "order"))).Perm(n)
		var b Bound[physic.Force]
		before := physic.Force(1 << 62)
		for _, i := range order {
			b.Tighten(links[i].v, links[i].why)
			if b.Reason != ReasonNone {
				assert.LessOrEqual(t, b.Value, before)
				before = b.Value
			}
		}
		assert.Equal(t, least, b.Value)
		if least > 0 {
			assert.Equal(t, links[b.Reason-1].v, least, "the reason is that of a winner")
		}
	})
}

// TestChain: R-HARNESS-CAP, R-WEIGHT-CAP.
func TestChain(t *testing.T) {
	table := testTable()
	lumbar, neck := testProgramme(), testProgramme()
	neck.Harness, neck.Hold, neck.Rest = Cervical, 100*physic.Newton, 30*physic.Newton
	own := testProgramme()
	own.ForceLimit = 230 * physic.Newton
	for _, c := range []struct {
		name string
		p    *Programme
		who  Person
		want physic.Force
		why  Reason
	}{
		{"table alone", nil, Person{}, 500 * physic.Newton, ReasonTable},
		{"programme's hold and margin", lumbar, Person{}, 250 * physic.Newton, ReasonProgramme},
		{"programme's own limit", own, Person{}, 230 * physic.Newton, ReasonProgramme},
		{"body weight", lumbar, Person{BodyWeight: 350 * physic.Newton}, 210 * physic.Newton, ReasonPatient},
		{"own cap", lumbar, Person{BodyWeight: 700 * physic.Newton, MaxForce: 150 * physic.Newton}, 150 * physic.Newton, ReasonPatient},
		{"cervical share", neck, Person{BodyWeight: 500 * physic.Newton}, 125 * physic.Newton, ReasonPatient},
	} {
		hold := physic.Force(0)
		if c.p != nil {
			hold = c.p.Hold
		}
		l := chain(&table, c.p, &c.who, hold, 20*time.Minute)
		assert.Equal(t, Bound[physic.Force]{c.want, c.why}, l.Force, c.name)
		assert.Less(t, l.MaxSetPoint(), l.Force.Value)
	}
	neck.Hold = 400 * physic.Newton
	l := chain(&table, neck, &Person{}, neck.Hold, neck.Duration)
	assert.Equal(t, ReasonHarness, l.Force.Reason)
}

// TestStrongestActionWins: every pair of rows, in both orders of beginning.
func TestStrongestActionWins(t *testing.T) {
	for i := range interlocks {
		for j := range interlocks {
			r := newRig(t, testConfig())
			r.holding(testProgramme())
			g := &r.c.guard
			g.latched = InterlockSet(0).With(interlocks[i].id).With(interlocks[j].id)
			got := g.evaluate(r.c, &r.in, &r.out)
			want := max(r.c.actionOf(&interlocks[i]), r.c.actionOf(&interlocks[j]))
			assert.Equal(t, want, got, "%v and %v", interlocks[i].id, interlocks[j].id)
		}
	}
}

// TestInterlockTableIsWhole: each interlock has one row, a name and a priority.
func TestInterlockTableIsWhole(t *testing.T) {
	var seen InterlockSet
	for _, row := range interlocks {
		assert.False(t, seen.Has(row.id), "%v twice", row.id)
		seen = seen.With(row.id)
		assert.NotEqual(t, NoAlarm, row.priority, "%v", row.id)
		assert.NotEqual(t, None, row.action, "%v", row.id)
		assert.NotNil(t, row.holds, "%v", row.id)
	}
	assert.Len(t, seen.IDs(), int(interlockCount)-1)
}

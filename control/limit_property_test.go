package control

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"
	"pgregory.net/rapid"
)

// offer is what one link of the chain says about one bound, in base units.
type offer struct {
	v   int64
	why Reason
}

// tightest is the winner among offers: the smallest that says anything, and of
// equal ones the first.
func tightest(offers []offer) (o offer) {
	for _, next := range offers {
		if next.v > 0 && (o.why == ReasonNone || next.v < o.v) {
			o = next
		}
	}
	return o
}

// TestTighten offers any values by any links in any order.
func TestTighten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		offers := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) offer {
			// Few values, so that equal ones are common.
			return offer{rapid.Int64Range(-3, 9).Draw(t, "value"), Reason(rapid.IntRange(int(ReasonCeiling), int(ReasonOperator)).Draw(t, "why"))}
		}), 0, 12).Draw(t, "offers")
		var b Bound[time.Duration]
		for i, o := range offers {
			was := b
			b.Tighten(time.Duration(o.v), o.why)
			want := tightest(offers[:i+1])
			require.Equal(t, Bound[time.Duration]{time.Duration(want.v), want.why}, b)
			require.True(t, was.Reason == ReasonNone || b.Value <= was.Value, "%+v loosened to %+v", was, b)
			require.True(t, b.Value != was.Value || b == was, "%+v took over the reason of an equal one: %+v", was, b)
		}
		var shuffled Bound[time.Duration]
		for _, o := range rapid.Permutation(offers).Draw(t, "another order") {
			shuffled.Tighten(time.Duration(o.v), o.why)
		}
		require.Equal(t, b.Value, shuffled.Value)
	})
}

// links is everything that a chain is folded of.
type links struct {
	table     TableLimits
	programme *Programme // nil = none selected
	who       Person
	hold      physic.Force
	duration  time.Duration
}

// drawLinks makes links of any value, absent ones and equal ones among them.
func drawLinks(t *rapid.T) links {
	l := links{
		table: TableLimits{Force: drawForce(t, "table"), Rise: drawRate(t, "table rise"), ReleaseSpeed: CeilingSpeed,
			PullSpeed: MilliMetrePerSecond * physic.Speed(rapid.Int64Range(1, 60).Draw(t, "pull speed")),
			Travel:    physic.MilliMetre * physic.Distance(rapid.Int64Range(1, 900).Draw(t, "travel"))},
		who: Person{BodyWeight: drawForce(t, "weight"), MaxForce: drawForce(t, "cap")},
	}
	if rapid.Bool().Draw(t, "selected") {
		p := *testProgramme()
		p.Harness = Harness(rapid.IntRange(0, 1).Draw(t, "harness"))
		p.ForceLimit, p.Hold = drawForce(t, "force limit"), drawForce(t, "hold")
		p.RampUp, p.RampDown = drawRate(t, "ramp up"), drawRate(t, "ramp down")
		if rapid.Bool().Draw(t, "heated") {
			p.Heat = physic.ZeroCelsius + physic.Celsius*physic.Temperature(rapid.Int64Range(25, 60).Draw(t, "heat"))
		}
		l.programme, l.hold = &p, p.Hold
		l.duration = time.Second * time.Duration(rapid.Int64Range(30, 5000).Draw(t, "duration"))
	}
	return l
}

func drawForce(t *rapid.T, label string) physic.Force {
	return 10 * physic.Newton * physic.Force(rapid.Int64Range(0, 150).Draw(t, label))
}

func drawRate(t *rapid.T, label string) ForceRate {
	return NewtonPerSecond * ForceRate(rapid.Int64Range(0, 150).Draw(t, label))
}

func (l *links) fold() Limits { return chain(&l.table, l.programme, &l.who, l.hold, l.duration) }

// forces lists what each link says about force, in the order of the chain, as
// docs/safety.md has it.
func (l *links) forces() []offer {
	all := []offer{{900e9, ReasonCeiling}, {int64(l.table.Force), ReasonTable}}
	share := int64(60)
	if p := l.programme; p != nil && p.Harness == Cervical {
		share = 25
		all = append(all, offer{230e9, ReasonHarness})
	}
	all = append(all, offer{int64(l.who.BodyWeight) * share / 100, ReasonPatient}, offer{int64(l.who.MaxForce), ReasonPatient})
	if p := l.programme; p != nil {
		all = append(all, offer{int64(p.ForceLimit), ReasonProgramme})
		if l.hold > 0 {
			all = append(all, offer{int64(l.hold) + max(50e9, int64(l.hold)*15/100), ReasonProgramme})
		}
	}
	return all
}

// others lists the same for the bounds that have fewer links.
func (l *links) others() map[string][]offer {
	all := map[string][]offer{
		"rise":        {{100e9, ReasonCeiling}, {int64(l.table.Rise), ReasonTable}},
		"speed":       {{int64(40 * MilliMetrePerSecond), ReasonCeiling}, {int64(l.table.PullSpeed), ReasonTable}},
		"travel":      {{600e6, ReasonCeiling}, {int64(l.table.Travel), ReasonTable}},
		"duration":    {{int64(time.Hour), ReasonCeiling}},
		"impulse":     {{500 * 4620 * 1e9, ReasonCeiling}},
		"temperature": {{int64(physic.ZeroCelsius + 40*physic.Celsius), ReasonCeiling}},
	}
	if p := l.programme; p != nil {
		all["rise"] = append(all["rise"], offer{int64(max(p.RampUp, p.RampDown)), ReasonProgramme})
		if l.hold > 0 { // a tenth more, and eleven minutes for ramps and one pause
			all["impulse"] = append(all["impulse"], offer{int64(l.hold) * int64((l.duration*110/100+11*time.Minute)/time.Millisecond) / 1000, ReasonProgramme})
		}
		all["temperature"] = append(all["temperature"], offer{int64(p.Heat), ReasonProgramme})
	}
	return all
}

// bounds gives the limits by name, as offers.
func bounds(l *Limits) map[string]offer {
	return map[string]offer{
		"force":       {int64(l.Force.Value), l.Force.Reason},
		"rise":        {int64(l.Rise.Value), l.Rise.Reason},
		"speed":       {int64(l.Speed.Value), l.Speed.Reason},
		"travel":      {int64(l.Travel.Value), l.Travel.Reason},
		"duration":    {int64(l.Duration.Value), l.Duration.Reason},
		"impulse":     {int64(l.Impulse.Value), l.Impulse.Reason},
		"temperature": {int64(l.Temperature.Value), l.Temperature.Reason},
	}
}

// TestChainIsTheTightestOfItsLinks: each bound is the smallest that any link
// asks for, with the reason of the first that asks for so little.
func TestChainIsTheTightestOfItsLinks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLinks(t)
		all := l.others()
		all["force"] = l.forces()
		got := l.fold()
		for name, b := range bounds(&got) {
			require.Equal(t, tightest(all[name]), b, "%s of %v", name, all[name])
		}
	})
}

// TestNoLinkLoosens: a link that is added, or that asks for less, never makes a
// bound larger.
func TestNoLinkLoosens(t *testing.T) {
	tighter := []struct {
		name   string
		change func(*rapid.T, *links)
	}{
		{"table force", func(t *rapid.T, l *links) { l.table.Force = less(t, l.table.Force) }},
		{"table rise", func(t *rapid.T, l *links) { l.table.Rise = less(t, l.table.Rise) }},
		{"table speed", func(t *rapid.T, l *links) { l.table.PullSpeed = less(t, l.table.PullSpeed) }},
		{"table travel", func(t *rapid.T, l *links) { l.table.Travel = less(t, l.table.Travel) }},
		// Below 100 nN a share of it rounds to nothing; who has a weight has 20 kg.
		{"body weight", func(t *rapid.T, l *links) { l.who.BodyWeight = max(less(t, l.who.BodyWeight), 100) }},
		{"own cap", func(t *rapid.T, l *links) { l.who.MaxForce = less(t, l.who.MaxForce) }},
		{"programme", func(t *rapid.T, l *links) {
			if l.programme == nil {
				l.programme, l.hold, l.duration = testProgramme(), testProgramme().Hold, testProgramme().Duration
			}
		}},
		{"harness", func(_ *rapid.T, l *links) { l.of(func(p *Programme) { p.Harness = Cervical }) }},
		{"force limit", func(t *rapid.T, l *links) { l.of(func(p *Programme) { p.ForceLimit = less(t, p.ForceLimit) }) }},
		{"heat", func(t *rapid.T, l *links) { l.of(func(p *Programme) { p.Heat = less(t, p.Heat) }) }},
		{"duration", func(t *rapid.T, l *links) { l.duration = min(l.duration, less(t, l.duration)) }},
		{"hold", func(t *rapid.T, l *links) { l.hold = min(l.hold, less(t, l.hold)) }},
	}
	rapid.Check(t, func(t *rapid.T) {
		l := drawLinks(t)
		was := l.fold()
		before := bounds(&was)
		c := rapid.SampledFrom(tighter).Draw(t, "link")
		c.change(t, &l)
		now := l.fold()
		for name, b := range bounds(&now) {
			require.LessOrEqual(t, b.v, before[name].v, "%s: %s was loosened", c.name, name)
			require.True(t, b.v < before[name].v || c.name == "programme" || c.name == "harness" || b.why <= before[name].why,
				"%s: %s is the same and its reason went from %v to %v", c.name, name, before[name].why, b.why)
		}
		require.LessOrEqual(t, now.MaxSetPoint(), was.MaxSetPoint(), "a tighter limit allows no larger set-point")
		require.LessOrEqual(t, now.MaxSetPoint(), now.Force.Value-10*physic.Newton)
	})
}

// less draws a value from 1 to v, or any where there was none.
func less[T ~int64](t *rapid.T, v T) T {
	if v <= 0 {
		v = 1 << 40
	}
	return T(rapid.Int64Range(1, int64(v)).Draw(t, "less"))
}

// of changes a copy of the programme, if there is one.
func (l *links) of(change func(*Programme)) {
	if l.programme != nil {
		p := *l.programme
		change(&p)
		l.programme = &p
	}
}

// TestNoCommandLoosens selects and sets anything at any time of a treatment:
// what the table, the harness and the person allow binds after every command,
// and what was refused changes nothing.
func TestNoCommandLoosens(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t, testConfig())
		r.run(100 * time.Millisecond)
		require.Equal(rt, Accepted, r.say(Command{Kind: CommandAcknowledge}).Code)
		who := Person{}
		treating := false
		for range rapid.IntRange(1, 10).Draw(rt, "commands") {
			cmd, next := drawCommand(rt, r, treating, who)
			was, set := r.c.limits, r.c.settings
			reply := r.say(cmd)
			switch {
			case reply.Code == Accepted:
				who = next
			case !treating: // in a treatment the limits may tighten by themselves
				require.Equal(rt, was, r.c.limits, "%v was refused", cmd.Kind)
				fallthrough
			default:
				require.Equal(rt, set, r.c.settings, "%v was refused", cmd.Kind)
			}
			checkLimits(rt, r, who)
			if r.c.programme != nil && !treating && rapid.Bool().Draw(rt, "begin") {
				treating = true
				pull(r)
			}
			r.run(time.Second)
			checkLimits(rt, r, who)
		}
	})
}

// drawCommand makes a select or a set, most of them such that they are accepted;
// next is the person once it is.
func drawCommand(t *rapid.T, r *rig, treating bool, who Person) (cmd Command, next Person) {
	l := links{table: r.c.cfg.Table, who: who}
	share := func(from, to int) physic.Force { // of what table, harness and person allow
		most := l.fold()
		return most.MaxSetPoint() / 100 * physic.Force(rapid.IntRange(from, to).Draw(t, "percent"))
	}
	if r.c.programme == nil || !treating && rapid.Bool().Draw(t, "select") {
		p := *testProgramme()
		p.Harness = Harness(rapid.IntRange(0, 1).Draw(t, "harness"))
		l.programme = &Programme{Harness: p.Harness}
		l.who = Person{}
		if rapid.Bool().Draw(t, "weighed") {
			l.who.BodyWeight = 30*physic.Newton + drawForce(t, "weight")
		}
		if rapid.Bool().Draw(t, "capped") {
			l.who.MaxForce = 30*physic.Newton + drawForce(t, "cap")
		}
		p.Hold = share(80, 102)
		p.Rest = max(p.Hold/3, MinRest)
		return Command{Kind: CommandSelect, Programme: &p, Person: l.who}, l.who
	}
	l.programme = &Programme{Harness: r.c.programme.Harness}
	hold := share(30, 115)
	return Command{Kind: CommandSet, Set: Settings{Fields: FieldHold | FieldRest | FieldDuration, Hold: hold, Rest: max(hold/3, MinRest),
		Duration: time.Second * time.Duration(rapid.Int64Range(20, 3700).Draw(t, "new duration"))}}, who
}

// pull starts the treatment and runs until the rope is tight.
func pull(r *rig) {
	r.must(Command{Kind: CommandArm})
	for _, r.in.Switches.Patient = range []bool{true, false} {
		r.run(50 * time.Millisecond)
	}
	r.must(Command{Kind: CommandStart})
	r.until("pull", 30*time.Second, r.phase(Pull))
}

// checkLimits holds the limits in force against the links that no command may
// touch: ceiling, table, harness and person.
func checkLimits(t *rapid.T, r *rig, who Person) {
	c := r.c
	least := links{table: c.cfg.Table, who: who}
	if c.programme != nil {
		least.programme = &Programme{Harness: c.programme.Harness}
	}
	most := tightest(least.forces())
	require.LessOrEqual(t, int64(c.limits.Force.Value), most.v, "force, bound by %v", most.why)
	require.LessOrEqual(t, c.limits.Rise.Value, c.cfg.Table.Rise)
	require.LessOrEqual(t, c.limits.Speed.Value, c.cfg.Table.PullSpeed)
	require.LessOrEqual(t, c.limits.Travel.Value, c.cfg.Table.Travel)
	require.LessOrEqual(t, c.limits.Duration.Value, CeilingDuration)
	require.LessOrEqual(t, c.settings.Hold, c.limits.MaxSetPoint())
	require.LessOrEqual(t, c.setPoint(), inNewtons(c.limits.MaxSetPoint())+1e-6, "set-point above what may be asked for")
}

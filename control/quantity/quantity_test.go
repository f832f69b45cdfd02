package quantity_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"
	"pgregory.net/rapid"

	"traction/control"
	"traction/control/quantity"
)

func ExampleParse() {
	f, err := quantity.Parse[physic.Force]("45 kgf")
	fmt.Println(int64(f), "nN", err)
	t, _ := quantity.Parse[physic.Temperature]("104 F")
	fmt.Println(quantity.Format(t))
	d, _ := quantity.Parse[time.Duration]("1m30s")
	fmt.Println(d)
	_, err = quantity.Parse[physic.Force]("45")
	fmt.Println(err)
	// Output:
	// 441299250000 nN <nil>
	// 40 C
	// 1m30s
	// force "45": wrong or missing unit: the unit is missing; allowed units: N, kN, kgf, lbf
}

func ExampleFormat() {
	fmt.Println(quantity.Format(44100 * physic.MilliNewton))
	fmt.Println(quantity.Format(20 * time.Minute))
	fmt.Println(quantity.Format(40 * control.NewtonPerSecond))
	// Output:
	// 44.1 N
	// 20 min
	// 40 N/s
}

func ExampleWeight() {
	m, _ := quantity.Parse[physic.Mass]("75 kg")
	fmt.Println(quantity.Format(quantity.Weight(m)))
	// Output: 735.49875 N
}

func ExampleText() {
	var limit quantity.Text[physic.Force]
	err := limit.UnmarshalText([]byte("100 lbf"))
	fmt.Println(limit, err)
	// Output: 444.822161526 N <nil>
}

// good is one text with the exact value in base units.
type good struct {
	text string
	want int64
}

func checkGood[T quantity.Value](t *testing.T, rows []good) {
	t.Helper()
	for _, row := range rows {
		got, err := quantity.Parse[T](row.text)
		require.NoError(t, err, row.text)
		assert.Equal(t, row.want, int64(got), row.text)
		back, err := quantity.Parse[T](quantity.Format(got))
		require.NoError(t, err, row.text)
		assert.Equal(t, got, back, "%s came back as %s", row.text, quantity.Format(got))
	}
}

func TestParseIsExact(t *testing.T) {
	checkGood[physic.Force](t, []good{
		{"450 N", 450e9}, {"450N", 450e9}, {"  450\tN ", 450e9}, {"44.1 N", 44_100_000_000},
		{"45 kgf", 441_299_250_000}, {"1.2 kN", 1200e9}, {"-5 N", -5e9}, {"+5 N", 5e9}, {"0 N", 0}, {"-0 N", 0},
		{"100 lbf", 444_822_161_526}, // 444.82216152605
		{"1 lbf", 4_448_221_615}, {"-1 lbf", -4_448_221_615},
		{"0.0000000005 N", 1}, {"-0.0000000005 N", -1}, {"0.00000000049 N", 0}, // half a nanonewton goes away from zero
		{"0.1 N", 100_000_000}, {"0.3 N", 300_000_000}, {"9223372036.854775807 N", math.MaxInt64},
		{"-9223372036.854775807 N", -math.MaxInt64}, {"007 N", 7e9},
	})
	checkGood[physic.Mass](t, []good{{"75 kg", 75e12}, {"165 lb", 74_842_741_050_000}, {"500 g", 500e9}})
	checkGood[physic.Distance](t, []good{{"200 mm", 200e6}, {"4 in", 101_600_000}, {"1.5 cm", 15e6}, {"2 m", 2e9}, {"5 um", 5000}})
	checkGood[physic.Speed](t, []good{{"12 mm/s", 12e6}, {"0.5 in/s", 12_700_000}, {"60 mm/min", 1e6}, {"1 mm/min", 16_667},
		{"0.1 m/s", 1e8}, {"1 cm/s", 1e7}})
	checkGood[quantity.Acceleration](t, []good{{"1000 mm/s2", 1e9}, {"1000mm/s2", 1e9}, {"1 m/s2", 1e9}})
	checkGood[control.ForceRate](t, []good{{"40 N/s", 40e9}, {"5 kgf/s", 49_033_250_000}, {"10 lbf/s", 44_482_216_153}})
	checkGood[physic.Temperature](t, []good{{"40 C", 313_150_000_000}, {"104 F", 313_150_000_000}, {"40°C", 313_150_000_000},
		{"100 F", 310_927_777_778}, {"-40 C", 233_150_000_000}, {"-40 °F", 233_150_000_000}, {"313.15 K", 313_150_000_000},
		{"0 C", 273_150_000_000}, {"-273.15 C", 0}})
	checkGood[physic.Frequency](t, []good{{"80 Hz", 80e6}, {"1 MHz", 1e12}, {"1.5 kHz", 1_500_000_000}})
	checkGood[time.Duration](t, []good{{"60 s", 60e9}, {"20 min", 1200e9}, {"1m30s", 90e9}, {"1 min 30 s", 90e9}, {"-1m30s", -90e9},
		{"1h2m3s4ms5us6ns", 3723_004_005_006}, {"400 us", 400_000}, {"400 µs", 400_000}, {"1.5 s", 1_500_000_000},
		{"1m0.5s", 60_500_000_000}, {"0 s", 0}, {"999 ms", 999e6}, {"90 s", 90e9}, {"1 ns", 1}})
}

// TestParseRefuses: R-UNITS.
func TestParseRefuses(t *testing.T) {
	force := func(s string) error { _, err := quantity.Parse[physic.Force](s); return err }
	span := func(s string) error { _, err := quantity.Parse[time.Duration](s); return err }
	rate := func(s string) error { _, err := quantity.Parse[control.ForceRate](s); return err }
	for _, row := range []struct {
		parse func(string) error
		text  string
		want  error
		says  string
	}{
		{force, "45", quantity.ErrUnit, "the unit is missing"},
		{force, "45 kg", quantity.ErrUnit, "write kgf"},
		{force, "100 lb", quantity.ErrUnit, "write lbf"},
		{force, "45 n", quantity.ErrUnit, `"n" is no unit of force`},
		{force, "45 s", quantity.ErrUnit, "allowed units: N, kN, kgf, lbf"},
		{force, "45 N N", quantity.ErrUnit, "left over"},
		{force, "45 N 3", quantity.ErrUnit, "left over"},
		{force, "1 kN 200 N", quantity.ErrUnit, "left over"},
		{force, "44,1 N", quantity.ErrNumber, "not a comma"},
		{force, "1,000 N", quantity.ErrNumber, "not a comma"},
		{force, ",5 N", quantity.ErrNumber, "not a comma"},
		{force, ".5 N", quantity.ErrNumber, "0.5"},
		{force, "5. N", quantity.ErrNumber, "0.5"},
		{force, "1.2.3 N", quantity.ErrNumber, "0.5"},
		{force, "1e3 N", quantity.ErrNumber, "exponents"},
		{force, "1 000 N", quantity.ErrNumber, "spaces within"},
		{force, "", quantity.ErrNumber, "begins with a number"},
		{force, "N", quantity.ErrNumber, "begins with a number"},
		{force, "NaN N", quantity.ErrNumber, "begins with a number"},
		{force, "inf N", quantity.ErrNumber, "begins with a number"},
		{force, "+-5 N", quantity.ErrNumber, "begins with a number"},
		{force, "- 5 N", quantity.ErrNumber, "begins with a number"},
		{force, "9223372036.854775808 N", quantity.ErrTooLarge, "too large"},
		{force, "-9223372036.854775808 N", quantity.ErrTooLarge, "too large"},
		{force, "99999999999999999999999999999999 kN", quantity.ErrTooLarge, "too large"},
		{force, strings.Repeat("9", 65) + " N", quantity.ErrNumber, "longer than 64"},
		{span, "30s1m", quantity.ErrUnit, "larger unit comes first"},
		{span, "1m1min", quantity.ErrUnit, "larger unit comes first"},
		{span, "1.5m30s", quantity.ErrUnit, "left over"},
		{span, "1m30", quantity.ErrUnit, "unit is missing"},
		{span, "60", quantity.ErrUnit, "unit is missing"},
		{span, "2562048 h", quantity.ErrTooLarge, "too large"},
		{rate, "40 N", quantity.ErrUnit, "write N/s"},
	} {
		err := row.parse(row.text)
		require.ErrorIs(t, err, row.want, row.text)
		assert.ErrorContains(t, err, row.says, row.text)
		assert.ErrorContains(t, err, "allowed units: ", row.text)
	}
}

func TestFormat(t *testing.T) {
	for _, row := range []struct{ got, want string }{
		{quantity.Format(450 * physic.Newton), "450 N"},
		{quantity.Format(-physic.NanoNewton), "-0.000000001 N"},
		{quantity.Format(physic.Force(math.MinInt64)), "-9223372036.854775808 N"},
		{quantity.Format(75 * physic.KiloGram), "75 kg"},
		{quantity.Format(1500 * physic.MicroMetre), "1.5 mm"},
		{quantity.Format(12500 * physic.MicroMetrePerSecond), "12.5 mm/s"},
		{quantity.Format(40*physic.Celsius + physic.ZeroCelsius), "40 C"},
		{quantity.Format(physic.Temperature(0)), "-273.15 C"},
		{quantity.Format(80 * physic.Hertz), "80 Hz"},
		{quantity.Format(60 * time.Second), "60 s"},
		{quantity.Format(2 * time.Minute), "2 min"},
		{quantity.Format(90 * time.Second), "90 s"},
		{quantity.Format(1500 * time.Millisecond), "1.5 s"},
		{quantity.Format(5 * time.Microsecond), "5 us"},
		{quantity.Format(2500 * time.Nanosecond), "2.5 us"},
		{quantity.Format(200 * time.Nanosecond), "200 ns"},
		{quantity.Format(-20 * time.Millisecond), "-20 ms"},
		{quantity.Format(time.Duration(0)), "0 s"},
		{quantity.Format(time.Duration(math.MinInt64)), "-9223372036.854775808 s"},
		{(1000 * quantity.MilliMetrePerSecondSquared).String(), "1000 mm/s2"},
	} {
		assert.Equal(t, row.want, row.got)
	}
}

func TestWeight(t *testing.T) {
	assert.Equal(t, 735_498_750*physic.MicroNewton, quantity.Weight(75*physic.KiloGram))
	assert.Equal(t, physic.Force(0), quantity.Weight(0))
	assert.Equal(t, physic.Force(4_448_221_615), quantity.Weight(453_592_370_000), "a pound weighs one pound-force")
	assert.Positive(t, quantity.Weight(physic.Mass(math.MaxInt64)))
}

func TestTextKeepsItsValueOnAnError(t *testing.T) {
	text := quantity.Text[physic.Force]{Value: 5 * physic.Newton}
	require.Error(t, text.UnmarshalText([]byte("6")))
	assert.Equal(t, 5*physic.Newton, text.Value)
	b, err := text.MarshalText()
	require.NoError(t, err)
	assert.Equal(t, "5 N", string(b))
}

// comesBack draws any value and demands that its text is read as the same value.
func comesBack[T quantity.Value](t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := T(rapid.Int64Range(-math.MaxInt64, math.MaxInt64).Draw(t, "value"))
		got, err := quantity.Parse[T](quantity.Format(want))
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func TestEveryValueComesBack(t *testing.T) {
	comesBack[physic.Force](t)
	comesBack[physic.Mass](t)
	comesBack[physic.Distance](t)
	comesBack[physic.Speed](t)
	comesBack[physic.Temperature](t)
	comesBack[physic.Frequency](t)
	comesBack[control.ForceRate](t)
	comesBack[quantity.Acceleration](t)
	comesBack[time.Duration](t)
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"450 N", "45 kgf", "100 lbf", "44,1 N", "1m30s", "40 °C", "-0.5 mm/s2", "9223372036.854775807 N", "", "5 N/s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		checkRoundTrip[physic.Force](t, s)
		checkRoundTrip[physic.Temperature](t, s)
		checkRoundTrip[time.Duration](t, s)
		checkRoundTrip[quantity.Acceleration](t, s)
		checkRoundTrip[physic.Speed](t, s)
	})
}

// checkRoundTrip demands of whatever is accepted that it survives being written.
func checkRoundTrip[T quantity.Value](t *testing.T, s string) {
	v, err := quantity.Parse[T](s)
	if err != nil {
		return
	}
	back, err := quantity.Parse[T](quantity.Format(v))
	if err != nil || back != v {
		t.Fatalf("%q is %d, written %q, read %d, %v", s, v, quantity.Format(v), back, err)
	}
}

package board

import (
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/spi"

	"traction/hw"
)

// pi5 is an extract of the lines of a Raspberry Pi 5, whose 2712_WAKE is on two
// chips, as gpioioctl shows them, and of a board without names.
var pi5 = []line{
	{"gpiochip0", "pinctrl-rp1", 17, "GPIO17", ""},
	{"gpiochip0", "pinctrl-rp1", 27, "GPIO27", "spi0 CS0"},
	{"gpiochip0", "pinctrl-rp1", 28, "2712_WAKE", ""},
	{"gpiochip10", "gpio-brcmstb@107d508500", 0, "gpiochip10-2712_WAKE", ""},
	{"gpiochip11", "expander:20", 0, "", ""},
	{"gpiochip11", "expander:20", 1, "", ""},
	{"gpiochip12", "expander:21", 1, "", ""},
}

func TestResolve(t *testing.T) {
	for text, want := range map[string]int{
		"GPIO17": 0, "GPIO27": 1, "gpiochip0:27": 1, "pinctrl-rp1:17": 0, "gpiochip10-2712_WAKE": 3, "gpiochip10:0": 3,
		"expander:20:1": 5, "gpiochip11:0": 4, "expander:21:1": 6,
	} {
		got, err := resolve(text, pi5)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for text, want := range map[string]string{
		"GPIO18":         `no line "GPIO18"; gpioinfo lists the lines that there are, the chips are gpiochip0 (pinctrl-rp1), gpiochip10`,
		"gpiochip0:99":   "no line",
		"gpiochip0:":     "no line",
		"gpiochip0:x":    "no line",
		":17":            "no line",
		"17":             "no line",
		"2712_WAKE":      "ambiguous: gpiochip0:28 (pinctrl-rp1), gpiochip10:0 (gpio-brcmstb@107d508500); name one as chip:offset",
		"gpiochip11:1:1": "no line",
	} {
		_, err := resolve(text, pi5)
		assert.ErrorContains(t, err, want, text)
	}
	_, err := resolve("GPIO17", nil)
	assert.ErrorContains(t, err, "no chip could be read")
}

func FuzzResolve(f *testing.F) {
	f.Add("GPIO17")
	f.Add("expander:20:1")
	f.Add(":")
	f.Fuzz(func(t *testing.T, text string) {
		i, err := resolve(text, pi5)
		if err != nil {
			return
		}
		l := pi5[i]
		require.Contains(t, []string{l.name, l.chip + "-" + l.name, "2712_WAKE", l.chip, l.label}, prefix(text, l))
	})
}

// prefix takes the offset off a text that has the line's.
func prefix(text string, l line) string {
	for _, chip := range []string{l.chip, l.label} {
		if len(text) > len(chip) && text[:len(chip)] == chip && text[len(chip)] == ':' {
			return chip
		}
	}
	return text
}

// Every pin of the table has a line of the same name in the same place.
func TestLinesAreThePins(t *testing.T) {
	pins, lines := reflect.TypeFor[hw.Pins](), reflect.TypeFor[Lines]()
	require.Equal(t, pins.NumField(), lines.NumField())
	var all Lines
	for i := range pins.NumField() {
		assert.Equal(t, pins.Field(i).Name, lines.Field(i).Name)
		reflect.ValueOf(&all).Elem().Field(i).SetString(lines.Field(i).Name)
	}
	var p hw.Pins
	wants := all.wants(&p)
	require.Len(t, wants, pins.NumField())
	for _, w := range wants {
		assert.Equal(t, w.field, w.line)
		assert.Equal(t, reflect.ValueOf(&p).Elem().FieldByName(w.field).Addr().Interface(), w.pin, w.field)
	}
	assert.Empty(t, Lines{}.wants(&p))
}

func TestOneLineCannotBeTwoPins(t *testing.T) {
	taken := map[int]string{}
	assert.NoError(t, twice("Step", 3, taken))
	assert.NoError(t, twice("Dir", 4, taken))
	assert.ErrorContains(t, twice("Enable", 3, taken), "the same line as Step")
}

func TestSpinIsBounded(t *testing.T) {
	looks := 0
	Spin(func() time.Duration { looks++; return 0 })(time.Microsecond) // a clock that stands
	assert.LessOrEqual(t, looks, spinLimit+1)

	now := time.Duration(0)
	Spin(func() time.Duration { now += 50 * time.Nanosecond; return now })(3 * time.Microsecond)
	assert.InDelta(t, 3*time.Microsecond, now, float64(100*time.Nanosecond))
}

type fragile struct {
	spi.PortCloser
	closed int
}

func (f *fragile) Close() error { f.closed++; return nil }

func TestPortIsClosedOnce(t *testing.T) {
	f := &fragile{}
	b := &Board{port: &port{PortCloser: f}}
	require.NoError(t, b.CellSPI().(interface{ Close() error }).Close()) // as Table.SafeOff does
	require.NoError(t, b.Close())
	require.NoError(t, b.Close())
	assert.Equal(t, 1, f.closed)
	assert.Nil(t, b.CellSPI())
	assert.Equal(t, hw.Pins{}, b.Pins())
}

//go:build linux

package lines

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const tracing = "/sys/kernel/tracing"

// trace is the kernel's record of all that is written to the lines of a chip.
// It is what counts edges: the simulated chip does not, and a line has but one
// user, so nobody can watch it from a second one.
type trace struct {
	*testing.T
	base int // the kernel's number of the chip's first line
}

// edge is one write of a level, changed or not.
type edge struct {
	at   time.Duration // of the kernel's monotonic clock, to a microsecond
	line int
	high bool
}

func newTrace(t *testing.T, label string) trace {
	r := trace{T: t, base: -1}
	chips, err := filepath.Glob("/sys/class/gpio/gpiochip*")
	require.NoError(t, err)
	for _, c := range chips {
		got, err := os.ReadFile(filepath.Join(c, "label"))
		require.NoError(t, err)
		if strings.TrimSpace(string(got)) == label {
			base, err := os.ReadFile(filepath.Join(c, "base"))
			require.NoError(t, err)
			r.base, err = strconv.Atoi(strings.TrimSpace(string(base)))
			require.NoError(t, err)
		}
	}
	require.GreaterOrEqual(t, r.base, 0, "no chip %s in %s", label, chips)
	r.put("trace_clock", "mono")
	r.put("events/gpio/gpio_value/enable", "1")
	r.put("trace", "") // empties it
	t.Cleanup(func() { r.put("events/gpio/gpio_value/enable", "0") })
	return r
}

func (r trace) put(file, text string) {
	require.NoError(r, os.WriteFile(filepath.Join(tracing, file), []byte(text), 0))
}

// value is a record such as "12.345678: gpio_value: 529 set 1".
var value = regexp.MustCompile(`(\d+)\.(\d{6}): gpio_value: (\d+) set ([01])`)

// edges returns what was written since the start, or since the last call.
func (r trace) edges() (all []edge) {
	text, err := os.ReadFile(filepath.Join(tracing, "trace"))
	require.NoError(r, err)
	require.NotContains(r, string(text), "LOST", "the kernel's buffer was too small")
	for _, m := range value.FindAllStringSubmatch(string(text), -1) {
		n := func(i int) int {
			v, err := strconv.Atoi(m[i])
			require.NoError(r, err)
			return v
		}
		all = append(all, edge{
			at:   time.Duration(n(1))*time.Second + time.Duration(n(2))*time.Microsecond,
			line: n(3) - r.base, high: n(4) == 1,
		})
	}
	r.put("trace", "")
	return all
}

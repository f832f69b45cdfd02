package health

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// system is one that changes with time after its start.
type system struct {
	begin time.Time
	// seen, units: what a look at this time finds.
	seen  func(time.Duration) (Seen, error)
	units func(time.Duration) (map[string]string, error)
}

func well(at time.Duration) (Seen, error) { return Seen{Boot: "b1", Version: "2", At: at}, nil }

func active(time.Duration) (map[string]string, error) {
	return map[string]string{"control": "i1", "gateway": "i2"}, nil
}

// run watches in virtual time and tells how long that took.
func (s system) run(t *testing.T, w Watch) (took time.Duration, err error) {
	synctest.Test(t, func(t *testing.T) {
		s.begin = time.Now()
		w.Version = "2"
		w.Control = func(context.Context) (Seen, error) { return s.seen(time.Since(s.begin)) }
		w.Units = func(context.Context) (map[string]string, error) { return s.units(time.Since(s.begin)) }
		err = w.Run(t.Context())
		took = time.Since(s.begin)
	})
	return took, err
}

const minute = time.Minute

func TestWellForAMinute(t *testing.T) {
	took, err := system{seen: well, units: active}.run(t, Watch{For: minute, Within: 5 * minute})
	require.NoError(t, err)
	assert.Equal(t, minute, took)
}

func TestAStartThatTakesTime(t *testing.T) {
	late := func(at time.Duration) (Seen, error) {
		if at < 40*time.Second {
			return Seen{}, errors.New("it is not running")
		}
		return well(at)
	}
	took, err := system{seen: late, units: active}.run(t, Watch{For: minute, Within: 5 * minute})
	require.NoError(t, err)
	assert.Equal(t, 100*time.Second, took)
}

func TestWhatIsNotWell(t *testing.T) {
	for _, c := range []struct {
		name, says string
		system
	}{
		{"control never comes", "it is not running", system{units: active,
			seen: func(time.Duration) (Seen, error) { return Seen{}, errors.New("it is not running") }}},
		{"control is from before", "version 1, this is 2", system{units: active,
			seen: func(at time.Duration) (Seen, error) { return Seen{Boot: "b1", Version: "1", At: at}, nil }}},
		{"control starts again and again", "started again", system{units: active,
			seen: func(at time.Duration) (Seen, error) {
				boot := at / (20 * time.Second)
				return Seen{Boot: boot.String(), Version: "2", At: at}, nil
			}}},
		{"control hangs", "made ticks for", system{units: active,
			seen: func(at time.Duration) (Seen, error) { return well(min(at, 10*time.Second)) }}},
		{"the gateway is not there", "gateway is failed", system{seen: well,
			units: func(time.Duration) (map[string]string, error) { return nil, errors.New("gateway is failed") }}},
		{"the gateway starts again and again", "gateway was started again", system{seen: well,
			units: func(at time.Duration) (map[string]string, error) {
				return map[string]string{"gateway": (at / (30 * time.Second)).String()}, nil
			}}},
		{"well too late", "it is not running", system{units: active,
			seen: func(at time.Duration) (Seen, error) {
				if at < 270*time.Second {
					return Seen{}, errors.New("it is not running")
				}
				return well(at)
			}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			took, err := c.run(t, Watch{For: minute, Within: 5 * minute})
			require.ErrorIs(t, err, ErrUnwell)
			assert.ErrorContains(t, err, c.says)
			assert.Equal(t, 5*minute, took)
		})
	}
}

func TestOneHiccupStartsTheMinuteAgain(t *testing.T) {
	hiccup := func(at time.Duration) (map[string]string, error) {
		if at == 50*time.Second {
			return nil, errors.New("gateway is activating")
		}
		return active(at)
	}
	took, err := system{seen: well, units: hiccup}.run(t, Watch{For: minute, Within: 5 * minute})
	require.NoError(t, err)
	assert.Equal(t, 111*time.Second, took)
}

// A look that hangs must not hang the whole.
func TestALookThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		w := Watch{For: minute, Within: 2 * minute, Units: func(ctx context.Context) (map[string]string, error) {
			<-ctx.Done()
			return nil, errors.New("systemd does not answer")
		}}
		assert.ErrorContains(t, w.Run(t.Context()), "systemd does not answer")
		assert.Equal(t, 2*minute, time.Since(begin))
	})
}

func TestSystemctl(t *testing.T) {
	path := filepath.Join(t.TempDir(), "systemctl")
	script := "#!/bin/sh\n[ \"$1\" = show ] || exit 1\n" +
		"case $3 in well*) printf 'ActiveState=active\\nInvocationID=%s-1\\n' \"$3\";; down*) printf 'ActiveState=failed\\nInvocationID=\\n';; *) exit 4;; esac\n"
	require.NoError(t, os.WriteFile(path, []byte(script), 0o755))
	got, err := Systemctl(path, "well.service", "well2.service")(t.Context())
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"well.service": "well.service-1", "well2.service": "well2.service-1"}, got)
	_, err = Systemctl(path, "well.service", "down.service")(t.Context())
	assert.EqualError(t, err, "down.service is failed")
	_, err = Systemctl(path, "odd.service")(t.Context())
	assert.ErrorContains(t, err, "odd.service")
	got, err = Systemctl(path)(t.Context())
	require.NoError(t, err)
	assert.Empty(t, got)
}

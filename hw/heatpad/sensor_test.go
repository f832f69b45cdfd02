package heatpad

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"
)

func celsius(milli int64) physic.Temperature {
	return physic.ZeroCelsius + physic.Temperature(milli)*physic.MilliKelvin
}

func TestSensorJudges(t *testing.T) {
	for _, tt := range []struct {
		t    physic.Temperature
		err  error
		want Status
	}{
		{celsius(37_062), nil, OK},
		{celsius(-10_000), nil, OK},
		{celsius(84_937), nil, OK},
		{celsius(0), nil, OK},
		{celsius(85_000), nil, PowerOn},
		{celsius(85_062), nil, Implausible},
		{celsius(127_937), nil, Implausible},
		{celsius(-10_062), nil, Implausible},
		{0, nil, Implausible},
		{0, fmt.Errorf("%w: 28-*", ErrMissing), Missing},
		{0, fmt.Errorf("%w: a, b", ErrAmbiguous), Ambiguous},
		{celsius(37_000), errors.New("crc"), ReadFailed},
	} {
		s, err := NewSensor(func() (physic.Temperature, error) { return tt.t, tt.err })
		require.NoError(t, err)
		assert.Equal(t, Reading{}, s.Last())
		s.Sample(90 * time.Minute)
		got := s.Last()
		want := Reading{At: 90 * time.Minute, Status: tt.want}
		if tt.want == OK {
			want.Temperature = tt.t
		}
		assert.Equal(t, want, got)
	}
	_, err := NewSensor(nil)
	assert.Error(t, err)
}

func TestPackedSamplesComeBack(t *testing.T) {
	for milli := int64(-10_000); milli < 85_000; milli += 7 {
		at := time.Duration(milli+20_000) * 7919 * time.Millisecond
		got := unpack(pack(OK, at, celsius(milli)))
		require.Equal(t, Reading{Temperature: celsius(milli), At: at, Status: OK}, got)
	}
}

func TestStatusNames(t *testing.T) {
	for s := Unread; s <= Implausible; s++ {
		assert.Regexp(t, `^[a-z]+(-[a-z]+)*$`, s.String())
	}
	assert.Equal(t, "status-99", Status(99).String())
	assert.Equal(t, Unread, Reading{}.Status)
}

func TestRunSamplesUntilTheEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	s, err := NewSensor(func() (physic.Temperature, error) {
		n++
		cancel()
		return celsius(30_000), nil
	})
	require.NoError(t, err)
	s.Run(ctx, func() time.Duration { return time.Second })
	assert.Equal(t, 1, n)
	assert.Equal(t, OK, s.Last().Status)
}

func TestKernelProbe(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name, "temperature")
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	read := fileProbe(filepath.Join(dir, "28-*", "temperature"))

	_, err := read()
	assert.ErrorIs(t, err, ErrMissing)

	first := write("28-0316a2795b4c", "36812\n")
	got, err := read()
	require.NoError(t, err)
	assert.Equal(t, celsius(36_812), got)

	for _, text := range []string{"", "\n", "36.8\n", "NaN", "t=36812", "99999999999999999999999999999999999999999"} {
		write("28-0316a2795b4c", text)
		_, err = read()
		assert.ErrorContains(t, err, "heatpad: probe says", "%q", text)
	}
	write("28-0316a2795b4c", "-1250\n")
	got, err = read()
	require.NoError(t, err)
	assert.Equal(t, celsius(-1250), got)

	second := write("28-000000000001", "20000\n")
	_, err = read()
	assert.ErrorIs(t, err, ErrAmbiguous)
	assert.ErrorContains(t, err, first)
	assert.ErrorContains(t, err, second)

	got, err = fileProbe(second)()
	require.NoError(t, err)
	assert.Equal(t, celsius(20_000), got)

	require.NoError(t, os.Remove(first))
	require.NoError(t, os.Mkdir(first, 0o755))
	_, err = fileProbe(first)()
	assert.Error(t, err)
	assert.NotErrorIs(t, err, ErrMissing)
}

func TestProbeNames(t *testing.T) {
	for _, name := range []string{"", "28-0316a2795b4c"} {
		_, err := KernelProbe(name)
		assert.NoError(t, err, name)
	}
	for _, name := range []string{"10-0316a2795b4c", "../28-1", "28-*", "28-/../../x"} {
		_, err := KernelProbe(name)
		assert.ErrorContains(t, err, "allowed is empty or a name", name)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"36812\n", "-1250", "", "85000\n", "1e3", "0x10"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parse(text)
		if err != nil {
			return
		}
		milli := int64((got - physic.ZeroCelsius) / physic.MilliKelvin)
		require.Equal(t, celsius(milli), got)
		again, err := parse(fmt.Sprint(milli))
		require.NoError(t, err)
		require.Equal(t, got, again)
	})
}

func ExampleSensor() {
	probe := func() (physic.Temperature, error) { return physic.ZeroCelsius + 38*physic.Kelvin, nil }
	pad, err := NewSensor(probe)
	if err != nil {
		fmt.Println(err)
		return
	}
	pad.Sample(2 * time.Second) // in a goroutine of its own: pad.Run
	last := pad.Last()
	fmt.Println(last.Status, last.Temperature, last.At)
	// Output: ok 38°C 2s
}

package retrofit

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/cmd/appliance/internal/settings"
	"traction/control"
	"traction/control/quantity"
	"traction/control/quantity/document"
)

const (
	// soft is the softest person, N/mm, and ramps the time that a release loses to the
	// motor's: what control.LargestForce counts with.
	soft, ramps = 1.9, 0.5
	// reserve is how much stronger than needed a motor has to be (HAZARDS.md, H-32).
	reserve = 2.0
	// stays is the most that a back-drivable drive may keep without power: the force of
	// the proof of release.
	stays = 50.0
	// locks and runs are the efficiencies of the guide below which a screw holds, and
	// above which it gives back half of the force.
	locks, runs = 0.45, 0.67
)

func example(t *testing.T, file string) settings.Settings {
	t.Helper()
	s, err := settings.Load(filepath.Join(drawings, file))
	require.NoError(t, err)
	return s
}

// pinsOf lists the lines that an example of the guide names, by key.
func pinsOf(t *testing.T, file string) map[string]string {
	t.Helper()
	pins := map[string]string{}
	v := reflect.ValueOf(example(t, file).Pins)
	for i := range v.NumField() {
		if name := v.Field(i).String(); name != "" {
			pins[key(v.Type().Field(i).Name)] = name
		}
	}
	return pins
}

var word = regexp.MustCompile(`([a-z])([A-Z0-9])`)

// key turns CellData2 into cell_data_2.
func key(field string) string { return strings.ToLower(word.ReplaceAllString(field, "${1}_${2}")) }

func float(t *testing.T, s string) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(s, 64)
	require.NoError(t, err)
	return f
}

// drive is a row of the table of drives.
type drive struct {
	name, file                            string
	pitch, gear, micro, eta, torque, cogs float64
	derived                               []string
}

func drives(t *testing.T) (all []drive) {
	t.Helper()
	for _, c := range tableAfter(t, page(t, "retrofit.md"), "<!-- drives -->") {
		require.Len(t, c, 16)
		f := func(i int) float64 { return float(t, strings.Replace(c[i], "–", "0", 1)) }
		all = append(all, drive{c[0], c[1], f(2), f(3), f(4), f(5), f(6), f(7), c[8:]})
	}
	return all
}

// back is the efficiency of a drive that the rope turns.
func back(eta float64) float64 { return 2 - 1/eta }

// calculate fills in the columns of the table from 8 on.
func (d *drive) calculate(s *settings.Settings) []string {
	force, speed := newtons(s.Table.Limits.Force), millimetres(s.Table.Limits.ReleaseSpeed)
	steps := 200 * d.micro * d.gear / d.pitch
	turn := d.pitch / 1000 / (2 * math.Pi * d.gear) // metres of rope for a radian of the motor
	needed := force * turn / d.eta
	left := "–"
	if s.Table.Limits.BackDrivable {
		left = fmt.Sprintf("%.0f", d.cogs/turn/back(d.eta))
	}
	return []string{
		fmt.Sprintf("%g", steps),
		fmt.Sprintf("%.0f", steps*speed),
		fmt.Sprintf("%.0f", 60*speed/d.pitch*d.gear),
		fmt.Sprintf("%.2f", needed),
		fmt.Sprintf("%.1f", d.torque/needed),
		left,
		fmt.Sprintf("%.1f", force/soft/speed+ramps),
		fmt.Sprintf("%.0f", millimetres(s.Motor.StartStopSpeed)/d.pitch*d.gear*200),
	}
}

func newtons(f physic.Force) float64 { return float64(f) / float64(physic.Newton) }

func millimetres(v physic.Speed) float64 { return float64(v) / float64(control.MilliMetrePerSecond) }

// TestDrives calculates the table of drives again, and holds it against the settings
// that go with each row.
func TestDrives(t *testing.T) {
	fit, refused := 0, 0
	for _, d := range drives(t) {
		t.Run(d.name, func(t *testing.T) {
			if strings.HasPrefix(d.file, "refused") {
				refused++
				s := refusedExample(t, d.file)
				assert.Equal(t, d.calculate(&s), d.derived)
				return
			}
			fit++
			s := example(t, d.file+".toml")
			assert.Equal(t, d.calculate(&s), d.derived)
			d.rules(t, &s)
		})
	}
	assert.Equal(t, 4, fit)
	assert.Equal(t, 2, refused)
}

// rules are those of the guide for a drive that is built.
func (d *drive) rules(t *testing.T, s *settings.Settings) {
	limits := &s.Table.Limits
	assert.Equal(t, d.file, s.Table.ID)
	assert.InDelta(t, 200*d.micro*d.gear/d.pitch, s.Motor.StepsPerMM, 1e-9)
	assert.LessOrEqual(t, limits.Force, control.LargestForce(limits.ReleaseSpeed))
	assert.GreaterOrEqual(t, d.torque, reserve*newtons(limits.Force)*d.pitch/1000/(2*math.Pi*d.gear*d.eta), "torque")
	assert.GreaterOrEqual(t, s.Cell.Capacity, 2*limits.Force, "the cell")
	assert.GreaterOrEqual(t, float64(limits.Travel)/float64(physic.MilliMetre), newtons(limits.Force)/soft, "travel")
	assert.NotZero(t, s.Pins.ChargePump)
	assert.NotZero(t, s.Pins.SupplyLow)
	if limits.BackDrivable {
		assert.Greater(t, d.eta, runs)
		assert.LessOrEqual(t, d.cogs*2*math.Pi*d.gear/(d.pitch/1000)/back(d.eta), stays)
	} else {
		assert.LessOrEqual(t, d.eta, locks)
	}
}

// refusedExample loads what must not load, and hands out what the file says.
func refusedExample(t *testing.T, file string) settings.Settings {
	t.Helper()
	path := filepath.Join(drawings, file+".toml")
	_, err := settings.Load(path)
	var problem *document.Problem
	require.True(t, errors.As(err, &problem), "%s loads", file)
	// The guide quotes the refusal, word for word.
	said := strings.ReplaceAll(strings.TrimPrefix(err.Error(), "settings: "), drawings, "docs/retrofit")
	says(t, page(t, "retrofit.md"), said, "retrofit.md")

	d, err := document.Read(path)
	require.NoError(t, err)
	s := settings.Default()
	document.Within(d, "table.force", &s.Table.Limits.Force, physic.Newton, physic.KiloNewton)
	document.Within(d, "table.release_speed", &s.Table.Limits.ReleaseSpeed, control.MilliMetrePerSecond, physic.MetrePerSecond)
	document.Within(d, "motor.start_stop_speed", &s.Motor.StartStopSpeed, control.MilliMetrePerSecond, physic.MetrePerSecond)
	d.Bool("table.back_drivable", &s.Table.Limits.BackDrivable)
	return s
}

// TestScrews calculates efficiency and locking of each screw from its angle.
func TestScrews(t *testing.T) {
	rows := tableAfter(t, page(t, "retrofit.md"), "<!-- screws -->")
	require.NotEmpty(t, rows)
	friction := math.Atan(0.15 / math.Cos(15*math.Pi/180))
	for _, c := range rows {
		require.Len(t, c, 7)
		angle := math.Atan(float(t, c[1]) / (math.Pi * float(t, c[2])))
		eta := math.Tan(angle) / math.Tan(angle+friction)
		if strings.HasPrefix(c[0], "ball") {
			eta = 0.9
		}
		gives := "–"
		if back(eta) > 0 {
			gives = fmt.Sprintf("%.2f", back(eta))
		}
		is := "neither"
		switch {
		case eta < locks:
			is = "self-locking"
		case eta > runs:
			is = "back-drivable"
		}
		assert.Equal(t, []string{fmt.Sprintf("%.1f", angle*180/math.Pi), fmt.Sprintf("%.2f", eta), gives, is}, c[3:], c[0])
	}
}

// TestFiguresInTheText: what the guide says in words about the program's bounds.
func TestFiguresInTheText(t *testing.T) {
	text := strings.Join(strings.Fields(page(t, "retrofit.md")), " ")
	for force, speed := range map[physic.Force]physic.Speed{500 * physic.Newton: 58_500_000, 230 * physic.Newton: 27_000_000} {
		says(t, text, fmt.Sprintf("%s need %.1f mm/s", quantity.Format(force), millimetres(speed)))
		assert.GreaterOrEqual(t, control.LargestForce(speed), force)
		assert.Less(t, control.LargestForce(speed-control.MilliMetrePerSecond/5), force)
	}
	for _, figure := range []string{
		"at most 10,000 a second", // which refused-fine meets
		"ends above " + quantity.Format(control.JogForce),
		quantity.Format(control.JogStep) + " at most or to an end switch",
	} {
		says(t, text, figure)
	}
	assert.Equal(t, stays, newtons(control.JogForce), "what a hand holds without harm")
}

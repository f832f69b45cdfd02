package quantity

import (
	"strings"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
)

// unit is one spelling. A number x in it is (x*num + offset) / den in the kind's
// base unit, which is the nano (or micro) unit of its Go type.
type unit struct {
	name     string
	num, den int64
	offset   int64
}

// kind is one sort of quantity. Its first unit is the one that Format uses.
type kind struct {
	name  string
	units []unit
	// hints answer units that people write for this kind but that mean something else.
	hints map[string]string
	// compound allows several parts, larger units first.
	compound bool
}

// The factors are exact by definition: the international inch is 25.4 mm, the
// avoirdupois pound 453.59237 g (1959 agreement), standard gravity 9.80665 m/s2
// (3rd CGPM, 1901), so a pound-force is 4.4482216152605 N.
var (
	force = kind{name: "force", units: []unit{
		{"N", 1e9, 1, 0},
		{"kN", 1e12, 1, 0},
		{"kgf", 9_806_650_000, 1, 0},
		{"lbf", 44_482_216_152_605, 10_000, 0},
	}, hints: map[string]string{
		"kg": "kg is a mass, write kgf for the force", "lb": "lb is a mass, write lbf for the force",
		"lbs": "lbs is a mass, write lbf for the force",
	}}
	mass = kind{name: "mass", units: []unit{
		{"kg", 1e12, 1, 0},
		{"g", 1e9, 1, 0},
		{"lb", 453_592_370_000, 1, 0},
	}, hints: map[string]string{"lbs": "write lb", "kgf": "kgf is a force, write kg for the mass", "lbf": "lbf is a force, write lb for the mass"}}
	distance = kind{name: "distance", units: []unit{
		{"mm", 1e6, 1, 0},
		{"um", 1e3, 1, 0},
		{"cm", 1e7, 1, 0},
		{"m", 1e9, 1, 0},
		{"in", 25_400_000, 1, 0},
	}}
	speed = kind{name: "speed", units: []unit{
		{"mm/s", 1e6, 1, 0},
		{"cm/s", 1e7, 1, 0},
		{"m/s", 1e9, 1, 0},
		{"mm/min", 1e6, 60, 0},
		{"in/s", 25_400_000, 1, 0},
	}}
	acceleration = kind{name: "acceleration", units: []unit{
		{"mm/s2", 1e6, 1, 0},
		{"m/s2", 1e9, 1, 0},
	}}
	forceRate = kind{name: "rate of force", units: []unit{
		{"N/s", 1e9, 1, 0},
		{"kgf/s", 9_806_650_000, 1, 0},
		{"lbf/s", 44_482_216_152_605, 10_000, 0},
	}, hints: map[string]string{"kg/s": "write kgf/s", "lb/s": "write lbf/s", "N": "a rate needs a time, write N/s"}}
	temperature = kind{name: "temperature", units: []unit{
		{"C", 1e9, 1, int64(physic.ZeroCelsius)},
		{"°C", 1e9, 1, int64(physic.ZeroCelsius)},
		{"F", 5e9, 9, 459_67 * 5e7}, // K = (F + 459.67) * 5 / 9
		{"°F", 5e9, 9, 459_67 * 5e7},
		{"K", 1e9, 1, 0},
	}}
	frequency = kind{name: "frequency", units: []unit{
		{"Hz", 1e6, 1, 0},
		{"kHz", 1e9, 1, 0},
		{"MHz", 1e12, 1, 0},
	}}
	duration = kind{name: "duration", compound: true, units: []unit{
		{"s", 1e9, 1, 0},
		{"h", 3600e9, 1, 0},
		{"min", 60e9, 1, 0},
		{"m", 60e9, 1, 0},
		{"ms", 1e6, 1, 0},
		{"us", 1e3, 1, 0},
		{"µs", 1e3, 1, 0},
		{"ns", 1, 1, 0},
	}}
)

// kindOf finds the kind of a value's type.
func kindOf[T Value]() *kind {
	var v T
	switch any(v).(type) {
	case physic.Force:
		return &force
	case physic.Mass:
		return &mass
	case physic.Distance:
		return &distance
	case physic.Speed:
		return &speed
	case Acceleration:
		return &acceleration
	case control.ForceRate:
		return &forceRate
	case physic.Temperature:
		return &temperature
	case physic.Frequency:
		return &frequency
	case time.Duration:
		return &duration
	}
	panic("quantity: a type of Value has no kind")
}

// find looks a unit up by its exact spelling.
func (k *kind) find(name string) (unit, bool) {
	for _, u := range k.units {
		if u.name == name {
			return u, true
		}
	}
	return unit{}, false
}

// allowed lists the units for a message.
func (k *kind) allowed() string {
	names := make([]string, len(k.units))
	for i, u := range k.units {
		names[i] = u.name
	}
	return strings.Join(names, ", ")
}

package homeassistant

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"periph.io/x/conn/v3/physic"

	"traction/control"
)

// whole is a table with everything that a table can have.
func whole() *Table {
	const root = "traction/t1/"
	return &Table{
		ID: "t1", Version: "1.2.3", GatewayVersion: "1.2.4",
		Topics: Topics{Availability: root + "availability", State: root + "state", Telemetry: root + "telemetry", Event: root + "event",
			Session: root + "session", Request: root + "request", Response: root + "response", Diagnostics: root + "diagnostics"},
		Permission: control.FullRemote,
		Programmes: []string{"lumbar-60-20", "static"}, Programme: "lumbar-60-20",
		Settings: control.Settings{Hold: 392266 * physic.MilliNewton, Rest: 120 * physic.Newton, HoldTime: time.Minute,
			RestTime: 20 * time.Second, Duration: 20 * time.Minute},
		Limits: control.Limits{
			Force:       control.Bound[physic.Force]{Value: 451106 * physic.MilliNewton, Reason: control.ReasonProgramme},
			Duration:    control.Bound[time.Duration]{Value: 45*time.Minute + 30*time.Second, Reason: control.ReasonCeiling},
			Temperature: control.Bound[physic.Temperature]{Value: physic.ZeroCelsius + 39550*physic.MilliKelvin, Reason: control.ReasonProgramme},
		},
		Pad: Present, EventTypes: []string{"boot", "trip"},
	}
}

// parts is a discovery message as Home Assistant reads it.
type parts struct {
	root, device, origin map[string]any
	components           map[string]map[string]any
}

func discover(t *testing.T, o Options, table *Table) parts {
	t.Helper()
	payload, err := o.Payload(table)
	require.NoError(t, err)
	var p parts
	require.NoError(t, json.Unmarshal(payload, &p.root))
	p.device, p.origin = p.root["device"].(map[string]any), p.root["origin"].(map[string]any)
	p.components = map[string]map[string]any{}
	for key, c := range p.root["components"].(map[string]any) {
		p.components[key] = c.(map[string]any)
	}
	return p
}

// here lists the components that are entities, and gone those that are removed.
func (p *parts) here() (keys []string) {
	return p.keys(func(c map[string]any) bool { return len(c) > 1 })
}
func (p *parts) gone() (keys []string) {
	return p.keys(func(c map[string]any) bool { return len(c) == 1 })
}

func (p *parts) keys(which func(map[string]any) bool) (keys []string) {
	for key, c := range p.components {
		if which(c) {
			keys = append(keys, key)
		}
	}
	return keys
}

// variants are tables and options that bring out every component there is.
func variants() (out []struct {
	name    string
	options Options
	table   *Table
}) {
	for _, unit := range []Unit{Newton, PoundForce, KilogramForce} {
		for level := control.Monitor; level <= control.FullRemote; level++ {
			for pad := Unknown; pad <= Present; pad++ {
				t := whole()
				t.Permission, t.Pad = level, pad
				out = append(out, struct {
					name    string
					options Options
					table   *Table
				}{string(unit) + " " + level.String(), Options{ForceUnit: unit, SuggestedArea: "Treatment", ConfigurationURL: "http://table.local/"}, t})
			}
		}
	}
	return out
}

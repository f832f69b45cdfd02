package retrofit

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// closed are the parts that current passes when nobody presses anything and the drive
// is energised: contact by contact, as pairs of terminals.
var closed = map[string][2]string{
	"F1": {"F1.1", "F1.2"}, "S1": {"S1.11", "S1.12"}, "S5": {"S5.11", "S5.12"},
	"K1": {"K1.13", "K1.14"}, "coil of K1": {"K1.A1", "K1.A2"},
	"F2": {"F2.1", "F2.2"}, "F3": {"F3.1", "F3.2"}, "X1": {"X1.1", "X1.2"}, "X1, second pole": {"X1.3", "X1.4"}, "E1": {"E1.1", "E1.2"},
}

// without is all of closed but one.
func without(open string) (pairs [][2]string) {
	for name, pair := range closed {
		if name != open {
			pairs = append(pairs, pair)
		}
	}
	return pairs
}

// TestEachContactCutsAlone: whichever contact of the chain opens, the current it has to
// cut has no other way.
func TestEachContactCutsAlone(t *testing.T) {
	for _, row := range []struct {
		drawings string
		from, to string
		contacts []string // one of them open is enough
	}{
		{"minimum recommended safety-chain", "G1.+", "A2.V+", []string{"F1", "S1", "K1"}},
		{"minimum recommended safety-chain", "G1.+", "K1.A2", []string{"F1", "S1", "S5", "coil of K1"}},
		{"pad", "G3.+", "Q2.D", []string{"F2", "X1", "X1, second pole", "F3", "E1"}},
	} {
		for name := range strings.FieldsSeq(row.drawings) {
			c := netList(t, name)
			assert.True(t, c.reaches(row.from, row.to, without("")), "%s: %s to %s", name, row.from, row.to)
			for _, open := range row.contacts {
				assert.False(t, c.reaches(row.from, row.to, without(open)), "%s: %s to %s past an open %s", name, row.from, row.to, open)
			}
		}
	}
}

// TestSafetyContactsGoToGround: each input has one contact and no more, between its line
// and ground, and a broken wire opens it.
func TestSafetyContactsGoToGround(t *testing.T) {
	inputs := map[string][2]string{
		"emergency_stop": {"S1.22", "S1.21"}, "patient_switch": {"S2.12", "S2.11"}, "end_slack": {"S3.12", "S3.11"},
		"end_pull": {"S4.12", "S4.11"}, "start_button": {"S6.14", "S6.13"}, "supply_low": {"A5.22", "A5.21"}, "drive_fault": {"K2.22", "K2.21"},
	}
	pins := pinsOf(t, "winch.toml")
	for _, name := range []string{"minimum", "recommended"} {
		c := netList(t, name)
		for key, contact := range inputs {
			if c[key] == nil {
				assert.Equal(t, "minimum", name, key)
				assert.Contains(t, []string{"supply_low", "drive_fault"}, key)
				continue
			}
			assert.ElementsMatch(t, []string{"A1." + pins[key], contact[0]}, c[key], "%s: %s", name, key)
			assert.Contains(t, c["0V"], contact[1], "%s: %s", name, key)
		}
	}
}

// TestSupplyMonitorLooksBeforeTheStop: behind the emergency stop or the relay it would
// see no supply whenever the drive is off.
func TestSupplyMonitorLooksBeforeTheStop(t *testing.T) {
	for _, name := range []string{"recommended", "safety-chain"} {
		c := netList(t, name)
		assert.Equal(t, "v_motor", c.netOf("A5.V+"), name)
		assert.False(t, c.reaches("A5.V+", "A2.V+", without("S1")), name)
	}
}

// TestConverterIsWiredForEightyASecond: RATE at DVDD, DVDD at the computer's 3.3 V.
func TestConverterIsWiredForEightyASecond(t *testing.T) {
	for _, name := range []string{"minimum", "recommended", "hx711-gpio", "hx711-spi"} {
		c := netList(t, name)
		assert.Subset(t, c["3V3"], []string{"A3.RATE", "A3.DVDD", "A1.3V3"}, name)
		assert.Contains(t, c["5V"], "A3.AVDD", name)
	}
	c := netList(t, "hx711-spi")
	assert.ElementsMatch(t, []string{"A1.GPIO10", "A3.PD_SCK"}, c["mosi"])
	assert.ElementsMatch(t, []string{"A1.GPIO9", "A3.DOUT"}, c["miso"])
	assert.ElementsMatch(t, []string{"A1.GPIO11", "A1.GPIO8"}, c[loose])
}

// TestOutputsThatMoveOrHeatAreOffByThemselves: pull-downs where nobody drives the line.
func TestOutputsThatMoveOrHeatAreOffByThemselves(t *testing.T) {
	for drawing, row := range map[string][3]string{
		"minimum": {"enable", "R1.1", "R1.2"}, "recommended": {"enable", "R1.1", "R1.2"},
		"safety-chain": {"gate", "R4.1", "R4.2"}, "pad": {"heat", "R7.1", "R7.2"},
	} {
		c := netList(t, drawing)
		assert.Contains(t, c[row[0]], row[1], drawing)
		assert.Contains(t, c["0V"], row[2], drawing)
	}
}

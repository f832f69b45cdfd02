package board

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestASurveyTellsWhereLinesAreAndWhoseTheyAre(t *testing.T) {
	known := []line{
		{chip: "gpiochip0", label: "pinctrl-bcm2711", offset: 17, name: "GPIO17"},
		{chip: "gpiochip0", label: "pinctrl-bcm2711", offset: 8, name: "GPIO8", consumer: "spi0 CS0"},
	}
	assert.Equal(t, []Place{
		{Pin: "pins.step", Line: "GPIO17", Where: "gpiochip0:17 (pinctrl-bcm2711)"},
		{Pin: "pins.dir", Line: "GPIO99"},
		{Pin: "pins.enable", Line: "gpiochip0:8", Where: "gpiochip0:8 (pinctrl-bcm2711)", Holder: "spi0 CS0"},
	}, survey(Lines{Step: "GPIO17", Dir: "GPIO99", Enable: "gpiochip0:8"}, known))
	assert.Empty(t, survey(Lines{}, known))
}

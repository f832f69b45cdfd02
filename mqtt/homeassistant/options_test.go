package homeassistant

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestOptionsAreChecked(t *testing.T) {
	for _, good := range []Options{
		{},
		{Prefix: "ha/test_2", ForceUnit: KilogramForce, SuggestedArea: "Zürich, Raum 2", ConfigurationURL: "https://table.local:8443/a?b=c", Name: "Table"},
		{ConfigurationURL: "http://192.0.2.7/"},
		{Name: strings.Repeat("ü", 80)}, // characters count, not bytes
	} {
		assert.NoError(t, good.Validate())
	}
	for _, c := range []struct {
		options Options
		want    string
	}{
		{Options{Prefix: "a/#"}, `homeassistant: discovery_prefix: "a/#" is not allowed: levels of letters`},
		{Options{Prefix: "/a"}, `discovery_prefix: "/a"`},
		{Options{Prefix: strings.Repeat("a", 101)}, `discovery_prefix`},
		{Options{ForceUnit: "kg"}, `homeassistant: force_unit: "kg" is not allowed: N, lbf or kgf`},
		{Options{SuggestedArea: "a\nb"}, `suggested_area: "a\nb" is not allowed: 1 to 80`},
		{Options{Name: " a"}, `name: " a"`},
		{Options{Name: strings.Repeat("a", 81)}, `name`},
		{Options{ConfigurationURL: "table.local"}, `configuration_url: "table.local" is not allowed: http://`},
		{Options{ConfigurationURL: "ftp://table.local"}, `configuration_url`},
		{Options{ConfigurationURL: "http://u:p@table.local"}, `configuration_url`},
		{Options{ConfigurationURL: "http://"}, `configuration_url`},
	} {
		assert.ErrorContains(t, c.options.Validate(), c.want)
	}
	all := (&Options{Prefix: "#", ForceUnit: "x", Name: " ", ConfigurationURL: "x"}).Validate()
	assert.Equal(t, 4, strings.Count(all.Error(), "homeassistant: "), "all at once")
}

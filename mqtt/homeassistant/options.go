package homeassistant

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

var (
	prefixRule = regexp.MustCompile(`^[a-zA-Z0-9_-]+(/[a-zA-Z0-9_-]+)*$`)
	// No count in it: 80 copies of all letters take 10 ms and 3 MB to compile, at each
	// start of each process.
	textRule = regexp.MustCompile(`^[[:graph:]\pL\pN\pP ]+$`)
)

// Validate reports all that is wrong, each with field, value and what is allowed,
// joined into one error.
func (o *Options) Validate() error {
	var bad []error
	refuse := func(field, value, allowed string) {
		bad = append(bad, fmt.Errorf("homeassistant: %s: %q is not allowed: %s", field, value, allowed))
	}
	if o.Prefix != "" && (len(o.Prefix) > 100 || !prefixRule.MatchString(o.Prefix)) {
		refuse("discovery_prefix", o.Prefix, "levels of letters, digits, _ and -, 100 characters in all, such as "+DefaultPrefix)
	}
	if _, err := o.ForceUnit.scale(); err != nil {
		refuse("force_unit", string(o.ForceUnit), fmt.Sprintf("%s, %s or %s", Newton, PoundForce, KilogramForce))
	}
	for _, t := range []struct{ field, value string }{{"suggested_area", o.SuggestedArea}, {"name", o.Name}} {
		if t.value != "" && (utf8.RuneCountInString(t.value) > 80 || !textRule.MatchString(t.value) || strings.TrimSpace(t.value) != t.value) {
			refuse(t.field, t.value, "1 to 80 printable characters")
		}
	}
	if o.ConfigurationURL != "" && !validURL(o.ConfigurationURL) {
		refuse("configuration_url", o.ConfigurationURL, "http:// or https:// and a host, at most 200 characters, no user")
	}
	return errors.Join(bad...)
}

// validURL is about pages that Home Assistant lets a user open; with any other URL
// it drops the whole message.
func validURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= 200 && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil
}

package main

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// source is where a package comes from. Everything that a build could take from
// its time and place is taken from here instead.
type source struct {
	version string    // of the package
	commit  string    // full, or "" without git
	time    time.Time // of the commit, UTC
}

// epochVariable is what others ask for the same: https://reproducible-builds.org/specs/source-date-epoch/
const epochVariable = "SOURCE_DATE_EPOCH"

// debianVersion is what Debian's policy (5.6.12) allows without epoch and revision.
var debianVersion = regexp.MustCompile(`^[0-9][A-Za-z0-9.+~]*$`)

// origin asks git in root. Without a checkout, version and SOURCE_DATE_EPOCH say
// what git would.
func origin(root, version string) (source, error) {
	// Whoever owns the folder, it is only read.
	trust := []string{"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"}
	git := func(args ...string) (string, error) { return command(root, trust, "git", args...) }
	var s source
	said, err := git("log", "-1", "--format=%H %ct")
	var seconds string
	if err == nil {
		s.commit, seconds, _ = strings.Cut(said, " ")
	}
	if given := os.Getenv(epochVariable); given != "" {
		seconds = given
	}
	n, numberErr := strconv.ParseInt(seconds, 10, 64)
	if numberErr != nil {
		return s, fmt.Errorf("the time of the sources is not known: this is no git checkout (%v), and %s is %q, not a number of seconds", err, epochVariable, seconds)
	}
	s.time = time.Unix(n, 0).UTC()
	s.version = version
	if version == "" && s.commit != "" {
		tag, _ := git("describe", "--tags", "--long", "--match", "v[0-9]*") // a repository may have none
		changes, err := git("status", "--porcelain", "--untracked-files=no")
		if err != nil {
			return s, err
		}
		s.version = versionOf(tag, s, changes != "")
	}
	if !debianVersion.MatchString(s.version) {
		return s, fmt.Errorf("-version: %q is no version of a package: digits, letters, dots, + and ~, a digit first", s.version)
	}
	return s, nil
}

// versionOf names a commit: by its tag ("v1.2.3-0-g0123abc"), by the tag before it, or by
// its time, so that a later one is always a higher version.
func versionOf(tag string, s source, changed bool) string {
	version := "0.0.0+" + s.time.Format("20060102150405") + ".g" + s.commit[:min(7, len(s.commit))]
	if parts := strings.Split(tag, "-"); len(parts) >= 3 {
		name, since, hash := strings.Join(parts[:len(parts)-2], "~"), parts[len(parts)-2], parts[len(parts)-1]
		version = strings.TrimPrefix(name, "v") // v1.2.0-rc1 comes before v1.2.0: Debian's ~ says so
		if since != "0" {
			version += "+" + since + "." + hash
		}
	}
	if changed {
		version += ".changed"
	}
	return version
}

package document

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// secretive are keys whose values belong into no log. Ours name files of secrets
// (password_file), but a password is easily written where its file should be
// named, and the problem would then be told with line, key and value.
var secretive = regexp.MustCompile(`(?i)passwd|password|passphrase|secret|token|(^|_)(key|pw|pwd|psk)$`)

// hints are parts of every name that secretive finds: most keys have none, and are
// not looked at level by level, of which a hostile file has thousands.
var hints = []string{"pass", "secret", "token", "key", "pw", "psk"}

// isSecret looks at each level of a key, since a secret may stand in a list. A
// value that names a file or a credential is none.
func isSecret(key string, v any) bool {
	lower := strings.ToLower(key)
	if !slices.ContainsFunc(hints, func(h string) bool { return strings.Contains(lower, h) }) {
		return false
	}
	s, isText := v.(string)
	named := isText && (s == "" || strings.HasPrefix(s, "/") || strings.HasPrefix(s, "credential:"))
	for level := range strings.FieldsFuncSeq(key, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		of, isFile := strings.CutSuffix(level, "_file")
		if secretive.MatchString(of) && !(isFile && named) {
			return true
		}
	}
	return false
}

// show gives a value as it stands in the file, shortened, without what may be a
// secret.
func show(key string, v any) string {
	if isSecret(key, v) {
		return "..."
	}
	out := fmt.Sprint(v)
	if s, ok := v.(string); ok {
		out = fmt.Sprintf("%q", withoutUser(s))
	}
	if r := []rune(out); len(r) > 60 {
		out = string(r[:57]) + "..."
	}
	return out
}

// withoutUser takes user and password out of a URL.
func withoutUser(s string) string {
	scheme, rest, isURL := strings.Cut(s, "://")
	at := strings.LastIndexByte(rest, '@')
	if !isURL || at < 0 {
		return s
	}
	return scheme + "://...@" + rest[at+1:]
}

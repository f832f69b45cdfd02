package settings

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"traction/control/link"
)

// mostKey bounds a key in bytes; a longer one is hashed first and gains nothing.
const mostKey = 256

// widestKey is the widest mode of a key's file: its owner writes, its group reads.
const widestKey = 0o640

// RequestKey reads the key that signed requests are checked with: 32 to 256
// printable characters on one line, in a file that others cannot read. An empty
// path is no key. Its errors never hold any of the contents.
func RequestKey(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	allowed := fmt.Sprintf("allowed: a file with %d to %d printable characters on one line, mode 0640 or less", link.LeastKey, mostKey)
	refuse := func(why error) ([]byte, error) {
		return nil, fmt.Errorf("control.request_key_file: %q: %w; %s", path, why, allowed)
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return refuse(err)
	case !info.Mode().IsRegular():
		return refuse(errors.New("is not a regular file"))
	case info.Mode().Perm()&^widestKey != 0:
		return refuse(fmt.Errorf("its mode %04o lets others read it", info.Mode().Perm()))
	}
	f, err := os.Open(path)
	if err != nil {
		return refuse(err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, mostKey+3))
	if err != nil {
		return refuse(err)
	}
	key := strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")
	switch {
	case len(key) < link.LeastKey || len(key) > mostKey:
		return refuse(fmt.Errorf("the key has %d characters", len(key)))
	case strings.ContainsFunc(key, func(r rune) bool { return r < '!' || r > '~' }):
		return refuse(errors.New("the key holds a space or what is not ASCII"))
	}
	return []byte(key), nil
}

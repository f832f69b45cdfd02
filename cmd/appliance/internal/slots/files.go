package slots

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The files on the first partition.
const (
	autobootFile = "autoboot.txt" // read by the firmware, which takes at most 512 bytes
	stateFile    = "slots.txt"    // read by nobody but this package
	fileMode     = 0o644
)

// partitions are the numbers of the boot partitions, as the image has them: 1 holds
// the files above.
var partitions = map[string]string{A: "2", B: "3"}

// errAutoboot: the firmware's file does not say what it must.
var errAutoboot = errors.New("slots: " + autobootFile + " cannot be understood")

// state is what is known of a system.
type state string

const (
	good  state = "good"  // it has proven itself
	bad   state = "bad"   // it has not, or it is being written
	trial state = "trial" // it is to be tried, or runs on trial
)

// boot is what the two files say.
type boot struct {
	byDefault string
	states    map[string]state
	stale     bool // the firmware's file says something else
}

// load reads both files. Without a readable state file the default is good and the
// other one is not, unless that one runs: then it is on trial.
func (s *Slots) load() (boot, error) {
	data, err := os.ReadFile(filepath.Join(s.Dir, autobootFile))
	if err != nil {
		return boot{}, fmt.Errorf("%w: %w", errAutoboot, err)
	}
	b := boot{}
	if b.byDefault, err = parseAutoboot(string(data)); err != nil {
		return boot{}, err
	}
	data, err = os.ReadFile(filepath.Join(s.Dir, stateFile))
	if err == nil {
		b.states, err = parseStates(string(data))
	}
	if err != nil {
		b.states = map[string]state{b.byDefault: good, otherThan(b.byDefault): bad}
		if current, err := s.Current(); err == nil && current != b.byDefault {
			b.states[current] = trial
		}
	}
	return b, nil
}

// autoboot is the firmware's file for a default system. With tryboot_a_b the trial
// changes the partition alone, and each has an ordinary config.txt.
func autoboot(byDefault string) []byte {
	return fmt.Appendf(nil, "[all]\ntryboot_a_b=1\nboot_partition=%s\n[tryboot]\nboot_partition=%s\n",
		partitions[byDefault], partitions[otherThan(byDefault)])
}

// parseAutoboot finds the default system. Comments and blank lines may have been
// added by hand; anything else would mean that the trial does something else than
// this package believes.
func parseAutoboot(text string) (string, error) {
	var lines []string
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	is := strings.Join(lines, "\n") + "\n"
	for _, name := range []string{A, B} {
		if is == string(autoboot(name)) {
			return name, nil
		}
	}
	return "", fmt.Errorf("%w: not as it was written", errAutoboot)
}

// text is the state file.
func (b *boot) text() []byte {
	return fmt.Appendf(nil, "# Which system has proven itself. Written by the update, for the update.\nA=%s\nB=%s\n", b.states[A], b.states[B])
}

func parseStates(text string) (map[string]state, error) {
	states := map[string]state{}
	for line := range strings.Lines(text) {
		name, value, found := strings.Cut(strings.TrimSpace(line), "=")
		switch v := state(value); {
		case !found:
		case known(name) != nil:
			return nil, known(name)
		case v != good && v != bad && v != trial:
			return nil, fmt.Errorf("slots: %s: %q is unknown", stateFile, value)
		default:
			states[name] = v
		}
	}
	if len(states) != len(partitions) {
		return nil, fmt.Errorf("slots: %s is cut off", stateFile)
	}
	return states, nil
}

package health

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// Systemctl asks systemd, by the program at path, for services that have to run.
func Systemctl(path string, units ...string) func(context.Context) (map[string]string, error) {
	return func(ctx context.Context) (map[string]string, error) {
		invocations := map[string]string{}
		for _, unit := range units {
			out, err := exec.CommandContext(ctx, path, "show", "--property=ActiveState,InvocationID", unit).Output()
			if err != nil {
				return nil, fmt.Errorf("systemd does not tell about %s: %w", unit, err)
			}
			found := properties(string(out))
			if s := found["ActiveState"]; s != "active" {
				return nil, fmt.Errorf("%s is %s", unit, s)
			}
			invocations[unit] = found["InvocationID"]
		}
		return invocations, nil
	}
}

// properties reads lines of name=value.
func properties(text string) map[string]string {
	found := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			found[name] = value
		}
	}
	return found
}

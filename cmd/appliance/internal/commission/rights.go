package commission

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// RightsWanted is what a service asks for and under which limits, the limits as
// the service manager writes them: a number or "infinity".
type RightsWanted struct {
	User             string
	Priority, CPU    int // CPU -1 = any
	RealTime, Locked string
}

// RightsGranted holds the reason of each refusal, "" for what was granted.
type RightsGranted struct {
	Scheduling string `json:"scheduling"`
	CPU        string `json:"cpu"`
	Memory     string `json:"memory"`
}

// bound reads a limit.
func bound(text string) (value uint64, unlimited bool) {
	if text == "infinity" {
		return math.MaxUint64, true
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, false // none is known: the safe side
	}
	return n, n == math.MaxUint64
}

// rightsWait bounds the probe; it does nothing that takes time.
const rightsWait = 10 * time.Second

// tryRights runs the probe, as root only.
func (m *Machine) tryRights(ctx context.Context, w RightsWanted) (g RightsGranted, err error) {
	cmd := m.Probe("rights", "--user="+w.User, fmt.Sprintf("--priority=%d", w.Priority), fmt.Sprintf("--cpu=%d", w.CPU),
		"--real-time="+w.RealTime, "--locked="+w.Locked)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err = cmd.Start(); err != nil {
		return g, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	timer := time.NewTimer(rightsWait)
	defer timer.Stop()
	select {
	case err = <-ended:
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = fmt.Errorf("no answer within %s", rightsWait)
	}
	if err != nil {
		_ = cmd.Process.Kill() // it may have ended
		return g, fmt.Errorf("%w: %s", err, lastLine(said.String()))
	}
	return g, json.Unmarshal(out.Bytes(), &g)
}

// lastLine of what a program said.
func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// suite is one run of go test.
type suite struct {
	pkg   string
	args  []string
	limit time.Duration
}

// verdict of a suite: the first test that failed, or none.
type verdict struct {
	failed   string
	timedOut bool
}

// healthy makes sure that the tests pass without a mutant: otherwise every
// mutant would look killed.
func healthy(ctx context.Context, dir string) error {
	for _, s := range suites {
		v, err := s.run(ctx, dir, "")
		if err == nil && v.failed != "" {
			err = fmt.Errorf("%s fails in %s without a mutant", v.failed, s.pkg)
		}
		if err != nil {
			return fmt.Errorf("mutate: %w", err)
		}
	}
	return nil
}

// killer lays the mutant over the tree and tells which test notices it; empty =
// none does.
func killer(ctx context.Context, dir string, m *mutant) (string, error) {
	work, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return "", fmt.Errorf("mutate: %w", err)
	}
	defer os.RemoveAll(work) //nolint:errcheck // a temporary folder
	file, overlay := filepath.Join(work, "mutant.go"), filepath.Join(work, "overlay.json")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {m.path: file}})
	if err == nil {
		err = errors.Join(os.WriteFile(file, m.text, 0o600), os.WriteFile(overlay, replace, 0o600))
	}
	if err != nil {
		return "", fmt.Errorf("mutate: %w", err)
	}
	for _, s := range suites {
		v, err := s.run(ctx, dir, overlay)
		switch {
		case err != nil:
			return "", fmt.Errorf("mutate: %s, %s: %w", m.row, m.name, err)
		case v.timedOut:
			return fmt.Sprintf("%s hangs in %s", v.failed, s.pkg), nil
		case v.failed != "":
			return v.failed, nil
		}
	}
	return "", nil
}

// run runs the suite until its first failure, its limit or its end.
func (s *suite) run(ctx context.Context, dir, overlay string) (verdict, error) {
	// go test ends its own hanging tests; beyond that it is ended from here.
	ctx, cancel := context.WithTimeout(ctx, s.limit+2*time.Minute)
	defer cancel()
	args := []string{"test", "-json", "-count=1", "-failfast", "-vet=off", "-timeout", s.limit.String()}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	args = append(args, s.args...)
	args = append(args, s.pkg)
	drawn, err := usesRapid(ctx, dir, s.pkg)
	if err != nil {
		return verdict{}, err
	}
	if drawn {
		args = append(args, "-rapid.nofailfile") // it would be written into the tree
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	// The test program is a child of go; both have to go.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	failure := cmd.Run()
	if ctx.Err() != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return verdict{failed: "go test", timedOut: true}, nil
		}
		return verdict{}, ctx.Err()
	}
	v := read(out.Bytes())
	if failure == nil && v.failed == "" {
		return v, nil
	}
	if v.failed == "" { // no test failed: it was not even begun
		return v, fmt.Errorf("go test: %w: %s", failure, first(append(complaints.Bytes(), said(out.Bytes())...)))
	}
	return v, nil
}

// event is one line of go test -json.
type event struct {
	Action, Test, Output, FailedBuild string
}

func events(out []byte, each func(event)) {
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) == nil {
			each(e)
		}
	}
}

// read finds the first failure. A panic and a test that hangs end the program
// before their test is said to have failed; then it is the last one that was begun.
func read(out []byte) (v verdict) {
	begun := ""
	ended, built := false, true
	events(out, func(e event) {
		switch {
		case e.Action == "build-fail" || e.FailedBuild != "":
			built = false
		case e.Action == "run":
			begun = e.Test
		case e.Action == "fail" && e.Test != "" && v.failed == "":
			v.failed = e.Test
		case e.Action == "fail" && e.Test == "":
			ended = true
		case e.Action == "output" && strings.HasPrefix(e.Output, "panic: test timed out"):
			v.timedOut = true
		}
	})
	if ended && built && v.failed == "" && begun != "" {
		v.failed = begun
	}
	return v
}

// said is the plain output.
func said(out []byte) (text []byte) {
	events(out, func(e event) { text = append(text, e.Output...) })
	return text
}

// first keeps the beginning of a text.
func first(text []byte) string {
	return string(bytes.TrimSpace(text[:min(len(text), 1000)]))
}

// usesRapid tells whether a package's tests draw their cases: only then is there
// a flag for it.
func usesRapid(ctx context.Context, dir, pkg string) (bool, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-f", "{{.TestImports}} {{.XTestImports}}", pkg)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return false, fmt.Errorf("go list %s: %w", pkg, err)
	}
	return strings.Contains(string(out), "pgregory.net/rapid"), nil
}

package commission

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// ErrNoAnswer: there was no answer any more, or for too long.
var ErrNoAnswer = errors.New("no answer")

const (
	// answerWait is how long somebody may take to fetch a weight.
	answerWait = 15 * time.Minute
	// longestAnswer in bytes.
	longestAnswer = 1024
	// mostTries of one question or measurement.
	mostTries = 5
)

// console is a dialogue in lines.
type console struct {
	lines <-chan string // closed at the end of input
	out   io.Writer
}

// newConsole reads lines in a goroutine, since a read of a terminal cannot be
// cancelled; it ends with its input.
func newConsole(in io.Reader, out io.Writer) *console {
	lines := make(chan string)
	go func() {
		defer close(lines)
		s := bufio.NewScanner(in)
		s.Buffer(make([]byte, longestAnswer), longestAnswer)
		for s.Scan() {
			lines <- s.Text()
		}
	}()
	return &console{lines: lines, out: out}
}

func (c *console) say(format string, args ...any) {
	// A terminal that is gone shows in the next read.
	_, _ = fmt.Fprintf(c.out, format+"\n", args...)
}

// ask waits for one line.
func (c *console) ask(ctx context.Context, format string, args ...any) (string, error) {
	_, _ = fmt.Fprintf(c.out, format+" ", args...)
	timer := time.NewTimer(answerWait)
	defer timer.Stop()
	select {
	case line, ok := <-c.lines:
		if !ok {
			return "", fmt.Errorf("%w: the input has ended", ErrNoAnswer)
		}
		return strings.TrimSpace(line), nil
	case <-timer.C:
		return "", fmt.Errorf("%w for %s", ErrNoAnswer, answerWait)
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// askFor asks again, a few times, until take is content.
func (c *console) askFor(ctx context.Context, prompt string, take func(string) error) error {
	var last error
	for range mostTries {
		answer, err := c.ask(ctx, "%s", prompt)
		if err != nil {
			return err
		}
		if last = take(answer); last == nil {
			return nil
		}
		c.say("%v", last)
	}
	return fmt.Errorf("given up after %d tries: %w", mostTries, last)
}

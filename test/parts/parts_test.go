package parts

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// victim is a test whose failure is none of ours.
type victim struct {
	testing.TB
	said             string
	failed, skipped  bool
	ended, completed bool
	cleanups         []func()
}

func (v *victim) Logf(format string, args ...any) { v.said += fmt.Sprintf(format, args...) }
func (v *victim) Failed() bool                    { return v.failed }
func (v *victim) Cleanup(f func())                { v.cleanups = append(v.cleanups, f) }

func (v *victim) Errorf(format string, args ...any) {
	v.failed = true
	v.Logf(format, args...)
}

func (v *victim) Fatalf(format string, args ...any) {
	v.Errorf(format, args...)
	v.ended = true
	panic(v)
}

func (v *victim) Skipf(format string, args ...any) {
	v.skipped, v.ended = true, true
	v.Logf(format, args...)
	panic(v)
}

// suffer runs a test and its cleanups.
func suffer(t *testing.T, test func(t testing.TB)) *victim {
	v := &victim{TB: t}
	func() {
		defer func() {
			if r := recover(); r != nil && r != any(v) {
				panic(r)
			}
		}()
		test(v)
		v.completed = true
	}()
	for i := len(v.cleanups) - 1; i >= 0; i-- {
		v.cleanups[i]()
	}
	return v
}

func TestMissing(t *testing.T) {
	for _, c := range []struct {
		name, require   string
		test            func(t testing.TB)
		skipped, failed bool
		says            string
	}{
		{"a program", "", func(t testing.TB) { Program(t, "no-such-program", "some-package") }, true, false, "apt-get install some-package"},
		{"a program that has to be there", "1", func(t testing.TB) { Program(t, "no-such-program", "some-package") }, false, true, "apt-get install some-package"},
		{"a program that is there", "1", func(t testing.TB) { Program(t, "sh", "dash") }, false, false, ""},
		{"a special one", "", func(t testing.TB) { Special(t, "no-such-program", "TRACTION_TEST_NONE", "make it") }, true, false, "make it"},
		{"a special one that has to be there", "yes", func(t testing.TB) { Special(t, "no-such-program", "TRACTION_TEST_NONE", "make it") }, false, true, "make it"},
		{"a special one that is there", "1", func(t testing.TB) { Special(t, "no-such-program", "TRACTION_TEST_SOME", "make it") }, false, false, ""},
		{"a wrong path is no reason to skip", "", func(t testing.TB) { Special(t, "sh", "TRACTION_TEST_WRONG", "make it") }, false, true, "TRACTION_TEST_WRONG"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("TRACTION_REQUIRE_PARTS", c.require)
			t.Setenv("TRACTION_TEST_NONE", "")
			t.Setenv("TRACTION_TEST_SOME", "parts_test.go")
			t.Setenv("TRACTION_TEST_WRONG", "no-such-file")
			v := suffer(t, c.test)
			assert.Equal(t, c.skipped, v.skipped)
			assert.Equal(t, c.failed, v.failed)
			assert.Equal(t, c.skipped || c.failed, v.ended)
			assert.Contains(t, v.said, c.says)
		})
	}
}

func TestAwait(t *testing.T) {
	looks := 0
	third := func() bool { looks++; return looks == 3 }
	assert.True(t, Await(time.Hour, third))
	assert.Equal(t, 3, looks)
	assert.True(t, Await(0, func() bool { return true }), "it looks at least once")
	assert.False(t, Await(10*time.Millisecond, func() bool { return false }))
}

func TestFreeAddress(t *testing.T) {
	seen := map[string]bool{}
	for range 200 {
		address := FreeAddress(t)
		assert.False(t, seen[address], address)
		seen[address] = true
	}
}

func sh(t testing.TB, script string) *Process { return Start(t, exec.Command("sh", "-c", script)) }

// waits runs until it is asked to end, and tells when it has begun.
const waits = `trap 'echo bye; exit 3' TERM; echo on the way >&2; while :; do sleep 0.01; done`

func TestProcess(t *testing.T) {
	p := sh(t, "echo out; echo err >&2")
	p.Succeed(t)
	assert.False(t, p.Alive())
	assert.Equal(t, "out\nerr\n", p.Said.String())
	p.End()
	assert.NoError(t, p.Wait(t), "as it ended before")

	p = sh(t, waits)
	Eventually(t, "it says something", func() bool { return strings.Contains(p.Said.String(), "on the way") })
	assert.True(t, p.Alive())
	var exit *exec.ExitError
	p.End()
	require.ErrorAs(t, p.Wait(t), &exit)
	assert.Equal(t, 3, exit.ExitCode())
	assert.Contains(t, p.Said.String(), "bye")

	p = sh(t, waits)
	p.Signal(t, syscall.SIGKILL)
	require.ErrorAs(t, p.Wait(t), &exit)
	assert.Equal(t, -1, exit.ExitCode(), "killed")
}

// TestProcessWithOutputsOfItsOwn: what is given to the command stays the command's.
func TestProcessWithOutputsOfItsOwn(t *testing.T) {
	out, all := new(Output), new(Output)
	for range 2 {
		cmd := exec.Command("sh", "-c", "echo out; echo err >&2")
		cmd.Stdout, cmd.Stderr = out, all
		p := Start(t, cmd)
		p.Succeed(t)
		assert.Same(t, all, p.Said)
	}
	assert.Equal(t, "out\nout\n", out.String())
	assert.Equal(t, "err\nerr\n", all.String())
}

func TestFailedTestShowsWhatWasSaid(t *testing.T) {
	var first, second *Process
	v := suffer(t, func(t testing.TB) {
		first = sh(t, "echo reason; exit 4")
		second = sh(t, waits)
		first.Succeed(t)
	})
	assert.True(t, v.failed)
	assert.False(t, v.completed)
	assert.Contains(t, v.said, "exit status 4")
	assert.Equal(t, 1, strings.Count(v.said, "said at last:\nreason\n"))
	assert.False(t, second.Alive(), "it ends with the test")

	long := suffer(t, func(t testing.TB) {
		sh(t, "yes | head -c 100000; echo the end").Succeed(t)
		t.Errorf("a failure")
	})
	assert.Less(t, len(long.said), shown+1000)
	assert.Contains(t, long.said, "the end")

	none := suffer(t, func(t testing.TB) {
		p := Start(t, exec.Command("/no/such/program"))
		assert.False(t, p.Alive())
		p.Kill()
		p.Succeed(t)
	})
	assert.True(t, none.failed)
	assert.Contains(t, none.said, "/no/such/program")

	well := suffer(t, func(t testing.TB) { sh(t, "echo much").Succeed(t) })
	assert.True(t, well.completed)
	assert.Empty(t, well.said)
}

func TestAppliance(t *testing.T) {
	Heavy(t, "builds the appliance")
	said := sh(t, Appliance(t)+" version")
	said.Succeed(t)
	assert.Contains(t, said.Said.String(), "appliance")
	assert.Equal(t, Appliance(t), Appliance(t))
}

func TestMosquitto(t *testing.T) {
	m := StartMosquitto(t, "allow_anonymous true\n")
	first := m.Cmd.Process.Pid
	m.Restart(t)
	assert.NotEqual(t, first, m.Cmd.Process.Pid)
	assert.True(t, Listens(m.Address))
	m.End()
	require.NoError(t, m.Wait(t))
	assert.False(t, Listens(m.Address))

	one, two := FreePort(t), FreePort(t)
	m = StartMosquitto(t, "allow_anonymous true\nlistener "+one+" 127.0.0.1\nlistener "+two+" 127.0.0.1\n")
	assert.Equal(t, "tcp://127.0.0.1:"+one, m.URL())
	assert.True(t, Listens("127.0.0.1:"+two))
	m.End()

	for range 10 { // at its very first moment
		m.Start(t)
		m.End()
		require.NoError(t, m.Wait(t))
	}

	v := suffer(t, func(t testing.TB) { StartMosquitto(t, "no_such_key true\n") })
	assert.True(t, v.failed, "at once")
	assert.Contains(t, v.said, "no_such_key", "its own words")
}

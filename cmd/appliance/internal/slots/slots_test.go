package slots

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pi is a computer with two systems, of which the firmware starts one.
type pi struct {
	t *testing.T
	*Slots
	log bytes.Buffer
}

func newPi(t *testing.T) *pi {
	dir := t.TempDir()
	p := &pi{t: t}
	p.Slots = &Slots{Dir: filepath.Join(dir, "boot"), CommandLine: filepath.Join(dir, "cmdline"),
		RebootParam: filepath.Join(dir, "reboot-param"), Log: &p.log}
	require.NoError(t, os.Mkdir(p.Dir, 0o755))
	p.write(filepath.Join(p.Dir, autobootFile), string(autoboot(A)))
	p.run(A)
	return p
}

func (p *pi) write(path, text string) {
	p.t.Helper()
	require.NoError(p.t, os.WriteFile(path, []byte(text), 0o644))
}

func (p *pi) read(path string) string {
	p.t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(p.t, err)
	return string(data)
}

func (p *pi) run(name string) {
	p.write(p.CommandLine, "console=tty1 rauc.slot="+name+" root=/dev/mmcblk0p5\n")
}

// restart is an orderly one: the flag counts, once. A power cut is cut.
func (p *pi) restart() {
	p.t.Helper()
	b, err := parseAutoboot(p.read(filepath.Join(p.Dir, autobootFile)))
	require.NoError(p.t, err)
	if p.trialAhead() {
		b = otherThan(b)
	}
	p.run(b)
	_ = os.Remove(p.RebootParam) // /run is gone
}

func (p *pi) cut() {
	_ = os.Remove(p.RebootParam)
	p.restart()
}

// install is the order in which RAUC calls.
func (p *pi) install() {
	p.t.Helper()
	current, err := p.Current()
	require.NoError(p.t, err)
	require.NoError(p.t, p.SetBad(otherThan(current)))
	require.NoError(p.t, p.SetPrimary(otherThan(current)))
}

func (p *pi) is(current, primary string, goodA, goodB bool) {
	p.t.Helper()
	got, err := p.Current()
	require.NoError(p.t, err)
	assert.Equal(p.t, current, got, "current")
	got, err = p.Primary()
	require.NoError(p.t, err)
	assert.Equal(p.t, primary, got, "primary")
	a, errA := p.Good(A)
	b, errB := p.Good(B)
	require.NoError(p.t, errA)
	require.NoError(p.t, errB)
	assert.Equal(p.t, [2]bool{goodA, goodB}, [2]bool{a, b}, "good A, B")
}

func TestAFreshImageHasOneGoodSystem(t *testing.T) {
	p := newPi(t)
	p.is(A, A, true, false)
}

func TestANewSystemThatProvesItselfIsKept(t *testing.T) {
	p := newPi(t)
	p.install()
	p.is(A, B, true, false)
	assert.Equal(t, string(autoboot(A)), p.read(filepath.Join(p.Dir, autobootFile)), "until then the old one is the default")
	p.restart()
	p.is(B, B, true, false)
	require.NoError(t, p.SetGood(B))
	p.is(B, B, true, true)
	assert.Equal(t, "[all]\ntryboot_a_b=1\nboot_partition=3\n[tryboot]\nboot_partition=2\n", p.read(filepath.Join(p.Dir, autobootFile)))
	p.cut()
	p.is(B, B, true, true)

	p.install() // and back the other way
	p.restart()
	require.NoError(t, p.SetGood(A))
	p.cut()
	p.is(A, A, true, true)
}

func TestANewSystemThatHangsIsLeft(t *testing.T) {
	p := newPi(t)
	p.install()
	p.restart()
	p.is(B, B, true, false)
	p.cut() // watchdog, panic, or the plug
	p.is(A, B, true, false)
	require.NoError(t, p.SetGood(A))
	p.is(A, A, true, false)
	assert.Contains(t, p.log.String(), "has not proven itself")
	p.restart()
	p.is(A, A, true, false)
}

// The old system may mark itself good only after the update was installed, when both
// happen in the first minutes: the trial must survive that.
func TestATrialOfThisStartIsNotForgotten(t *testing.T) {
	p := newPi(t)
	p.install()
	require.NoError(t, p.SetGood(A))
	p.restart()
	p.is(B, B, true, false)
}

func TestANewSystemThatSaysItIsBadIsLeft(t *testing.T) {
	p := newPi(t)
	p.install()
	p.restart()
	require.NoError(t, p.SetBad(B))
	p.restart()
	p.is(A, A, true, false)
}

func TestThinkingBetterOfIt(t *testing.T) {
	p := newPi(t)
	p.install()
	require.NoError(t, p.SetPrimary(A))
	p.is(A, A, true, false)
	p.restart()
	p.is(A, A, true, false)
}

// While B runs on trial, A is the only way back and must not be written over.
func TestTheOnlyGoodSystemCannotBeGivenUp(t *testing.T) {
	p := newPi(t)
	require.ErrorIs(t, p.SetBad(A), ErrInUse)
	p.install()
	p.restart()
	require.ErrorIs(t, p.SetBad(A), ErrInUse)
	p.is(B, B, true, false)
	require.NoError(t, p.SetGood(B))
	require.NoError(t, p.SetBad(A), "now there is another one")
	p.is(B, B, false, true)
}

func TestADefaultThatFailsMakesWayForAGoodOne(t *testing.T) {
	p := newPi(t)
	p.install()
	p.restart()
	require.NoError(t, p.SetGood(B))
	require.NoError(t, p.SetBad(B))
	p.cut()
	p.is(A, A, true, false)
}

func TestWhatIsRefused(t *testing.T) {
	p := newPi(t)
	assert.ErrorIs(t, p.SetGood(B), ErrNotRunning)
	for _, name := range []string{"", "C", "a", "A\n"} {
		assert.ErrorIs(t, p.SetPrimary(name), ErrName)
		assert.ErrorIs(t, p.SetGood(name), ErrName)
		assert.ErrorIs(t, p.SetBad(name), ErrName)
		_, err := p.Good(name)
		assert.ErrorIs(t, err, ErrName)
	}
	p.write(p.CommandLine, "root=/dev/mmcblk0p2\n")
	_, err := p.Current()
	assert.ErrorContains(t, err, "no rauc.slot")
}

func TestDamagedFiles(t *testing.T) {
	for _, c := range []struct {
		name, text string
		ok         bool
	}{
		{"with comments and Windows line ends", "# x\r\n[all]\r\ntryboot_a_b=1 # flag\r\n\r\nboot_partition=2\r\n[tryboot]\r\nboot_partition=3\r\n", true},
		{"empty", "", false},
		{"cut off", "[all]\ntryboot_a_b=1\nboot_parti", false},
		{"without the flag", "[all]\nboot_partition=2\n[tryboot]\nboot_partition=3\n", false},
		{"both the same", "[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=2\n", false},
		{"another partition", "[all]\ntryboot_a_b=1\nboot_partition=1\n[tryboot]\nboot_partition=3\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPi(t)
			p.write(filepath.Join(p.Dir, autobootFile), c.text)
			_, err := p.Primary()
			if c.ok {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, errAutoboot)
			require.ErrorIs(t, p.SetPrimary(B), errAutoboot, "nothing is tried when nobody knows the way back")
			require.ErrorIs(t, p.SetBad(B), errAutoboot)
			require.NoError(t, p.SetGood(A), "what runs mends it")
			p.is(A, A, true, false)
		})
	}
	for _, text := range []string{"", "A=good\n", "A=good\nB=perhaps\n", "A=good\nB=good\nC=good\n"} {
		p := newPi(t)
		p.write(filepath.Join(p.Dir, stateFile), text)
		p.is(A, A, true, false)
		p.run(B) // on trial, and the state file was lost
		require.NoError(t, p.SetGood(B))
		p.is(B, B, true, true)
	}
}

// The firmware reads no more than 512 bytes.
func TestTheFirmwaresFileIsShort(t *testing.T) {
	assert.Less(t, len(autoboot(A)), 512)
	assert.Less(t, len(autoboot(B)), 512)
}

func TestAFullOrReadOnlyPartitionChangesNothing(t *testing.T) {
	p := newPi(t)
	require.NoError(t, os.Mkdir(filepath.Join(p.Dir, stateFile), 0o755)) // cannot be replaced by a file
	require.Error(t, p.SetPrimary(B))
	assert.NoFileExists(t, p.RebootParam, "no trial without a note of it")
	assert.Equal(t, string(autoboot(A)), p.read(filepath.Join(p.Dir, autobootFile)))
}

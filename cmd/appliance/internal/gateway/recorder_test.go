package gateway

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
	"traction/control/link"
	"traction/mqtt"
	"traction/record"
)

var quiet = slog.New(slog.DiscardHandler)

// eventually waits for a condition, generously.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		require.True(t, time.Now().Before(deadline), what)
	}
}

// process stands for a control process: it journals numbered entries, of which it
// no longer holds those before oldest.
type process struct {
	mu     sync.Mutex
	oldest uint64
	newest uint64
	events []control.Event
	mode   control.Mode
}

func (p *process) Boot() link.Boot { return tableBoot }

func (p *process) Snapshot() control.Snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	return control.Snapshot{Mode: p.mode}
}

func (p *process) Entries(from uint64, buf []control.Entry) (n int, oldest uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for seq := max(from, p.oldest); seq <= p.newest && n < len(buf); seq++ {
		buf[n] = control.Entry{Seq: seq, At: time.Duration(seq) * 12 * time.Millisecond, Mode: control.Treating, Treatment: 1}
		n++
	}
	return n, p.oldest
}

func (p *process) Events(from uint64, buf []control.Event) (n int, oldest uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return copy(buf, p.events[min(max(from, 1)-1, uint64(len(p.events))):]), 1
}

// happen makes the next event.
func (p *process) happen() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events = append(p.events, event(uint64(len(p.events)+1)))
}

func (p *process) Reports(uint32, []control.Report) int { return 0 }
func (p *process) Stop(control.Origin)                  {}
func (p *process) Submit(context.Context, control.Command) (control.Reply, error) {
	return control.Reply{}, errors.New("nobody commands here")
}

func (p *process) Programme(string) (*control.Programme, error) { return nil, errors.New("none") }
func (p *process) Programmes() []string                         { return nil }

func (p *process) journal(oldest, newest uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.oldest, p.newest = oldest, newest
}

// serve runs p behind a real socket.
func serve(t *testing.T, p *process) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "s")
	l, err := link.Listen(socket, 0o600)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = link.NewServer(p, p, link.Options{}).Serve(ctx, l, control.Remote) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return socket
}

// listener collects what is told.
type listener struct {
	mu   sync.Mutex
	told []string
}

func (l *listener) tell(kind mqtt.Kind, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = append(l.told, string(kind)+": "+text)
}

func (l *listener) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string{}, l.told...)
}

// run records until the test ends.
func run(t *testing.T, r *Recorder) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { r.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
}

func top(t *testing.T, s *record.Store) uint64 {
	entry, _, _, err := s.Next(tableBoot.ID)
	if err != nil {
		return 0
	}
	return entry - 1
}

func TestRecorderTellsOfLostSamples(t *testing.T) {
	p, l, store := &process{oldest: 1, newest: 100}, &listener{}, open(t)
	run(t, &Recorder{Socket: serve(t, p), Store: store, Log: quiet, Tell: l.tell})
	eventually(t, "the first hundred", func() bool { return top(t, store) == 100 })
	assert.Empty(t, l.all())
	p.journal(151, 200)
	eventually(t, "the next", func() bool { return top(t, store) == 200 })
	eventually(t, "told", func() bool { return len(l.all()) == 1 })
	assert.Equal(t, []string{"journal-gap: The samples 101 to 150 were lost: they were not recorded in time."}, l.all())
	missing, err := store.Missing(tableBoot.ID)
	require.NoError(t, err)
	assert.Equal(t, []record.Range{{Stream: record.StreamEntries, First: 101, Last: 150}}, missing)
}

// A record that was damaged at the start is told of, and so is one that becomes so;
// what the control process still holds goes into the new one.
func TestRecorderTellsOfDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.sqlite")
	require.NoError(t, os.WriteFile(path, []byte("this was a record once, or so they say"), 0o600))
	store, err := record.Open(path, record.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	p, l := &process{oldest: 1, newest: 100}, &listener{}
	run(t, &Recorder{Socket: serve(t, p), Store: store, Log: quiet, Tell: l.tell})
	eventually(t, "all is recorded", func() bool { return top(t, store) == 100 })
	require.Len(t, l.all(), 1)
	assert.Contains(t, l.all()[0], "record-damaged: The record was damaged. It is now at "+path+".corrupt-")
}

func TestRecorderGoesOnAfterDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.sqlite")
	store, err := record.Open(path, record.Options{})
	require.NoError(t, err)
	var events []control.Event
	for n := range 500 {
		events = append(events, control.Event{Seq: uint64(n + 1)})
	}
	require.NoError(t, NewBacklog(store, quiet).Add(tableBoot, events, nil))
	require.NoError(t, store.Close()) // now all of it is in the file
	store, err = record.Open(path, record.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	backlog := NewBacklog(store, quiet)
	p, l := &process{oldest: 1, newest: 100}, &listener{}
	run(t, &Recorder{Socket: serve(t, p), Store: store, Log: quiet, Tell: l.tell})
	eventually(t, "all is recorded", func() bool { return top(t, store) == 100 })

	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer f.Close()
	_, err = f.WriteAt(bytes.Repeat([]byte("rot"), 1<<16), 2*4096) // under the feet of the store
	require.NoError(t, err)
	_, err = store.UnsentEvents(1000)
	require.ErrorIs(t, err, record.ErrCorrupt)
	// Somebody else makes the boot known in the new file before the recorder notices.
	require.NoError(t, store.Boot(recordBoot(tableBoot)))
	eventually(t, "told", func() bool { return len(l.all()) == 1 })
	assert.Contains(t, l.all()[0], "record-damaged")
	p.journal(1, 200)
	eventually(t, "all that the control process holds is recorded again", func() bool { return top(t, store) == 200 })
	missing, err := store.Missing(tableBoot.ID)
	require.NoError(t, err)
	assert.Empty(t, missing)

	later := []control.Event{{Seq: 501}}
	assert.ErrorIs(t, backlog.Add(tableBoot, later, nil), errAnew, "the first 500 have to come first")
	last, _, err := backlog.Last(tableBoot.ID)
	require.NoError(t, err)
	assert.Zero(t, last)
	require.NoError(t, backlog.Add(tableBoot, append(events, later...), nil))
}

func TestRecorderTellsOfAFullDisk(t *testing.T) {
	l := &listener{}
	r := &Recorder{Store: open(t), Log: quiet, Tell: l.tell}
	full := refusal{errors.Join(record.ErrFull)}
	r.tellWorks()
	for range 3 {
		r.tellRefused(full, began)
	}
	r.tellRefused(errors.New("the control process is gone meanwhile"), began)
	require.Len(t, l.all(), 1, "once")
	assert.Contains(t, l.all()[0], "record-full: There is no space left")
	r.tellWorks()
	r.tellRefused(full, began)
	assert.Len(t, l.all(), 2, "and once more when it is full again")
}

// A record that refuses for another reason than a full disk is told of when it does
// for a while, and once until it works again.
func TestRecorderTellsOfALostRecord(t *testing.T) {
	l := &listener{}
	r := &Recorder{Store: open(t), Log: quiet, Tell: l.tell}
	broken := refusal{errors.New("disk I/O error")}
	at := func(d time.Duration, err error, want int) {
		t.Helper()
		r.tellRefused(err, began.Add(d))
		require.Len(t, l.all(), want)
	}
	at(0, broken, 0)
	at(refusedFor-1, broken, 0)
	r.tellWorks() // it was somebody who used the file
	at(refusedFor, broken, 0)
	at(2*refusedFor, errors.New("the control process is gone meanwhile"), 0)
	at(2*refusedFor, broken, 1)
	at(9*refusedFor, broken, 1)
	assert.Contains(t, l.all()[0], "record-lost: The record cannot be written, so nothing is recorded: disk I/O error.")
	r.tellWorks()
	at(10*refusedFor, broken, 1)
	at(11*refusedFor, broken, 2)
}

// It is told while the recorder works, and nothing is lost once it is mended.
func TestRecorderOnARecordThatRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.sqlite")
	store, err := record.Open(path, record.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, store.Close()) })
	p, l, earlier := &process{oldest: 1, newest: 100}, &listener{}, atomic.Int64{}
	r := &Recorder{Socket: serve(t, p), Store: store, Log: quiet, Tell: l.tell, after: time.Millisecond, Earlier: func() error {
		earlier.Add(1)
		return errors.New("this is not the recorder's trouble")
	}}
	run(t, r)
	eventually(t, "the first hundred", func() bool { return top(t, store) == 100 })
	mend := refuse(t, path)
	p.journal(1, 200)
	eventually(t, "told", func() bool { return len(l.all()) == 1 })
	assert.Contains(t, l.all()[0], "record-lost: ")
	assert.Equal(t, uint64(100), top(t, store))
	mend()
	eventually(t, "all is recorded", func() bool { return top(t, store) == 200 })
	missing, err := store.Missing(tableBoot.ID)
	require.NoError(t, err)
	assert.Empty(t, missing)
	assert.Len(t, l.all(), 1)
	assert.Positive(t, earlier.Load())
}

func TestRecorderTellsWhatCannotBeChecked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.sqlite")
	store, err := record.Open(path, record.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, store.Close()) })
	l := &listener{}
	r := &Recorder{Store: store, Log: quiet, Tell: l.tell}
	require.NoError(t, os.Rename(path, path+"-elsewhere")) // before anybody has read it
	r.Check(t.Context())
	require.Len(t, l.all(), 1)
	assert.Contains(t, l.all()[0], "record-lost: The record cannot be read to its end: ")
	require.NoError(t, os.Rename(path+"-elsewhere", path))
	r.Check(t.Context())
	assert.Len(t, l.all(), 1)
}

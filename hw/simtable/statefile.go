package simtable

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"time"
)

// ErrState is wrapped by the error for a state file that cannot be used: damaged, or of another table, patient or
// program. Nothing is changed then; remove the file to begin anew.
var ErrState = errors.New("simtable: the state cannot be used")

// A state file holds two copies, written in turn, so that one that was torn leaves the other.
const (
	slotSize = 1024 // the fields take some 600 bytes; a test keeps watch
	slots    = 2
	sealSize = 4 // CRC at the end of a slot
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// StateFile keeps the state of a simulated table from one process to the next. It belongs to the goroutine that owns
// the table.
type StateFile struct {
	file     *os.File
	wall     func() time.Time
	sequence uint64
	last     state
	found    bool // last is what the file held
	buf      [slotSize]byte
	err      error // the first failure to write
}

// OpenState opens a state file, or makes one that holds no state yet. A file that is damaged is an ErrState.
func OpenState(path string) (*StateFile, error) {
	return openState(path, os.O_RDWR|os.O_CREATE)
}

func openState(path string, flags int) (*StateFile, error) {
	file, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, fmt.Errorf("simtable: state: %w", err)
	}
	f := &StateFile{file: file, wall: time.Now}
	if err := f.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("simtable: state %s: %w", path, err), file.Close())
	}
	return f, nil
}

// QuietState notes in a state file that all outputs are low from now on, as whoever cleans up after a dead control
// process would have set them. Without such a file the error wraps fs.ErrNotExist. Call it only when no process runs
// the table.
func QuietState(path string) error {
	f, err := openState(path, os.O_RDWR)
	if err != nil {
		return err
	}
	if f.found && f.last.quiet == 0 {
		f.last.quiet = f.wall().UnixNano()
		f.write()
	}
	return f.Close()
}

// Close closes the file and returns the first error of writing to it.
func (f *StateFile) Close() error {
	if err := errors.Join(f.err, f.file.Close()); err != nil {
		return fmt.Errorf("simtable: state: %w", err)
	}
	return nil
}

// load reads the newer one of the copies that are whole.
func (f *StateFile) load() error {
	var data [slots * slotSize]byte
	n, err := f.file.ReadAt(data[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	for slot := range slots {
		if st, sequence, ok := decodeSlot(data[slot*slotSize : (slot+1)*slotSize]); ok && sequence > f.sequence {
			f.last, f.sequence, f.found = st, sequence, true
		}
	}
	if n > 0 && !f.found {
		return fmt.Errorf("%w: no copy in it is whole", ErrState)
	}
	return nil
}

// decodeSlot is one copy with its number, which is 1 or more.
func decodeSlot(slot []byte) (st state, sequence uint64, ok bool) {
	c := codec{buf: slot, reading: true}
	var sum uint32
	c.bits(&sequence)
	st.code(&c)
	c.at = slotSize - sealSize
	c.word(&sum)
	ok = sum == crc32.Checksum(slot[:slotSize-sealSize], castagnoli)
	return st, sequence, ok && st.moving >= 0 && st.moving <= maxMoves
}

// write puts the last state into the older copy. The kernel has it then: it outlives the process, however that ends.
func (f *StateFile) write() {
	f.sequence++
	c := codec{buf: f.buf[:]}
	c.bits(&f.sequence)
	f.last.code(&c)
	c.at = slotSize - sealSize
	sum := crc32.Checksum(f.buf[:slotSize-sealSize], castagnoli)
	c.word(&sum)
	if _, err := f.file.WriteAt(f.buf[:], int64(f.sequence%slots)*slotSize); err != nil && f.err == nil {
		f.err = err
	}
}

package record

import (
	"errors"
	"os"
)

// reserveBytes lie beside the record, so that something can be deleted from it
// when the disk is full: that needs some space first.
const reserveBytes = 1 << 20

func (s *Store) reservePath() string { return s.path + "-reserve" }

// reserve puts the reserve there, if it is not and there is room. That it cannot is
// no reason not to record.
func (s *Store) reserve() {
	f, err := os.OpenFile(s.reservePath(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return
	}
	_, err = f.Write(make([]byte, reserveBytes))
	if errors.Join(err, f.Close()) != nil {
		_ = os.Remove(s.reservePath())
	}
}

// spendReserve tells whether there is more space now.
func (s *Store) spendReserve() bool { return os.Remove(s.reservePath()) == nil }

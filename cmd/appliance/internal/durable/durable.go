// Package durable replaces files so that a power cut leaves the old one or the new
// one, each complete.
//
// It works in two steps, so that several files can be replaced together: all of them
// are written beside their places first, where a full disk still harms nobody, and
// only then renamed.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// beside is what a name gets while it is not in its place yet. It is always the same,
// so that crashes leave at most one unfinished file, which nobody reads.
const beside = ".new"

// Staged is a file that is on the disk beside its place.
type Staged struct{ path string }

// Stage writes data beside path with the mode, whatever the umask is, and waits until
// it is on the disk. The folder must exist. Nothing stays behind after an error.
func Stage(path string, data []byte, mode fs.FileMode) (s *Staged, err error) {
	if err := os.Remove(path + beside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	// Made anew and narrow: what may be a secret is never open to others, not even at first.
	f, err := os.OpenFile(path+beside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			s, err = nil, errors.Join(err, os.Remove(path+beside))
		}
	}()
	if _, err := f.Write(data); err != nil {
		return nil, err
	}
	// A FAT file system knows no modes; what it shows is near enough to be left alone.
	if info, err := f.Stat(); err != nil {
		return nil, err
	} else if info.Mode().Perm() != mode {
		if err := f.Chmod(mode); err != nil && !errors.Is(err, fs.ErrPermission) {
			return nil, err
		}
	}
	return &Staged{path}, f.Sync()
}

// StageLink is Stage for a symbolic link to target.
func StageLink(path, target string) (*Staged, error) {
	if err := os.Remove(path + beside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := os.Symlink(target, path+beside); err != nil {
		return nil, err
	}
	return &Staged{path}, nil
}

// Commit puts the file in its place and makes that survive a power cut.
func (s *Staged) Commit() error {
	if err := os.Rename(s.path+beside, s.path); err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(s.path))
}

// Discard takes the file away again; after Commit it does nothing.
func (s *Staged) Discard() error {
	if err := os.Remove(s.path + beside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Replace is Stage and Commit in one.
func Replace(path string, data []byte, mode fs.FileMode) error {
	s, err := Stage(path, data, mode)
	if err != nil {
		return err
	}
	if err := s.Commit(); err != nil {
		return errors.Join(err, s.Discard())
	}
	return nil
}

// Remove takes a file away so that it stays away; one that does not exist is no error.
func Remove(path string) error {
	if err := os.Remove(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(path))
}

// SyncFolder makes what was renamed or removed in a folder survive a power cut.
func SyncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}

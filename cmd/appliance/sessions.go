package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	sqlite "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"traction/cmd/appliance/internal/settings"
	"traction/record"
)

// sessionsCommand looks at past treatments, beside the gateway that records them.
type sessionsCommand struct {
	List   sessionsListCommand   `cmd:"" help:"List the sessions, the newest first."`
	Show   sessionsShowCommand   `cmd:"" help:"Show a session: report, trips, events."`
	Export sessionsExportCommand `cmd:"" help:"Write a session for other programs: samples as CSV, or everything as JSON."`
	Plot   sessionsPlotCommand   `cmd:"" help:"Draw a session: force against set-point, phases, events."`
	Delete sessionsDeleteCommand `cmd:"" help:"Delete sessions with their samples, events and reports."`
}

// recordFlags say which record.
type recordFlags struct {
	Record string `help:"File of the record; without it the one that the settings name." env:"TRACTION_RECORD" type:"path" placeholder:"PATH"`
	Config string `help:"Settings of the table." default:"/etc/traction/traction.toml" type:"path" placeholder:"PATH"`
}

// sessionFlags say which session of it.
type sessionFlags struct {
	recordFlags
	Session string `arg:"" optional:"" default:"last" help:"The session's name as listed, the beginning of its boot id, or \"last\" (the default)."`
}

// path of the record. Settings that are not there are no reason to look nowhere.
func (f *recordFlags) path() (string, error) {
	if f.Record != "" {
		return f.Record, nil
	}
	s, err := settings.Load(f.Config)
	if errors.Is(err, fs.ErrNotExist) && f.Config == settings.Path {
		return settings.Default().Record.Path, nil
	}
	if err != nil {
		return "", fmt.Errorf("%w; or name the record with --record", err)
	}
	return s.Record.Path, nil
}

// open opens the record for reading, or for deleting.
func (f *recordFlags) open(o record.Options) (*record.Store, error) {
	path, err := f.path()
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("record: %s is not a file; name the record itself, such as RUN-DIR/record.sqlite", path)
	}
	store, err := record.Open(path, o)
	if err != nil {
		return nil, adviseRecord(path, err)
	}
	return store, nil
}

// adviseRecord adds to a failure to open the record what to do about it.
func adviseRecord(path string, err error) error {
	var busy *sqlite.Error
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w; the gateway begins one when it first runs, name another one with --record (simulated: --record RUN-DIR/record.sqlite)", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; use sudo, or be a member of the group that the file belongs to", err)
	case errors.As(err, &busy) && (busy.Code()&0xff == sqlite3.SQLITE_CANTOPEN || busy.Code()&0xff == sqlite3.SQLITE_READONLY):
		// SQLite shares memory with the gateway in a file beside the record.
		return fmt.Errorf("%w; this user may not write to the folder %s: use sudo, or start the gateway", err, filepath.Dir(path))
	}
	return err
}

// find opens the record and finds the session; the error of a damaged one is kept
// for the end, behind what can be read of it.
func (f *sessionFlags) find(o record.Options) (store *record.Store, x record.Session, damage, err error) {
	if store, err = f.open(o); err != nil {
		return nil, x, nil, err
	}
	x, err = store.Find(f.Session)
	if errors.Is(err, record.ErrDamaged) && x.Treatment != 0 {
		damage, err = err, nil
	}
	if err != nil {
		err = errors.Join(adviseSession(f.Session, err), store.Close())
	}
	return store, x, damage, err
}

func adviseSession(name string, err error) error {
	if errors.Is(err, record.ErrNotFound) && name == record.Last {
		return fmt.Errorf("%w: there is no session yet", err)
	}
	if errors.Is(err, record.ErrNotFound) {
		return fmt.Errorf("%w; \"appliance sessions list --limit 0\" has all names", err)
	}
	return err
}

// whole writes a file that is there whole or not at all: first under another name
// in the same folder. Damage in the record is told afterwards and leaves what could
// be read.
func whole(ctx context.Context, path string, write func(f *os.File) error) (err error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file that can be replaced, allowed: a new or an ordinary file", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".appliance-*")
	if err != nil {
		var why *fs.PathError
		if errors.As(err, &why) {
			err = why.Err // not the name of a file that nobody asked for
		}
		return fmt.Errorf("cannot write to the folder %s: %w", filepath.Dir(path), err)
	}
	defer func() {
		if err != nil && !errors.Is(err, record.ErrDamaged) {
			_ = os.Remove(f.Name()) // what went wrong is told
		}
	}()
	damage := write(f)
	if damage != nil && !errors.Is(damage, record.ErrDamaged) {
		return errors.Join(damage, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close(), ctx.Err()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	if damage != nil {
		return fmt.Errorf("%s has all that could be read: %w", path, damage)
	}
	return nil
}

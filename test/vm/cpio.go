package vm

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"syscall"
)

// The file types of a cpio archive, the same as those of a Unix inode.
const (
	typeDir    = 0o040000
	typeFile   = 0o100000
	typeLink   = 0o120000
	typeDevice = 0o020000 // of characters
	typeMask   = 0o170000
)

// Archive writes an initramfs: a cpio archive in the "newc" form, which is the
// one that the kernel unpacks (Documentation/driver-api/early-userspace/
// buffer-format.rst). It is not compressed; unpacking under emulation would
// take longer than the reading saves. Folders on the way to a name are made.
// Its first error ends it and comes from Close.
type Archive struct {
	w     *bufio.Writer
	inode int
	made  map[string]bool // names so far
	err   error
}

// NewArchive begins an archive with what every guest needs: the console that
// the kernel opens for its first process.
func NewArchive(w io.Writer) *Archive {
	a := &Archive{w: bufio.NewWriterSize(w, 1<<20), made: map[string]bool{"/": true}}
	a.entry("/dev/console", typeDevice|0o600, nil, owner{}, device{5, 1})
	return a
}

type (
	owner  struct{ uid, gid uint32 }
	device struct{ major, minor uint32 }
)

// Dir makes a folder that belongs to root.
func (a *Archive) Dir(name string, perm fs.FileMode) {
	a.entry(name, typeDir|uint32(perm.Perm()), nil, owner{}, device{})
}

// File writes a file that belongs to root.
func (a *Archive) File(name string, perm fs.FileMode, data []byte) {
	a.entry(name, typeFile|uint32(perm.Perm()), data, owner{}, device{})
}

// Link makes a symbolic link.
func (a *Archive) Link(name, target string) {
	a.entry(name, typeLink|0o777, []byte(target), owner{}, device{})
}

// Copy writes a file of this machine.
func (a *Archive) Copy(name string, perm fs.FileMode, from string) {
	data, err := os.ReadFile(from)
	a.keep(err)
	a.File(name, perm, data)
}

// Tree writes folders, files and symbolic links below a folder of this machine
// with their owners and modes, set-user-ID and the like included; other things
// are left out, and so are the ones named, relative to from, with what is below
// them.
func (a *Archive) Tree(name, from string, without ...string) {
	a.keep(filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(from, p)
		if slices.Contains(without, rel) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		stat := info.Sys().(*syscall.Stat_t)
		var data []byte
		switch d.Type() {
		case 0:
			data, err = os.ReadFile(p)
		case fs.ModeSymlink:
			var target string
			target, err = os.Readlink(p)
			data = []byte(target)
		case fs.ModeDir:
		default:
			return nil
		}
		a.entry(path.Join("/", name, rel), uint32(stat.Mode), data, owner{stat.Uid, stat.Gid}, device{})
		return err
	}))
}

// Close writes the end of the archive and returns the first error of all.
func (a *Archive) Close() error {
	a.inode = -1 // the end has number 0
	a.header("TRAILER!!!", 0, nil, owner{}, device{})
	a.keep(a.w.Flush())
	if a.err != nil {
		return fmt.Errorf("vm: initramfs: %w", a.err)
	}
	return nil
}

func (a *Archive) keep(err error) {
	if a.err == nil {
		a.err = err
	}
}

func (a *Archive) entry(name string, mode uint32, data []byte, o owner, d device) {
	name = path.Clean("/" + name)
	if a.made[name] && mode&typeMask == typeDir {
		return // it was made on the way to something else, or is a link to one
	}
	if parent := path.Dir(name); !a.made[parent] {
		a.Dir(parent, 0o755)
	}
	a.made[name] = true
	a.header(name[1:], mode, data, o, d)
}

// header writes one entry: 13 numbers of eight hexadecimal digits after the
// magic, then the name and the data, each padded to four bytes.
func (a *Archive) header(name string, mode uint32, data []byte, o owner, d device) {
	a.inode++
	n, err := fmt.Fprintf(a.w, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\x00",
		a.inode, mode, o.uid, o.gid, 1, 0, len(data), 0, 0, d.major, d.minor, len(name)+1, 0, name)
	a.keep(err)
	a.pad(n)
	_, err = a.w.Write(data)
	a.keep(err)
	a.pad(len(data))
}

func (a *Archive) pad(n int) {
	_, err := a.w.Write(make([]byte, -n&3))
	a.keep(err)
}

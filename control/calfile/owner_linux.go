package calfile

import (
	"os"
	"syscall"
)

// hand gives f to the owner and the group of its folder. Whoever calibrates is root,
// and the control process, to which the folder belongs, has to read the file.
func hand(f *os.File, folder string) error {
	info, err := os.Stat(folder)
	if err != nil {
		return err
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 { // nobody else may give files away
		return f.Chown(int(owner.Uid), int(owner.Gid))
	}
	return nil
}

package commission

import "golang.org/x/sys/unix"

func space(folder string) (Space, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return Space{}, err
	}
	var st unix.Stat_t
	if err := unix.Stat(folder, &st); err != nil {
		return Space{}, err
	}
	block := uint64(s.Bsize)
	return Space{Device: uint64(st.Dev), Free: s.Bavail * block, Size: s.Blocks * block, Files: s.Files,
		NoFiles: s.Files > 0 && s.Ffree == 0, ReadOnly: s.Flags&unix.ST_RDONLY != 0}, nil
}

// synchronised asks the kernel, which every time service tells: chrony, ntpd and
// systemd-timesyncd alike.
func synchronised() (bool, error) {
	var t unix.Timex // no modes: nothing is set
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return false, err
	}
	return state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0, nil
}

// kernelName is name, release and version as uname has them. The version tells
// how the kernel preempts.
func kernelName() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:]) + " " + unix.ByteSliceToString(u.Version[:])
}

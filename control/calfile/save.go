package calfile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"traction/control"
	"traction/control/quantity"
)

// fileMode lets the service read and write, and its group read.
const fileMode = 0o640

// Save replaces the file at path, all or nothing: whatever happens, path holds
// the old calibration or the new one, each complete. What Load would refuse is
// not written.
func Save(path string, f File) error {
	if err := f.Validate(); err != nil {
		return fmt.Errorf("calibration: not saved: %w", err)
	}
	if err := replace(path, encode(f)); err != nil {
		return fmt.Errorf("calibration: not saved: %w", err)
	}
	return nil
}

// encode writes the file's text.
func encode(f File) []byte {
	var b bytes.Buffer
	fmt.Fprintln(&b, "# The load cell's calibration. Written by the calibration and sealed: a changed file is refused.")
	fmt.Fprintf(&b, "table = %s\n", strconv.Quote(f.Table)) // only printable characters: Go's and TOML's quoting agree
	fmt.Fprintf(&b, "date = %q\n", f.Date.UTC().Format(time.RFC3339))
	fmt.Fprintf(&b, "by = %s\n", strconv.Quote(f.By))
	encodeScale(&b, &f.Calibration)
	fmt.Fprintf(&b, "capacity = %q\n", quantity.Format(f.Calibration.Capacity))
	encodePoints(&b, "point", f.Points)
	if f.HasSecond() {
		fmt.Fprint(&b, "\n[second]\n")
		encodeScale(&b, &f.Second.Calibration)
		encodePoints(&b, "second.point", f.Second.Points)
	}
	b.WriteString(sealOf(b.Bytes()))
	return b.Bytes()
}

func encodeScale(b *bytes.Buffer, c *control.Calibration) {
	fmt.Fprintf(b, "zero_counts = %d\n", c.Zero)
	fmt.Fprintf(b, "counts_per_newton = %s\n", float(c.PerNewton))
}

func encodePoints(b *bytes.Buffer, array string, points []Point) {
	for _, p := range points {
		fmt.Fprintf(b, "\n[[%s]]\nforce = %q\ncounts = %d\n", array, quantity.Format(p.Force), p.Counts)
	}
}

// float writes the shortest decimal that reads back exactly, always with a point,
// since TOML tells whole numbers apart.
func float(x float64) string {
	s := strconv.FormatFloat(x, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// replace writes data beside path, makes sure that it is on the disk, and renames
// it over path. The name beside is always the same, so that crashes leave at most
// one unfinished file, which nobody reads.
func replace(path string, data []byte) (err error) {
	beside := path + ".new"
	if err := os.Remove(beside); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(beside))
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(fileMode) // whatever the umask is
	}
	if err == nil {
		err = hand(f, filepath.Dir(path))
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = os.Rename(beside, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes the rename itself survive a power cut.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

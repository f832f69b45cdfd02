package calfile

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/control/quantity/document"
)

// maxSize bounds the file, in bytes; one with 20 points of two cells has about
// 3 KiB.
const maxSize = 16 << 10

// seal begins the last line, which holds the CRC-32C of all bytes before it. It
// is a comment to TOML.
const seal = "# checksum crc32c "

// Load reads the calibration that was made on table with a cell of that capacity.
// Its errors are ErrNone, ErrCorrupt, ErrForeign, or those of reading, each with
// what to do. The File is empty with any of them.
func Load(path, table string, capacity physic.Force) (File, error) {
	data, err := read(path)
	if err != nil {
		return File{}, fmt.Errorf("calibration: %w", none(err))
	}
	f, err := decode(path, data)
	if err != nil {
		return File{}, fmt.Errorf("calibration: %w", err)
	}
	if err := f.belongs(table, capacity); err != nil {
		return File{}, fmt.Errorf("calibration: %s: %w", path, err)
	}
	return f, nil
}

// read takes a whole regular file of bounded size.
func read(path string) ([]byte, error) {
	// Looked at before it is opened: opening a pipe would wait for a writer.
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is no ordinary file; %s", ErrCorrupt, path, advice)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err == nil && len(data) > maxSize {
		err = fmt.Errorf("%w: %s has more than %d bytes; %s", ErrCorrupt, path, maxSize, advice)
	}
	return data, err
}

// decode reads what encode wrote, and believes nothing else.
func decode(name string, data []byte) (File, error) {
	corrupt := func(err error) (File, error) {
		return File{}, fmt.Errorf("%w: %w; %s", ErrCorrupt, err, advice)
	}
	body, err := unseal(name, data)
	if err != nil {
		return corrupt(err)
	}
	d, err := document.Parse(name, body)
	if err != nil {
		return corrupt(err)
	}
	var f File
	var date string
	d.String("table", &f.Table, nil)
	d.String("date", &date, nil)
	d.String("by", &f.By, nil)
	document.Quantity(d, "capacity", &f.Calibration.Capacity)
	d.Require("table", "date", "by", "capacity")
	f.Points = bindCell(d, "", &f.Calibration)
	if d.Has("second.zero_counts") || d.Has("second.counts_per_newton") {
		f.Second.Calibration.Capacity = f.Calibration.Capacity
		f.Second.Points = bindCell(d, "second.", &f.Second.Calibration)
	}
	if d.Has("date") && !d.Failed("date") {
		if f.Date, err = time.Parse(time.RFC3339, date); err != nil {
			d.Refuse("date", `allowed: a time such as "2026-01-31T09:30:00Z"`)
		}
	}
	d.Explain(f.Validate())
	if err := d.Err(); err != nil {
		return corrupt(err)
	}
	return f, nil
}

// bindCell binds the result of one cell, whose keys begin with prefix.
func bindCell(d *document.Document, prefix string, c *control.Calibration) (points []Point) {
	c.Zero = bindCounts(d, prefix+"zero_counts")
	d.Float(prefix+"counts_per_newton", &c.PerNewton, -math.MaxFloat64, math.MaxFloat64)
	d.Require(prefix+"zero_counts", prefix+"counts_per_newton")
	for i := range d.Len(prefix+"point", maxPoints) {
		var p Point
		at := fmt.Sprintf("%spoint[%d].", prefix, i)
		document.Quantity(d, at+"force", &p.Force)
		p.Counts = bindCounts(d, at+"counts")
		d.Require(at+"force", at+"counts")
		points = append(points, p)
	}
	return points
}

// unseal checks the last line and gives everything before it.
func unseal(name string, data []byte) ([]byte, error) {
	i := bytes.LastIndex(data, []byte(seal))
	if i < 0 || data[len(data)-1] != '\n' {
		return nil, fmt.Errorf("%s is cut off: its last line is not the checksum", name)
	}
	if body := data[:i]; string(data[i:]) == sealOf(body) {
		return body, nil
	}
	return nil, fmt.Errorf("%s was changed after it was written: its checksum does not fit", name)
}

// sealOf is the last line for a body.
func sealOf(body []byte) string {
	return fmt.Sprintf("%s%08x\n", seal, crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
}

// bindCounts binds a converter's code; the narrower ranges are Validate's.
func bindCounts(d *document.Document, key string) int32 {
	var n int
	d.Int(key, &n, math.MinInt32, math.MaxInt32)
	return int32(n)
}

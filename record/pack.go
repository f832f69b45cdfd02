package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
)

// A pack holds up to packSize consecutive entries of one treatment, column by
// column, so that what changes slowly costs next to nothing:
//
//	version   1 byte
//	count     uvarint, 1 to packLimit
//	seq       uvarint, of the first entry; the others follow without gaps
//	treatment uvarint
//	at        zigzag varints, change of the change
//	force     zigzag varints, change
//	position  zigzag varints, change
//	counts    zigzag varints, change
//	set-point, step, cycle, mode, phase, action, fresh: (zigzag varint change, uvarint run) pairs
//	checksum  CRC-32C of all before it, 4 bytes little endian
//
// Times are nanoseconds, forces nanonewtons, positions nanometres: decoding
// gives back exactly what was encoded. Mode, phase and action are stored as
// their numbers; whoever renumbers them has to begin a new version.
const (
	packVersion = 1
	// packSize is one second at 80 samples a second: it fits a database page.
	packSize = 80
	// packLimit bounds what a decoder believes.
	packLimit = 4096
)

// ErrDamaged: a stored pack of entries does not match its checksum or format.
var ErrDamaged = errors.New("stored samples are damaged")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encodePack appends the entries to b. They must be 1 to packLimit entries with
// consecutive sequence numbers and the same treatment.
func encodePack(b []byte, es []control.Entry) []byte {
	start := len(b)
	b = append(b, packVersion)
	b = binary.AppendUvarint(b, uint64(len(es)))
	b = binary.AppendUvarint(b, es[0].Seq)
	b = binary.AppendUvarint(b, uint64(es[0].Treatment))

	var last, step int64
	for i := range es {
		d := int64(es[i].At) - last
		b = binary.AppendVarint(b, d-step)
		last, step = int64(es[i].At), d
	}
	for _, c := range changing {
		last = 0
		for i := range es {
			v := c.get(&es[i])
			b = binary.AppendVarint(b, v-last)
			last = v
		}
	}
	for _, c := range standing {
		b = appendRuns(b, es, c.get)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

// appendRuns writes one column as pairs of a change and how often it repeats.
func appendRuns(b []byte, es []control.Entry, get func(*control.Entry) int64) []byte {
	var last, change int64
	run := uint64(0)
	for i := range es {
		v := get(&es[i])
		if d := v - last; run > 0 && d == change {
			run++
		} else {
			if run > 0 {
				b = binary.AppendUvarint(binary.AppendVarint(b, change), run)
			}
			change, run = d, 1
		}
		last = v
	}
	return binary.AppendUvarint(binary.AppendVarint(b, change), run)
}

// column is one field of an entry as a number; set refuses what does not fit.
type column struct {
	name string
	get  func(*control.Entry) int64
	set  func(*control.Entry, int64) bool
}

// changing are columns whose value is different in most samples.
var changing = [...]column{
	{"force", func(e *control.Entry) int64 { return int64(e.Force) },
		func(e *control.Entry, v int64) bool { e.Force = physic.Force(v); return true }},
	{"position", func(e *control.Entry) int64 { return int64(e.Position) },
		func(e *control.Entry, v int64) bool { e.Position = physic.Distance(v); return true }},
	{"counts", func(e *control.Entry) int64 { return int64(e.Counts) },
		func(e *control.Entry, v int64) bool {
			e.Counts = int32(v)
			return v >= math.MinInt32 && v <= math.MaxInt32
		}},
}

// standing are columns that mostly stay the same, or change by the same amount.
var standing = [...]column{
	{"set-point", func(e *control.Entry) int64 { return int64(e.SetPoint) },
		func(e *control.Entry, v int64) bool { e.SetPoint = physic.Force(v); return true }},
	{"step", func(e *control.Entry) int64 { return int64(e.Step) },
		func(e *control.Entry, v int64) bool { e.Step = uint16(v); return v >= 0 && v <= math.MaxUint16 }},
	{"cycle", func(e *control.Entry) int64 { return int64(e.Cycle) },
		func(e *control.Entry, v int64) bool { e.Cycle = uint16(v); return v >= 0 && v <= math.MaxUint16 }},
	{"mode", func(e *control.Entry) int64 { return int64(e.Mode) },
		func(e *control.Entry, v int64) bool { e.Mode = control.Mode(v); return v >= 0 && v <= math.MaxUint8 }},
	{"phase", func(e *control.Entry) int64 { return int64(e.Phase) },
		func(e *control.Entry, v int64) bool { e.Phase = control.Phase(v); return v >= 0 && v <= math.MaxUint8 }},
	{"action", func(e *control.Entry) int64 { return int64(e.Action) },
		func(e *control.Entry, v int64) bool {
			e.Action = control.Action(v)
			return v >= 0 && v <= math.MaxUint8
		}},
	{"fresh", func(e *control.Entry) int64 {
		if e.Fresh {
			return 1
		}
		return 0
	}, func(e *control.Entry, v int64) bool { e.Fresh = v == 1; return v == 0 || v == 1 }},
}

// decodePack gives back the entries. Whatever is not exactly what encodePack
// writes is refused with ErrDamaged.
func decodePack(data []byte) ([]control.Entry, error) {
	if len(data) < 4 {
		return nil, fmt.Errorf("%w: %d bytes are too few", ErrDamaged, len(data))
	}
	body, sum := data[:len(data)-4], binary.LittleEndian.Uint32(data[len(data)-4:])
	if got := crc32.Checksum(body, castagnoli); got != sum {
		return nil, fmt.Errorf("%w: checksum %08x instead of %08x", ErrDamaged, got, sum)
	}
	return decodeBody(body)
}

// decodeBody decodes a pack without its checksum.
func decodeBody(body []byte) ([]control.Entry, error) {
	r := reader{b: body}
	if v := r.byte(); v != packVersion {
		return nil, fmt.Errorf("%w: version %d is unknown", ErrDamaged, v)
	}
	count, seq, treatment := r.uvarint(), r.uvarint(), r.uvarint()
	// Each entry takes at least one byte in each changing column, so a short
	// pack cannot make the decoder allocate a long one.
	if r.bad || count < 1 || count > packLimit || count > uint64(len(body)) ||
		seq < 1 || seq > math.MaxInt64-packLimit || treatment > math.MaxUint32 {
		return nil, fmt.Errorf("%w: header is out of range", ErrDamaged)
	}
	es := make([]control.Entry, count)
	var last, step int64
	for i := range es {
		es[i].Seq, es[i].Treatment = seq+uint64(i), uint32(treatment)
		step += r.varint()
		last += step
		es[i].At = time.Duration(last)
	}
	for _, c := range changing {
		last = 0
		for i := range es {
			last += r.varint()
			if !c.set(&es[i], last) {
				return nil, fmt.Errorf("%w: %s %d is out of range", ErrDamaged, c.name, last)
			}
		}
	}
	for _, c := range standing {
		if err := r.runs(es, c); err != nil {
			return nil, err
		}
	}
	if r.bad || len(r.b) != 0 {
		return nil, fmt.Errorf("%w: its length is wrong", ErrDamaged)
	}
	return es, nil
}

// reader takes numbers off a slice; after the first failure it gives zeros.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

// runs is the inverse of appendRuns.
func (r *reader) runs(es []control.Entry, c column) error {
	var last int64
	for i := 0; i < len(es); {
		change, run := r.varint(), r.uvarint()
		if r.bad || run < 1 || run > uint64(len(es)-i) {
			return fmt.Errorf("%w: %s has a wrong run", ErrDamaged, c.name)
		}
		for ; run > 0; run-- {
			last += change
			if !c.set(&es[i], last) {
				return fmt.Errorf("%w: %s %d is out of range", ErrDamaged, c.name, last)
			}
			i++
		}
	}
	return nil
}

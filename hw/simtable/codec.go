package simtable

import (
	"encoding/binary"
	"math"
	"time"
)

// codec writes values into a buffer or reads them from it, so that one list of fields serves both ways. It allocates
// nothing and is the same on every machine. The buffer is long enough by construction (see slotSize).
type codec struct {
	buf     []byte
	at      int
	reading bool
}

func (c *codec) word(v *uint32) {
	b := c.buf[c.at : c.at+4]
	c.at += 4
	if c.reading {
		*v = binary.LittleEndian.Uint32(b)
		return
	}
	binary.LittleEndian.PutUint32(b, *v)
}

func (c *codec) bits(v *uint64) {
	b := c.buf[c.at : c.at+8]
	c.at += 8
	if c.reading {
		*v = binary.LittleEndian.Uint64(b)
		return
	}
	binary.LittleEndian.PutUint64(b, *v)
}

func (c *codec) long(v *int64) {
	u := uint64(*v)
	c.bits(&u)
	*v = int64(u)
}

func (c *codec) time(v *time.Duration) {
	n := int64(*v)
	c.long(&n)
	*v = time.Duration(n)
}

func (c *codec) count(v *int) {
	n := int64(*v)
	c.long(&n)
	*v = int(n)
}

func (c *codec) flag(v *bool) {
	u := uint32(0)
	if *v {
		u = 1
	}
	c.word(&u)
	*v = u != 0
}

func (c *codec) floats(list ...*float64) {
	for _, v := range list {
		u := math.Float64bits(*v)
		c.bits(&u)
		*v = math.Float64frombits(u)
	}
}

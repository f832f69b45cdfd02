package mqtt

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control/link"
)

// sized is a packet of this type and flags with so many bytes of contents, which
// begin with head.
func sized(kind byte, n int, head string) string {
	length := ""
	for l := n; ; {
		b := byte(l & 0x7f)
		if l >>= 7; l == 0 {
			return string([]byte{kind}) + length + string([]byte{b}) + head + strings.Repeat("x", n-len(head))
		}
		length += string([]byte{b | 0x80})
	}
}

// spool is a connection that plays a stream back and keeps what is written.
type spool struct {
	net.Conn
	io.Reader
	written bytes.Buffer
}

func (s *spool) Read(p []byte) (int, error)  { return s.Reader.Read(p) }
func (s *spool) Write(p []byte) (int, error) { return s.written.Write(p) }

// reading is what came of a stream.
type reading struct {
	out, acks string
	passed    []string
	err       error
}

func read(r io.Reader) (got reading) {
	s := &spool{Reader: r}
	f := newFramed(s, func(topic string, retained bool) { got.passed = append(got.passed, fmt.Sprint(topic, " ", retained)) })
	out, err := io.ReadAll(f)
	got.out, got.acks, got.err = string(out), s.written.String(), err
	return got
}

func TestFramed(t *testing.T) {
	const (
		ping    = "\xd0\x00"
		head    = "\x00\x03a/b"
		largest = maxInbound
	)
	fits := sized(0x30, 5, head)
	for _, c := range []struct {
		name, stream string
		want         reading
	}{
		{"nothing", "", reading{}},
		{"no contents", ping + ping, reading{out: ping + ping}},
		{"as large as allowed, twice", sized(0x30, largest, head) + sized(0x30, largest, head), reading{out: sized(0x30, largest, head) + sized(0x30, largest, head)}},
		{"one larger", ping + sized(0x30, largest+1, head) + fits, reading{out: ping + fits, passed: []string{"a/b false"}}},
		{"retained, at QoS 1", sized(0x33, 300_000, head+"\x12\x34") + fits,
			reading{out: fits, passed: []string{"a/b true"}, acks: "\x40\x02\x12\x34"}},
		{"three in a row", strings.Repeat(sized(0x32, largest+9, head+"\x00\x07"), 3) + ping,
			reading{out: ping, passed: []string{"a/b false", "a/b false", "a/b false"}, acks: strings.Repeat("\x40\x02\x00\x07", 3)}},
		{"cut off", ping + sized(0x30, largest+9, head)[:largest], reading{out: ping}},
		{"a topic longer than the packet", ping + sized(0x32, largest+1, "\xff\xff") + ping, reading{out: ping, err: errMalformed}},
		{"as large, and no message", ping + sized(0x90, largest+1, ""), reading{out: ping, err: errMalformed}},
		{"the largest that MQTT knows", ping + "\x30\xff\xff\xff\x7f" + head, reading{out: ping}},
		{"a length without end", ping + "\x30\x80\x80\x80\x80\x80\x80", reading{out: ping, err: errMalformed}},
		{"an overlong zero", "\x30\x80\x80\x80\x00" + ping, reading{out: "\x30\x80\x80\x80\x00" + ping}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, r := range map[string]io.Reader{
				"at once": strings.NewReader(c.stream), "byte by byte": iotest.OneByteReader(strings.NewReader(c.stream)), "in halves": iotest.HalfReader(strings.NewReader(c.stream)),
			} {
				got := read(r)
				assert.ErrorIs(t, got.err, c.want.err, name)
				assert.Equal(t, c.want.acks, got.acks, name)
				assert.Equal(t, c.want.passed, got.passed, name)
				assert.True(t, c.want.out == got.out, "%s: %d bytes instead of %d", name, len(got.out), len(c.want.out))
			}
		})
	}
}

// However a stream is cut into reads, the same comes of it, and what is handed
// out is packets of it that are not too large, in their order.
func FuzzFramed(f *testing.F) {
	f.Add([]byte("\x30\x05hello\xd0\x00"))
	f.Add([]byte("\x30\xff\xff\xff\x7f"))
	f.Add([]byte(sized(0x32, maxInbound+5, "\x00\x01t\x00\x01") + "\xd0\x00"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		whole, parts := read(bytes.NewReader(stream)), read(iotest.OneByteReader(bytes.NewReader(stream)))
		require.Equal(t, whole.err, parts.err)
		require.Equal(t, whole.passed, parts.passed)
		require.Equal(t, whole.acks, parts.acks)
		require.True(t, whole.out == parts.out)
		require.LessOrEqual(t, len(whole.out), len(stream))
		if len(whole.passed) == 0 && whole.err == nil && len(whole.out) > 0 {
			require.True(t, bytes.HasPrefix(stream, []byte(whole.out)))
		}
	})
}

// TestTooLargeCostsNobodyTheStop: messages of a megabyte, at QoS 1 and more of
// them than a broker sends without an acknowledgement, and stops in between.
func TestTooLargeCostsNobodyTheStop(t *testing.T) {
	b := startMosquitto(t, "allow_anonymous true\n")
	o := observe(t, b)
	g := run(t, newTable(), tcp(b.addr()))
	o.available(Online)
	large := strings.Repeat("x", 1<<20)
	for i := range 30 {
		o.publish("request/evil", i%2 == 0, large)
		if i%5 == 0 {
			id := fmt.Sprintf("s%d", i)
			o.publish("request", false, fmt.Sprintf(`{"id":%q,"command":"stop"}`, id))
			assert.Equal(t, link.StatusOK, o.response(id, 1).Status)
		}
	}
	o.publish("request", false, `{"id":"last","command":"stop"}`)
	assert.Equal(t, link.StatusOK, o.response("last", 1).Status)
	assert.Zero(t, g.logs.count("not connected"))
	assert.Equal(t, uint64(1), g.connects.Load())
	eventually(t, "told", func() bool {
		for _, s := range o.on("event") {
			if decode[Event](t, s.payload).EventType == string(OversizeRequest) {
				return true
			}
		}
		return false
	})
	// What was published last with retain stays at the broker until the next
	// connection shows that it does.
	g.stop()
	run(t, newTable(), tcp(b.addr()))
	o.available(Online)
	eventually(t, "cleared", func() bool { return o.last("request/evil") == "" })
}

package link

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"traction/control"
)

// Signature shows that a request comes from somebody who knows the table's key:
//
//	{"signed":"{\"id\":\"7f\",\"rev\":42,\"command\":\"start\"}","hmac":"9c1d..."}
//
// The signed text is the request itself, as a string, so that there is nothing to
// argue about spaces and the order of fields: HMAC-SHA256 (RFC 2104) is taken over
// exactly these bytes. The id and rev in it make a copy of it useless: see R-REV.
type Signature struct {
	signed string
	mac    [sha256.Size]byte
}

// LeastKey is the least length of a key in bytes: as long as the hash (RFC 2104,
// section 3).
const LeastKey = sha256.Size

// Sign returns r with a signature made with key.
func Sign(r Request, key []byte) Request {
	r.Signature = nil
	signed := r.append(nil)
	r.Signature = &Signature{signed: string(signed), mac: authenticate(key, string(signed))}
	return r
}

// by tells whether the signature was made with key; nil is none, and no key fits.
func (s *Signature) by(key []byte) bool {
	if s == nil || len(key) < LeastKey {
		return false
	}
	want := authenticate(key, s.signed)
	return hmac.Equal(want[:], s.mac[:])
}

func authenticate(key []byte, signed string) (mac [sha256.Size]byte) {
	h := hmac.New(sha256.New, key)
	_, _ = h.Write([]byte(signed)) // never fails
	copy(mac[:], h.Sum(nil))
	return mac
}

func (s *Signature) append(b []byte) []byte {
	b = append(b, `{"signed":`...)
	b = appendString(b, s.signed)
	b = append(b, `,"hmac":"`...)
	b = hex.AppendEncode(b, s.mac[:])
	return append(b, '"', '}')
}

func isSigned(fields []member) bool {
	return slices.ContainsFunc(fields, func(m member) bool { return m.name == "signed" })
}

// decodeSigned is DecodeRequest for a request that comes signed.
func decodeSigned(raw []byte, fields []member) (Request, error) {
	s := new(Signature)
	var bad problems
	for _, m := range fields {
		switch m.name {
		case "signed":
			if json.Unmarshal(m.value, &s.signed) != nil {
				bad.malformed("signed", "%s is not allowed: the request's JSON as a string", excerptJSON(m.value))
			}
		case "hmac":
			if !s.readMAC(m.value) {
				bad.malformed("hmac", "%s is not allowed: 64 hexadecimal digits", excerptJSON(m.value))
			}
		default:
			bad.malformed(excerpt(m.name), "is not allowed beside signed and hmac")
		}
	}
	if len(fields) < 2 {
		bad.malformed("hmac", "is missing, allowed: 64 hexadecimal digits")
	}
	if inside, err := members([]byte(s.signed)); err == nil && isSigned(inside) {
		bad.malformed("signed", "holds another signed request, allowed: the request itself")
	}
	if bad.none() {
		r, err := DecodeRequest([]byte(s.signed))
		if err == nil {
			r.Signature = s
		}
		return r, err
	}
	if asksStop([]byte(s.signed)) || asksStop(raw) {
		return Request{Command: control.CommandStop}, &bad
	}
	return Request{}, &bad
}

func (s *Signature) readMAC(raw []byte) bool {
	var text string
	if json.Unmarshal(raw, &text) != nil || len(text) != 2*len(s.mac) {
		return false
	}
	_, err := hex.Decode(s.mac[:], []byte(text))
	return err == nil
}

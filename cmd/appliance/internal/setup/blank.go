package setup

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
)

// secretKeys are the keys whose values do not stay on the boot partition.
var secretKeys = []string{"mqtt.password", "wifi.network.passphrase"}

// sector is what a disk writes as a whole, or not at all.
const sector = 512

// part is a password, or as much of it as stands in one sector: the bytes from Begin
// to before End of the file. Was is a hash of them, with a salt, so that after a power
// cut a password that is still there is told from another one, of the same length,
// that somebody has written in its place.
type part struct {
	Begin, End int
	Was        string
}

// blanking is the setup file without its passwords. Each is written over where it
// stands, by "" and spaces: no byte moves and no sector is added, so a full or worn
// partition cannot get in the way, and the old sectors do not live on as free space.
type blanking struct {
	Text, Salt []byte
	Parts      []part
}

// blanked finds the passwords of a setup file; nil if there are none.
func blanked(text []byte) (*blanking, error) {
	plain := withoutBOM(text)
	before, err := tree(plain)
	if err != nil {
		return nil, err
	}
	b := &blanking{Text: bytes.Clone(text), Salt: make([]byte, 16)}
	if _, err := rand.Read(b.Salt); err != nil {
		return nil, err
	}
	for k := range pairs(plain) {
		if k.header || !slices.Contains(secretKeys, k.path) || len(bytes.Trim(plain[k.begin:k.end], `"'`)) == 0 {
			continue
		}
		copy(b.Text[k.begin:k.end], `""`+string(bytes.Repeat([]byte(" "), k.end-k.begin-2)))
		for from, to := k.begin, 0; from < k.end; from = to {
			to = min(k.end, (from/sector+1)*sector)
			b.Parts = append(b.Parts, part{from, to, b.hash(text[from:to])})
		}
	}
	after, err := tree(withoutBOM(b.Text))
	if forget(before, ""); err != nil || !reflect.DeepEqual(before, after) {
		return nil, errors.New("the passwords cannot be blanked out as they are written; write each as key = \"value\" on a line of its own")
	}
	if len(b.Parts) == 0 {
		return nil, nil
	}
	return b, nil
}

// forget empties the passwords of a tree.
func forget(v any, path string) {
	switch v := v.(type) {
	case []any:
		for _, inner := range v {
			forget(inner, path)
		}
	case map[string]any:
		for key, inner := range v {
			at := key
			if path != "" {
				at = path + "." + key
			}
			if slices.Contains(secretKeys, at) {
				v[key] = ""
			} else {
				forget(inner, at)
			}
		}
	}
}

// blank takes the passwords out of the setup file. They are where they belong by
// now, and the memory holds what the file shall be, so that a power cut in the middle
// is made good at the next start.
func (s *Setup) blank(p *plan, m *memory) error {
	m.Settings, m.Blanking = p.settingsHash(m), p.blanking
	if p.in.setup != nil {
		m.Setup = hash(p.in.setup)
	}
	if m.Blanking != nil {
		m.Setup = hash(m.Blanking.Text)
	}
	if err := s.keep(m); err != nil {
		return fmt.Errorf("setup: applied, but that cannot be noted; it is done again at the next start: %w", err)
	}
	if err := s.finishBlanking(m); err != nil {
		return fmt.Errorf("setup: applied, but passwords are still in %s: %w", Name, err)
	}
	return nil
}

// finishBlanking writes over the passwords that are still there.
func (s *Setup) finishBlanking(m *memory) (err error) {
	if m.Blanking == nil {
		return nil
	}
	path := filepath.Join(s.Folder, Name)
	now, err := readBounded(path)
	if err != nil {
		return err
	}
	if m.Blanking.follows(now) {
		if err := overwrite(path, m.Blanking); err != nil {
			return err
		}
	} // else somebody has changed the file since: it is new, with whatever it holds
	m.Blanking = nil
	return s.keep(m)
}

func (b *blanking) hash(data []byte) string { return hash(append(bytes.Clone(b.Salt), data...)) }

// follows tells whether the text is the one to be blanked, or half blanked already.
func (b *blanking) follows(text []byte) bool {
	if len(text) != len(b.Text) {
		return false
	}
	same := bytes.Clone(text)
	for _, at := range b.Parts {
		if at.Begin < 0 || at.End < at.Begin || at.End > len(text) {
			return false
		}
		blank := b.Text[at.Begin:at.End]
		if is := text[at.Begin:at.End]; !bytes.Equal(is, blank) && b.hash(is) != at.Was {
			return false
		}
		copy(same[at.Begin:at.End], blank)
	}
	return bytes.Equal(same, b.Text)
}

// overwrite changes the places in the file as it is, and waits until that is on the disk.
func overwrite(path string, b *blanking) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	for _, at := range b.Parts {
		if _, err := f.WriteAt(b.Text[at.Begin:at.End], int64(at.Begin)); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return errors.Join(f.Sync(), f.Close())
}

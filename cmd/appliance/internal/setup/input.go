package setup

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"traction/control/quantity/document"
)

// mostInput bounds a file on the boot partition, in bytes, as package document does.
const mostInput = 64 << 10

// endMark is the last line of a setup file: without it, the rest may be missing.
const endMark = "[end]"

// input is what the boot partition holds; nil where there is no file.
type input struct {
	setup, settings []byte
}

// read fetches both files.
func (s *Setup) read() (in input, err error) {
	setup, err1 := readBounded(filepath.Join(s.Folder, Name))
	settings, err2 := readBounded(filepath.Join(s.Folder, SettingsName))
	if setup == nil && err1 == nil {
		// Windows hides the end of a name, and adds one of its own.
		if _, err := os.Stat(filepath.Join(s.Folder, Name+".txt")); err == nil {
			err1 = fmt.Errorf("%s.txt: rename it to %s (on Windows let Explorer show \"file name extensions\")", Name, Name)
		}
	}
	return input{setup, settings}, errors.Join(err1, err2)
}

// readBounded reads a file of this partition; one that does not exist is nil.
func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: is no ordinary file", filepath.Base(path))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, mostInput+1))
	if err == nil && len(data) > mostInput {
		err = fmt.Errorf("%s: is too large, allowed: %d bytes", filepath.Base(path), mostInput)
	}
	return data, err
}

// bom is what some editors put in front of a text.
var bom = []byte("\xef\xbb\xbf")

// parse reads the setup file's text.
func parse(data []byte) (*document.Document, error) {
	refuse := func(message string) (*document.Document, error) {
		return nil, &document.Problem{File: Name, Message: message}
	}
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return refuse("is empty")
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return refuse("is saved as UTF-16 (\"Unicode\"), allowed: UTF-8")
	case bytes.IndexByte(data, 0) >= 0:
		return refuse("is damaged: it holds zero bytes; write it again, and let the PC eject the card before you pull it out")
	case !utf8.Valid(data):
		return refuse("is not saved as UTF-8")
	}
	d, err := document.Parse(Name, withoutBOM(data))
	if err != nil {
		return nil, err
	}
	if lines := strings.Split(strings.TrimSpace(string(data)), "\n"); strings.TrimSpace(lines[len(lines)-1]) != endMark {
		return refuse("its last line is not " + endMark + ": it may have been cut off")
	}
	return d, nil
}

// withoutBOM puts spaces in its place, so that every other byte stays where it is.
func withoutBOM(data []byte) []byte {
	if !bytes.HasPrefix(data, bom) {
		return data
	}
	return append([]byte("   "), data[len(bom):]...)
}

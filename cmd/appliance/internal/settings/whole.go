package settings

import (
	"os"

	"traction/control/quantity/document"
)

// whole refuses a file that ends in the middle of a line: a number may have lost its
// last digit. One that ends after a line lacks a key of the machine, or no more than
// makes the table more careful; an empty one lacks keys, and is told so.
func whole(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, info.Size()-1); err != nil {
		return err
	}
	if last[0] != '\n' {
		return &document.Problem{File: path, Message: "ends in the middle of a line, so it may have been cut off; compare it with the file that came with the program, and end its last line with Enter"}
	}
	return nil
}

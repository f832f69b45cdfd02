package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/alecthomas/kong"

	"traction/cmd/appliance/internal/setup"
)

// setupCommand configures an image's computer from a file on its boot partition.
type setupCommand struct {
	Boot string `help:"Folder of traction-setup.toml: the boot partition." default:"/boot" type:"path"`
	Root string `help:"The computer's root." default:"/" type:"path"`
}

// errSetup: the report says what and what to do.
var errSetup = errors.New("setup: nothing was changed, see above")

// Run needs no table. It is not ended by a signal: what it has begun takes a moment,
// and it does it again at the next start.
func (c *setupCommand) Run(*kong.Context) error { return c.run(os.Stdout) }

func (c *setupCommand) run(out io.Writer) error {
	s := &setup.Setup{Folder: c.Boot, Root: c.Root, Out: out, Now: time.Now}
	if filepath.Clean(c.Root) == "/" {
		s.SetHostname = setHostname
	}
	err := s.Run()
	if errors.Is(err, setup.ErrRefused) {
		return errSetup
	}
	return err
}

// Package plan is what the first process of a guest is told to do.
package plan

import (
	"time"

	"traction/test/vm/gpiosim"
)

// Where the first process finds things in its initramfs, and where it reports.
const (
	File    = "/plan.json"
	Modules = "/lib/modules"  // files of Plan.Modules
	Report  = "/dev/ttyS1"    // the second serial port
	Begin   = "vm: begin "    // + a step's name: what it prints follows
	End     = "vm: end "      // + a step's name and exit status, or why it has none
	Broken  = "vm: broken: "  // + why the guest cannot go on
	Done    = "vm: all done." // the last line
)

// Plan is carried out from the top to the bottom; afterwards the guest is
// powered off. A step that fails does not keep the next from being taken.
type Plan struct {
	Modules []string // files, in the order of loading
	Steps   []Step
}

// Step takes chips away, makes chips, and then runs a program to its end.
type Step struct {
	Name  string
	Gone  []string       // chips of earlier steps, by name
	Chips []gpiosim.Chip // left there
	Args  []string       // the program and its arguments
	Env   []string       // beside PATH and HOME
	User  uint32         // and group; 0 is root
	Limit time.Duration  // after which the program is killed
}

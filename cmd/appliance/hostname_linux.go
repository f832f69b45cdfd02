package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// setHostname gives the running kernel its name.
func setHostname(name string) error {
	if err := unix.Sethostname([]byte(name)); err != nil {
		return fmt.Errorf("setup: the name in the network counts from the next start on: %w", err)
	}
	return nil
}

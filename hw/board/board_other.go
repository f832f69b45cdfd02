//go:build !linux

package board

import (
	"errors"
	"runtime"
)

func (b *Board) open(Config) error {
	return errors.New("hw/board: real pins need Linux, this is " + runtime.GOOS + "; use the simulated table")
}

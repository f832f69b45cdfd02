//go:build !linux

package commission

import (
	"errors"
	"runtime"
)

func space(string) (Space, error) { return Space{}, errors.ErrUnsupported }

func synchronised() (bool, error) { return false, errors.ErrUnsupported }

func kernelName() string { return runtime.GOOS }

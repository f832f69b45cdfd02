//go:build !linux

package commission

import (
	"errors"
	"runtime"
)

func free(string) (uint64, error) { return 0, errors.ErrUnsupported }

func kernelName() string { return runtime.GOOS }

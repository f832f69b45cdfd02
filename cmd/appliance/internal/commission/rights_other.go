//go:build !linux

package commission

import "errors"

// Rights exist on Linux only.
func Rights(RightsWanted) (RightsGranted, error) { return RightsGranted{}, errors.ErrUnsupported }

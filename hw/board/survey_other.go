//go:build !linux

package board

// Survey knows no lines here.
func Survey(Lines) []Place { return nil }

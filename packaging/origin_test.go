package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestVersionOfACommit(t *testing.T) {
	s := source{commit: "0123abcdef", time: time.Date(2026, 11, 21, 9, 8, 7, 0, time.UTC)}
	for _, c := range []struct {
		tag     string
		changed bool
		want    string
	}{
		{"", false, "0.0.0+20261121090807.g0123abc"},
		{"", true, "0.0.0+20261121090807.g0123abc.changed"},
		{"v1.2.3-0-g0123abc", false, "1.2.3"},
		{"v1.2.3-0-g0123abc", true, "1.2.3.changed"},
		{"v1.2.3-14-g0123abc", false, "1.2.3+14.g0123abc"},
		{"v1.2.0-rc1-0-g0123abc", false, "1.2.0~rc1"},
	} {
		got := versionOf(c.tag, s, c.changed)
		assert.Equal(t, c.want, got, c.tag)
		assert.Regexp(t, debianVersion, got)
	}
}

func TestOriginWithoutGit(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(dir))
	t.Setenv(epochVariable, "")
	_, err := origin(dir, "1.0.0")
	assert.ErrorContains(t, err, "no git checkout")
	t.Setenv(epochVariable, "86400")
	s, err := origin(dir, "1.0.0")
	require.NoError(t, err)
	assert.Equal(t, source{version: "1.0.0", time: time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC)}, s)
	for _, bad := range []string{"", "v1.0.0", "1.0-1", "1:2", "1 2"} {
		_, err = origin(dir, bad)
		assert.ErrorContains(t, err, "is no version of a package", bad)
	}
}

// A module whose terms are not found must stop the packages.
func TestTerms(t *testing.T) {
	dir := t.TempDir()
	_, err := terms(dir)
	assert.ErrorContains(t, err, "no licence in")
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	write("LICENSE", "one\n")
	write("licenses/ftl.txt", "two\n")
	write("licence.go", "package no\n")
	write("main.go", "package no\n")
	text, err := terms(dir)
	require.NoError(t, err)
	assert.Equal(t, "\n--- LICENSE\n\none\n\n--- licenses/ftl.txt\n\ntwo\n", text)
}

func TestArchitecturesAreChosen(t *testing.T) {
	got, err := choose("armhf,amd64")
	require.NoError(t, err)
	assert.Len(t, got, 2)
	_, err = choose("armhf,riscv64")
	assert.ErrorContains(t, err, `"riscv64" is unknown, allowed: amd64, arm64, armhf`)
}

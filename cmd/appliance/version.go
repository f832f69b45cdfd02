package main

import (
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"
)

// unnamed is the version of a build that names none; see main.go.
const unnamed = "development"

func init() {
	if info, found := debug.ReadBuildInfo(); found {
		version = named(version, info)
	}
}

// named is the version that the build was given, or else the one that the Go tool
// took from the tag or the commit.
func named(given string, info *debug.BuildInfo) string {
	if from := info.Main.Version; given == unnamed && from != "" && from != "(devel)" {
		return strings.TrimPrefix(from, "v")
	}
	return given
}

// versionCommand tells what this program is made of.
type versionCommand struct {
	JSON bool   `help:"Print version, commit and modules as JSON." name:"json" xor:"form"`
	SBOM bool   `help:"Print a CycloneDX 1.6 bill of materials, as JSON." name:"sbom" xor:"form"`
	Of   string `help:"Tell it of this program file, built together with this program for another machine." type:"existingfile"`
}

// Run needs no table and no settings.
func (c *versionCommand) Run(*kong.Context) error {
	info, found := debug.ReadBuildInfo()
	if c.Of != "" {
		var err error
		if info, err = buildinfo.ReadFile(c.Of); err != nil {
			return fmt.Errorf("version: %s is no program of Go: %w", c.Of, err)
		}
	} else if !found {
		return fmt.Errorf("version: this program was built without module support; its version is %s, no more is known", version)
	}
	return c.print(os.Stdout, about(info, version), info)
}

func (c *versionCommand) print(w io.Writer, b build, info *debug.BuildInfo) error {
	switch {
	case c.SBOM:
		return writeSBOM(w, b, info)
	case c.JSON:
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(b)
	}
	return b.writeText(w)
}

// build is what a program knows about itself.
type build struct {
	Version string `json:"version"`
	// Commit of the sources, its time, and whether the sources differed from it;
	// empty where the build did not note them (-buildvcs=false, go run).
	Commit   string   `json:"commit"`
	Time     string   `json:"commit_time"`
	Modified bool     `json:"modified"`
	Go       string   `json:"go"`
	OS       string   `json:"os"`
	Arch     string   `json:"arch"`
	Modules  []module `json:"modules"`
}

// module is one of the other people's modules in the program.
type module struct {
	Path    string `json:"path"`
	Version string `json:"version"`
	// Sum is the module's checksum as in go.sum: "h1:" and a SHA-256 over the sums of its files.
	Sum string `json:"sum"`
}

// about reads the notes that the Go tool left in the program.
func about(info *debug.BuildInfo, version string) build {
	b := build{Version: version, Commit: commit, Time: commitTime, Go: strings.TrimPrefix(info.GoVersion, "go"), Modules: []module{}}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		case "GOOS":
			b.OS = s.Value
		case "GOARCH":
			b.Arch = s.Value
		}
	}
	for _, d := range info.Deps {
		if d.Replace != nil { // what was built in, whatever was asked for
			d = d.Replace
		}
		b.Modules = append(b.Modules, module{d.Path, d.Version, d.Sum})
	}
	return b
}

func (b *build) writeText(w io.Writer) error {
	commit := b.Commit
	switch {
	case commit == "":
		commit = "not noted in this build"
	case b.Modified:
		commit += " of " + b.Time + ", with changes that are not committed"
	default:
		commit += " of " + b.Time
	}
	_, err := fmt.Fprintf(w, "appliance %s\ncommit  %s\nbuilt   with Go %s for %s/%s\nmodules %d of other people; --sbom lists them\n",
		b.Version, commit, b.Go, b.OS, b.Arch, len(b.Modules))
	return err
}

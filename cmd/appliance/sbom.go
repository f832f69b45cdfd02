package main

import (
	"encoding/base64"
	"encoding/hex"
	"io"
	"runtime/debug"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// writeSBOM writes the bill of materials of this very program: every module that
// the Go tool says is in it, and Go's own library. The same program writes the
// same bytes each time.
func writeSBOM(w io.Writer, b build, info *debug.BuildInfo) error {
	e := cdx.NewBOMEncoder(w, cdx.BOMFileFormatJSON)
	e.SetPretty(true)
	e.SetEscapeHTML(false)
	return e.EncodeVersion(bom(b, info), cdx.SpecVersion1_6)
}

func bom(b build, info *debug.BuildInfo) *cdx.BOM {
	main := cdx.Component{Type: cdx.ComponentTypeApplication, Name: "appliance", Version: b.Version,
		BOMRef: "appliance", Description: "Controller of a therapy table; not a certified medical device."}
	main.Properties = built(b, info)
	components := []cdx.Component{{
		Type: cdx.ComponentTypeLibrary, Name: "std", Version: b.Go, BOMRef: packageURL("std", b.Go), PackageURL: packageURL("std", b.Go),
		Description: "The Go standard library.", Licenses: licence("BSD-3-Clause"),
	}}
	for _, m := range b.Modules {
		components = append(components, component(m))
	}
	refs := make([]string, len(components))
	for i, c := range components {
		refs[i] = c.BOMRef
	}
	out := cdx.NewBOM()
	out.Metadata = &cdx.Metadata{Timestamp: b.Time, Component: &main}
	out.Components = &components
	// The program knows which modules are in it, not which of them wants which.
	out.Dependencies = &[]cdx.Dependency{{Ref: main.BOMRef, Dependencies: &refs}}
	out.Compositions = &[]cdx.Composition{
		{Aggregate: cdx.CompositionAggregateComplete, Assemblies: &[]cdx.BOMReference{cdx.BOMReference(main.BOMRef)}},
		{Aggregate: cdx.CompositionAggregateIncomplete, Dependencies: &[]cdx.BOMReference{cdx.BOMReference(main.BOMRef)}},
	}
	return out
}

// built keeps what decides about the code that is in the program; paths and flags
// of the machine that built it are nobody's business.
func built(b build, info *debug.BuildInfo) *[]cdx.Property {
	out := []cdx.Property{{Name: "go:version", Value: b.Go}}
	for _, s := range info.Settings {
		switch s.Key {
		case "GOOS", "GOARCH", "GOARM", "GOARM64", "GOAMD64", "CGO_ENABLED", "-tags", "-race", "vcs.revision", "vcs.time", "vcs.modified":
			out = append(out, cdx.Property{Name: "go:" + strings.TrimPrefix(s.Key, "-"), Value: s.Value})
		}
	}
	return &out
}

func component(m module) cdx.Component {
	url := packageURL(m.Path, m.Version)
	c := cdx.Component{Type: cdx.ComponentTypeLibrary, Name: m.Path, Version: m.Version, BOMRef: url, PackageURL: url}
	if raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:")); err == nil && strings.HasPrefix(m.Sum, "h1:") {
		// A SHA-256 over the list of the module's files and their sums
		// (golang.org/x/mod/sumdb/dirhash), which is what go.sum holds as well.
		c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(raw)}}
	}
	if id := licences[m.Path]; id != "" {
		c.Licenses = licence(id)
	}
	return c
}

// packageURL names a module for vulnerability databases (the purl specification,
// type golang, wants lower case and + written as %2B).
func packageURL(path, version string) string {
	return "pkg:golang/" + strings.ToLower(path) + "@" + strings.ReplaceAll(version, "+", "%2B")
}

// licence is one SPDX identifier, or an expression of several.
func licence(spdx string) *cdx.Licenses {
	if strings.Contains(spdx, " ") {
		return &cdx.Licenses{{Expression: spdx}}
	}
	return &cdx.Licenses{{License: &cdx.License{ID: spdx}}}
}

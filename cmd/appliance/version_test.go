package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// notes of a build, as the Go tool leaves them.
var notes = debug.BuildInfo{
	GoVersion: "go1.26.8",
	Main:      debug.Module{Path: "traction", Version: "v1.2.3"},
	Deps: []*debug.Module{
		{Path: "github.com/CycloneDX/cyclonedx-go", Version: "v0.12.0", Sum: "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
		{Path: "example.org/old", Version: "v1.0.0", Replace: &debug.Module{Path: "example.org/new", Version: "v2.0.0+incompatible"}},
	},
	Settings: []debug.BuildSetting{
		{Key: "-ldflags", Value: "-X main.secret=s3cret"}, {Key: "GOOS", Value: "linux"}, {Key: "GOARCH", Value: "arm64"},
		{Key: "vcs.revision", Value: "0123abc"}, {Key: "vcs.time", Value: "2026-11-21T09:00:00Z"}, {Key: "vcs.modified", Value: "true"},
	},
}

func printed(t *testing.T, c versionCommand, info *debug.BuildInfo) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, c.print(&out, about(info, "1.2.3"), info))
	return out.String()
}

func TestVersion(t *testing.T) {
	assert.Equal(t, "appliance 1.2.3\ncommit  0123abc of 2026-11-21T09:00:00Z, with changes that are not committed\n"+
		"built   with Go 1.26.8 for linux/arm64\nmodules 2 of other people; --sbom lists them\n", printed(t, versionCommand{}, &notes))
	assert.Contains(t, printed(t, versionCommand{}, &debug.BuildInfo{}), "commit  not noted in this build\n")
	commit, commitTime = "4567def", "2026-11-22T09:00:00Z"
	assert.Contains(t, printed(t, versionCommand{}, &debug.BuildInfo{}), "commit  4567def of 2026-11-22T09:00:00Z\n")
	assert.Contains(t, printed(t, versionCommand{}, &notes), "commit  0123abc of ", "the Go tool knows better")
	commit, commitTime = "", ""

	var got build
	require.NoError(t, json.Unmarshal([]byte(printed(t, versionCommand{JSON: true}, &notes)), &got))
	assert.Equal(t, build{Version: "1.2.3", Commit: "0123abc", Time: "2026-11-21T09:00:00Z", Modified: true, Go: "1.26.8", OS: "linux", Arch: "arm64",
		Modules: []module{{"github.com/CycloneDX/cyclonedx-go", "v0.12.0", "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}, {"example.org/new", "v2.0.0+incompatible", ""}}}, got)
}

func TestVersionIsNamedByTheBuild(t *testing.T) {
	for _, c := range []struct{ given, from, want string }{
		{"development", "v1.2.3", "1.2.3"},
		{"development", "v0.0.0-20261121092350-daa2ed342553+dirty", "0.0.0-20261121092350-daa2ed342553+dirty"},
		{"development", "(devel)", "development"},
		{"development", "", "development"},
		{"1.0.0", "v1.2.3", "1.0.0"},
	} {
		assert.Equal(t, c.want, named(c.given, &debug.BuildInfo{Main: debug.Module{Version: c.from}}), c)
	}
}

func TestSBOM(t *testing.T) {
	text := printed(t, versionCommand{SBOM: true}, &notes)
	assert.Equal(t, text, printed(t, versionCommand{SBOM: true}, &notes), "the same bytes each time")
	assert.NotContains(t, text, "s3cret", "flags of the builder are nobody's business")
	valid(t, text)
	got := decodeSBOM(t, text)
	require.Len(t, *got.Components, 3)
	std, cyclone, replaced := (*got.Components)[0], (*got.Components)[1], (*got.Components)[2]
	assert.Equal(t, "pkg:golang/std@1.26.8", std.PackageURL)
	assert.Equal(t, "pkg:golang/github.com/cyclonedx/cyclonedx-go@v0.12.0", cyclone.PackageURL)
	assert.Equal(t, []cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}, *cyclone.Hashes)
	assert.Equal(t, "Apache-2.0", (*cyclone.Licenses)[0].License.ID)
	assert.Equal(t, "pkg:golang/example.org/new@v2.0.0%2Bincompatible", replaced.PackageURL)
	assert.Nil(t, replaced.Hashes)
	assert.Nil(t, replaced.Licenses, "unknown")
	assert.Equal(t, "2026-11-21T09:00:00Z", got.Metadata.Timestamp)
	assert.Len(t, *(*got.Dependencies)[0].Dependencies, 3)
}

// The program itself, as a process: what it says of itself validates, and holds
// what it was built from.
func TestOwnSBOM(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	say := func(args ...string) string {
		cmd := exec.Command(self, args...)
		cmd.Env = append(os.Environ(), asProgram+"=1")
		out, err := cmd.Output()
		require.NoError(t, err)
		return string(out)
	}
	text := say("version", "--sbom")
	valid(t, text)
	got := decodeSBOM(t, text)
	assert.Equal(t, version, got.Metadata.Component.Version)
	found := map[string]cdx.Component{}
	for _, c := range *got.Components {
		found[c.Name] = c
	}
	for _, path := range []string{"std", "github.com/eclipse/paho.mqtt.golang", "modernc.org/sqlite", "periph.io/x/conn/v3", "golang.org/x/sys"} {
		assert.Contains(t, found, path)
		assert.NotEmpty(t, found[path].Version, path)
		assert.NotEmpty(t, found[path].Licenses, path)
		assert.True(t, path == "std" || found[path].Hashes != nil, path)
	}
	assert.Equal(t, strings.TrimPrefix(runtime.Version(), "go"), found["std"].Version)
	assert.Contains(t, say("version"), "appliance "+version+"\n")
	assert.Equal(t, version+"\n", say("--version"))
}

func decodeSBOM(t *testing.T, text string) (out cdx.BOM) {
	t.Helper()
	require.NoError(t, cdx.NewBOMDecoder(strings.NewReader(text), cdx.BOMFileFormatJSON).Decode(&out))
	assert.Equal(t, cdx.SpecVersion1_6, out.SpecVersion)
	return out
}

// valid checks against the schema of CycloneDX 1.6, which comes with its library.
func valid(t *testing.T, text string) {
	t.Helper()
	for _, problem := range schemaProblems(t, text) {
		t.Error(problem)
	}
}

func schemaProblems(t *testing.T, text string) (out []string) {
	t.Helper()
	dir := moduleDir(t, "github.com/CycloneDX/cyclonedx-go")
	compiler := jsonschema.NewCompiler()
	// Under the names by which the schema refers to them, so that nothing is fetched.
	const bom = "http://cyclonedx.org/schema/bom-1.6.schema.json"
	for url, name := range map[string]string{
		bom: "bom-1.6.schema.json",
		"http://cyclonedx.org/schema/spdx.schema.json":     "spdx.schema.json",
		"http://cyclonedx.org/schema/jsf-0.82.schema.json": "jsf-0.82.schemax.json",
	} {
		raw, err := os.Open(filepath.Join(dir, "schema", name))
		require.NoError(t, err)
		defer raw.Close()
		resource, err := jsonschema.UnmarshalJSON(raw)
		require.NoError(t, err)
		require.NoError(t, compiler.AddResource(url, resource))
	}
	schema, err := compiler.Compile(bom)
	require.NoError(t, err)
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	require.NoError(t, err)
	if err := schema.Validate(document); err != nil {
		out = append(out, err.Error())
	}
	return out
}

// A schema that accepts everything would be no test.
func TestSchemaHasTeeth(t *testing.T) {
	text := printed(t, versionCommand{SBOM: true}, &notes)
	for from, to := range map[string]string{
		`"specVersion": "1.6"`: `"specVersion": 1.6`, `"SHA-256"`: `"SHA-255"`, `"Apache-2.0"`: `"Apache"`, `"type": "library"`: `"type": "book"`, `"complete"`: `"all"`,
	} {
		broken := strings.Replace(text, from, to, 1)
		require.NotEqual(t, text, broken, from)
		assert.NotEmpty(t, schemaProblems(t, broken), to)
	}
}

func moduleDir(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", path).CombinedOutput()
	require.NoError(t, err, string(out))
	return strings.TrimSpace(string(out))
}

// phrases tell licences apart; Eclipse's name of the BSD licence is another one.
var phrases = map[string]*regexp.Regexp{
	"MIT":              regexp.MustCompile(`Permission is hereby granted, free of charge`),
	"BSD-3-Clause":     regexp.MustCompile(`used to endorse or promote products|Eclipse Distribution License v1\.0`),
	"BSD-2-Clause":     regexp.MustCompile(`Redistribution and use in source and binary forms`),
	"Apache-2.0":       regexp.MustCompile(`Apache License`),
	"EPL-2.0":          regexp.MustCompile(`Eclipse Public License - v 2\.0`),
	"CC-BY-4.0":        regexp.MustCompile(`Creative Commons Attribution 4\.0 International`),
	"FTL":              regexp.MustCompile(`FreeType License`),
	"GPL-2.0-or-later": regexp.MustCompile(`version 2 or later`),
	"OFL-1.1":          regexp.MustCompile(`SIL OPEN FONT LICENSE Version 1\.1`),
}

// Each module in the program has its licence here, and that is what its files say.
func TestLicencesAreTrue(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Dir}}{{end}}{{end}}", ".").CombinedOutput()
	require.NoError(t, err, string(out))
	dirs := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if path, dir, found := strings.Cut(strings.TrimSpace(line), "\t"); found {
			dirs[path] = dir
		}
	}
	require.Greater(t, len(dirs), 20)
	for path, dir := range dirs {
		id := licences[path]
		if !assert.NotEmpty(t, id, "%s is built in: read its licence and add it to licences.go", path) {
			continue
		}
		text := strings.Join(strings.Fields(licenceText(t, dir)), " ")
		for _, one := range strings.FieldsFunc(strings.NewReplacer(" AND ", "\n", " OR ", "\n").Replace(id), func(r rune) bool { return r == '\n' }) {
			phrase := phrases[one]
			assert.True(t, phrase != nil && phrase.MatchString(text), "%s: %s is not what its licence file says", path, one)
		}
	}
}

func licenceText(t *testing.T, dir string) (text string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, f := range files {
		if name := strings.ToUpper(f.Name()); !f.IsDir() && (strings.HasPrefix(name, "LICEN") || strings.HasPrefix(name, "COPYING")) {
			raw, err := os.ReadFile(filepath.Join(dir, f.Name()))
			require.NoError(t, err)
			text += string(raw) + "\n"
		}
	}
	return text
}

// A package's bill of materials is made on another machine than the package's.
func TestSBOMOfAnotherProgram(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("go.mod", "module example.org/other\n\ngo 1.26.0\n")
	write("main.go", "package main\n\nfunc main() {}\n")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", "other", ".")
	build.Dir, build.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm", "GOARM=6", "GOFLAGS=")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)

	self, err := os.Executable()
	require.NoError(t, err)
	tell := func(of string) ([]byte, error) {
		cmd := exec.Command(self, "version", "--sbom", "--of", of)
		cmd.Env = append(os.Environ(), asProgram+"=1")
		return cmd.CombinedOutput()
	}
	text, err := tell(filepath.Join(dir, "other"))
	require.NoError(t, err, "%s", text)
	got := decodeSBOM(t, string(text))
	assert.Contains(t, *got.Metadata.Component.Properties, cdx.Property{Name: "go:GOARM", Value: "6"})
	assert.Len(t, *got.Components, 1, "Go's own library alone")

	text, err = tell(filepath.Join(dir, "main.go"))
	require.Error(t, err)
	assert.Contains(t, string(text), "main.go is no program of Go")
}

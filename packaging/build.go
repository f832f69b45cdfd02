package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
)

// nfpm makes the package from packaging/nfpm.yaml. It runs as a program of its own,
// so that this module's dependencies stay those of the table's program.
const nfpm = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2"

// builder makes packages of one source.
type builder struct {
	root, work string
	from       source
	native     string // the program for this computer, which writes its own papers
	nativeArch string // its machine, "" if that is none of machines
}

// ownEnvironment keeps the settings of who builds out of what is built.
var ownEnvironment = []string{"GOFLAGS=", "GOEXPERIMENT=", "GOWORK=off", "CGO_ENABLED=0"}

// compile builds the program. Folder, time and repository leave no trace; what is
// worth knowing of them is told.
func (b *builder) compile(to string, env ...string) error {
	told := fmt.Sprintf("-s -w -X main.version=%s -X main.commit=%s -X main.commitTime=%s",
		b.from.version, b.from.commit, b.from.time.Format("2006-01-02T15:04:05Z"))
	_, err := command(b.root, append(append([]string{}, ownEnvironment...), env...), "go", "build",
		"-trimpath", "-buildvcs=false", "-ldflags", told, "-o", to, "./cmd/appliance")
	return err
}

// common makes what all packages have: manual page, completion, changelog.
func (b *builder) common() error {
	b.native = filepath.Join(b.work, "native")
	env := []string{"GOARCH=" + runtime.GOARCH}
	for _, m := range machines {
		if runtime.GOOS == "linux" && slices.Contains(m.env, env[0]) {
			b.nativeArch, env = m.arch, m.env
		}
	}
	if err := b.compile(b.native, append([]string{"GOOS=" + runtime.GOOS}, env...)...); err != nil {
		return err
	}
	page, err := command(b.work, nil, b.native, "man")
	if err != nil {
		return err
	}
	completion, err := command(b.work, nil, b.native, "completion")
	if err != nil {
		return err
	}
	for name, text := range map[string]string{"appliance.1.gz": page + "\n", "changelog.gz": b.changelog()} {
		data, err := compressed(text)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(b.work, name), data, 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(b.work, "completion"), []byte(completion+"\n"), 0o644)
}

// pack builds the program for a machine and makes the package.
func (b *builder) pack(m machine, file string) error {
	stage := filepath.Join(b.work, m.arch)
	if err := os.Mkdir(stage, 0o755); err != nil {
		return err
	}
	target := append([]string{"GOOS=linux"}, m.env...)
	program := filepath.Join(stage, "appliance")
	if m.arch == b.nativeArch {
		if err := os.Link(b.native, program); err != nil {
			return err
		}
	} else if err := b.compile(program, target...); err != nil {
		return err
	}
	bill, err := command(b.work, nil, b.native, "version", "--sbom", "--of", program)
	if err != nil {
		return err
	}
	others, err := b.licences(target)
	if err != nil {
		return err
	}
	texts, err := compressed(others)
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{"sbom.cdx.json": []byte(bill + "\n"), "third-party-licences.gz": texts} {
		if err := os.WriteFile(filepath.Join(stage, name), data, 0o644); err != nil {
			return err
		}
	}
	env := []string{"ARCH=" + m.arch, "VERSION=" + b.from.version, "COMMON=" + b.work, "STAGE=" + stage,
		epochVariable + "=" + strconv.FormatInt(b.from.time.Unix(), 10), "GOFLAGS="}
	_, err = command(b.root, env, "go", "run", nfpm, "package", "--config", "packaging/nfpm.yaml", "--packager", "deb", "--target", file)
	return err
}

// compressed is a text as Debian wants manual pages and changelogs: with gzip, at
// its best, without name and time.
func compressed(text string) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write([]byte(text)); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// changelog has one entry: what was built. The history is in the repository.
func (b *builder) changelog() string {
	commit := b.from.commit
	if commit == "" {
		commit = "not known"
	}
	return fmt.Sprintf("traction (%s) unstable; urgency=medium\n\n  * Built from the sources; commit: %s\n\n -- %s  %s\n",
		b.from.version, commit, maintainer, b.from.time.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
}

// maintainer as in packaging/nfpm.yaml; there is no address to write to.
const maintainer = "Traction table maintainers <maintainers@traction.invalid>"

// Command packaging builds the Debian packages of the program: one for each of
// amd64, arm64 and armhf. The same commit, built with the same Go, makes the same
// bytes in whatever folder and whenever.
//
//	go run ./packaging
package main

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// machine is one architecture by Debian's name, with what the Go tool calls it.
type machine struct {
	arch string
	env  []string
}

// machines that packages are built for. Debian's armhf is ARMv7, Raspberry Pi OS has
// one of that name for ARMv6 as well (Pi 1, Zero, Zero W): ARMv6 with floating point
// runs on both. The other two name the oldest processors of their kind.
var machines = []machine{
	{"amd64", []string{"GOARCH=amd64", "GOAMD64=v1"}},
	{"arm64", []string{"GOARCH=arm64", "GOARM64=v8.0"}},
	{"armhf", []string{"GOARCH=arm", "GOARM=6"}},
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "packaging:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("packaging", flag.ContinueOnError)
	out := flags.String("out", "dist", "`folder` for the packages")
	arch := flags.String("arch", "amd64,arm64,armhf", "`architectures`, with commas between them")
	version := flags.String("version", "", "`version` of the packages (default: from the tag or the commit)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	chosen, err := choose(*arch)
	if err != nil {
		return err
	}
	root, err := command("", nil, "go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return err
	}
	o, err := origin(root, *version)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	folder, err := filepath.Abs(*out)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "packaging-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work) //nolint:errcheck // nothing of it is needed any more
	b := builder{root: root, work: work, from: o}
	if err := b.common(); err != nil {
		return err
	}
	for _, m := range chosen {
		file := filepath.Join(folder, fmt.Sprintf("traction_%s_%s.deb", o.version, m.arch))
		if err := b.pack(m, file); err != nil {
			return fmt.Errorf("%s: %w", m.arch, err)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		fmt.Printf("%x  %s  %.1f MB\n", sha256.Sum256(data), filepath.Base(file), float64(len(data))/1e6)
	}
	return nil
}

// choose finds machines by name.
func choose(list string) (out []machine, err error) {
	for _, name := range strings.Split(list, ",") {
		found := false
		for _, m := range machines {
			if m.arch == name {
				out, found = append(out, m), true
			}
		}
		if !found {
			return nil, fmt.Errorf("-arch: %q is unknown, allowed: amd64, arm64, armhf", name)
		}
	}
	return out, nil
}

// command runs a program in dir with further variables and gives what it prints.
func command(dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(said.String()))
	}
	return strings.TrimSpace(string(out)), nil
}

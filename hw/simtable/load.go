package simtable

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

//go:embed tables/*.toml patients/*.toml
var builtIn embed.FS

// maxFile bounds a configuration file; the largest built-in one has 3 KB.
const maxFile = 1 << 20

// ErrUnknown is wrapped by the error for a table, patient or fault kind that does not exist; the message lists those
// that do.
var ErrUnknown = errors.New("unknown name")

// Tables lists the names of the built-in tables in alphabetical order.
func Tables() []string { return names("tables") }

// Patients lists the names of the built-in patients in alphabetical order.
func Patients() []string { return names("patients") }

// TableByName returns a built-in table. An unknown name is an ErrUnknown that lists the known ones.
func TableByName(name string) (Table, error) {
	data, err := readBuiltIn("tables", name, Tables())
	if err != nil {
		return Table{}, fmt.Errorf("simtable: table: %w", err)
	}
	return decodeTable("table "+name, data)
}

// PatientByName returns a built-in patient. An unknown name is an ErrUnknown that lists the known ones.
func PatientByName(name string) (Patient, error) {
	data, err := readBuiltIn("patients", name, Patients())
	if err != nil {
		return Patient{}, fmt.Errorf("simtable: patient: %w", err)
	}
	return decodePatient("patient "+name, data)
}

// LoadTable reads a table from a TOML file. Unknown keys and values out of range are reported all at once.
func LoadTable(path string) (Table, error) {
	data, err := readFile(path)
	if err != nil {
		return Table{}, fmt.Errorf("simtable: table: %w", err)
	}
	return decodeTable(path, data)
}

// LoadPatient reads a patient from a TOML file. Unknown keys and values out of range are reported all at once.
func LoadPatient(path string) (Patient, error) {
	data, err := readFile(path)
	if err != nil {
		return Patient{}, fmt.Errorf("simtable: patient: %w", err)
	}
	return decodePatient(path, data)
}

func decodeTable(from string, data []byte) (Table, error) {
	t := defaultTable()
	if err := decode(bytes.NewReader(data), &t, func() error { return t.Validate() }); err != nil {
		return Table{}, fmt.Errorf("simtable: %s:\n%w", from, err)
	}
	return t, nil
}

func decodePatient(from string, data []byte) (Patient, error) {
	p := defaultPatient()
	if err := decode(bytes.NewReader(data), &p, func() error { return p.Validate() }); err != nil {
		return Patient{}, fmt.Errorf("simtable: %s:\n%w", from, err)
	}
	return p, nil
}

// decode is strict. Unknown keys do not hide values out of range; only a file that is no TOML, or has text where a
// number belongs, ends at its first error, because what follows it cannot be trusted.
func decode(from io.Reader, into any, validate func() error) error {
	err := toml.NewDecoder(from).DisallowUnknownFields().Decode(into)
	var missing *toml.StrictMissingError
	if err != nil && !errors.As(err, &missing) {
		return located(err)
	}
	var errs []error
	if missing != nil {
		for i := range missing.Errors {
			line, _ := missing.Errors[i].Position()
			errs = append(errs, fmt.Errorf("line %d: %s: no such key", line, strings.Join(missing.Errors[i].Key(), ".")))
		}
	}
	if err := validate(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func located(err error) error {
	var at *toml.DecodeError
	if !errors.As(err, &at) {
		return err
	}
	line, column := at.Position()
	return fmt.Errorf("line %d, column %d: %w", line, column, err)
}

// readFile refuses a large file before it is in memory, whatever the file says of its size.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s is too long: allowed is 0 to %d bytes", path, maxFile)
	}
	return data, nil
}

func readBuiltIn(folder, name string, known []string) ([]byte, error) {
	for _, k := range known {
		if k == name {
			return builtIn.ReadFile(folder + "/" + name + ".toml")
		}
	}
	return nil, fmt.Errorf("%w %q: known are %s", ErrUnknown, name, strings.Join(known, ", "))
}

// names cannot fail: the folders are compiled in, and embed sorts them.
func names(folder string) []string {
	entries, _ := builtIn.ReadDir(folder)
	list := make([]string, 0, len(entries))
	for _, e := range entries {
		list = append(list, strings.TrimSuffix(e.Name(), ".toml"))
	}
	return list
}

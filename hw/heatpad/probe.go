package heatpad

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"periph.io/x/conn/v3/physic"
)

// probeGlob is where the kernel's w1_therm driver shows DS18B20 probes (family
// code 28).
const probeGlob = "/sys/bus/w1/devices/28-*/temperature"

// KernelProbe is a Source that reads a DS18B20 through the kernel. device is
// the probe's name below /sys/bus/w1/devices, such as 28-0316a2795b4c; empty
// means the only one there is.
func KernelProbe(device string) (Source, error) {
	if device == "" {
		return fileProbe(probeGlob), nil
	}
	if !strings.HasPrefix(device, "28-") || strings.ContainsAny(device, "/*?[\\") {
		return nil, fmt.Errorf("heatpad: probe is %q, allowed is empty or a name such as 28-0316a2795b4c", device)
	}
	return fileProbe(filepath.Join("/sys/bus/w1/devices", device, "temperature")), nil
}

// fileProbe reads the one file that matches. It looks for it each time: a
// probe that was plugged in again has a new file behind the old name.
func fileProbe(glob string) Source {
	return func() (physic.Temperature, error) {
		found, err := filepath.Glob(glob)
		switch {
		case err != nil:
			return 0, fmt.Errorf("heatpad: %w", err)
		case len(found) == 0:
			return 0, fmt.Errorf("%w: %s", ErrMissing, glob)
		case len(found) > 1:
			return 0, fmt.Errorf("%w: %s", ErrAmbiguous, strings.Join(found, ", "))
		}
		return readProbe(found[0])
	}
}

func readProbe(path string) (physic.Temperature, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("%w: %s", ErrMissing, path)
	}
	if err != nil {
		return 0, fmt.Errorf("heatpad: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 32))
	if err != nil {
		return 0, fmt.Errorf("heatpad: %w", err)
	}
	return parse(string(text))
}

// parse decodes the kernel's millidegrees Celsius.
func parse(text string) (physic.Temperature, error) {
	milli, err := strconv.ParseInt(strings.TrimSuffix(text, "\n"), 10, 32)
	if err != nil {
		return 0, fmt.Errorf("heatpad: probe says %q, want millidegrees", text)
	}
	return physic.ZeroCelsius + physic.Temperature(milli)*physic.MilliKelvin, nil
}

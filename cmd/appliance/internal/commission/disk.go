package commission

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"traction/cmd/appliance/internal/settings"
)

// What the record needs: a session of 25 minutes takes up to 3 MB
// (record.keep_megabytes), and twelve of them fill a day.
const (
	daySpace   = 12 * 3_000_000
	monthSpace = 30 * daySpace
	// leastSpace lets a day be recorded and leaves something for everything else.
	leastSpace = 50_000_000
	megabyte   = 1_000_000
)

// place is a folder that something is written to.
type place struct{ of, folder string }

// disks looks at each file system that is written to.
func (m *Machine) disks(r *Report, s *settings.Settings) {
	places := []place{{"record", filepath.Dir(s.Record.Path)}}
	if !r.Simulated {
		places = append(places, place{"calibration", filepath.Dir(s.Control.Calibration)}, place{"logs", "/var/log"})
	}
	month := min(uint64(monthSpace), uint64(s.Record.KeepMegabytes)*megabyte)
	seen := map[uint64]bool{}
	for i, p := range places {
		folder, sp, err := m.above(p.folder)
		if err != nil {
			r.add("disk", Fail, "look at the kernel's log: dmesg", "%s: %s: cannot be told: %v", p.of, p.folder, err)
			continue
		}
		if seen[sp.Device] {
			continue
		}
		seen[sp.Device] = true
		for _, other := range places[i+1:] { // what else is on it
			if _, o, err := m.above(other.folder); err == nil && o.Device == sp.Device {
				p.of += ", " + other.of
			}
		}
		need := uint64(leastSpace)
		if i == 0 {
			need = max(need, month)
		}
		space := sp.finding(p.of, folder, need)
		r.Findings = append(r.Findings, space)
	}
	m.diskErrors(r)
	m.diskWear(r)
}

// finding judges one file system.
func (s *Space) finding(of, folder string, need uint64) Finding {
	f := Finding{Check: "disk", Verdict: Pass,
		Found: fmt.Sprintf("%s: %d MB free of %d MB at %s; a month takes %d MB", of, s.Free/megabyte, s.Size/megabyte, folder, need/megabyte)}
	if need == leastSpace {
		f.Found = fmt.Sprintf("%s: %d MB free of %d MB at %s", of, s.Free/megabyte, s.Size/megabyte, folder)
	}
	switch {
	case s.ReadOnly:
		f.Verdict = Fail
		f.Advice = "look at the kernel's log (dmesg) for why it was mounted or remounted read-only; replace a card that does this again"
		f.Found = fmt.Sprintf("%s: %s can only be read: no record, no calibration", of, folder)
	case s.NoFiles:
		f.Verdict, f.Advice = Fail, "remove files: there is room for bytes but for no more files"
		f.Found = fmt.Sprintf("%s: %s is full of files, all %d of them", of, folder, s.Files)
	case s.Free < leastSpace:
		f.Verdict, f.Advice = Fail, "make room (journalctl --vacuum-size=50M, appliance sessions delete): a treatment that cannot be written is lost"
	case s.Free < need:
		f.Verdict, f.Advice = Warn, "make room, or lower record.keep_megabytes"
	}
	return f
}

// diskErrors asks ext4, which counts in its superblock what it found wrong, also
// before the last start.
func (m *Machine) diskErrors(r *Report) {
	counted := m.find("sys/fs/ext4/*/errors_count")
	bad := ""
	for _, path := range counted {
		device := filepath.Base(filepath.Dir(path))
		if n := m.text(path); n != "0" && n != "" {
			bad += fmt.Sprintf(", %s on %s", n, device)
		}
	}
	switch {
	case bad != "":
		r.add("disk errors", Warn, "save record and calibration elsewhere, then let e2fsck -f look at it unmounted; replace a card that does this again",
			"ext4 has counted errors: %s", strings.TrimPrefix(bad, ", "))
	case len(counted) > 0:
		r.add("disk errors", Pass, "", "ext4 has counted none")
	}
}

// worn is the step of an eMMC's life_time that means 80 to 90 % used (JEDEC
// eMMC 5.0, DEVICE_LIFE_TIME_EST: 1 is 0 to 10 %, 11 is beyond its life).
const worn = 9

// diskWear reads what eMMC say of themselves; most SD cards say nothing.
func (m *Machine) diskWear(r *Report) {
	for _, path := range m.find("sys/block/mmcblk*/device/life_time") {
		text := m.text(path)
		most := uint64(0)
		for field := range strings.FieldsSeq(text) {
			if n, err := strconv.ParseUint(field, 0, 8); err == nil {
				most = max(most, n)
			}
		}
		if most == 0 {
			continue // defined as "not told"
		}
		device := strings.Split(path, "/")[2]
		found := fmt.Sprintf("%s has used %d to %d %% of its life", device, 10*(most-1), 10*most)
		if most >= worn {
			r.add("disk wear", Warn, "save record and calibration elsewhere, and replace it", "%s", found)
			continue
		}
		r.add("disk wear", Pass, "", "%s", found)
	}
}

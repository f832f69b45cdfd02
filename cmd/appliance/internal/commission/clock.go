package commission

import "time"

// earliest is a time that has passed everywhere: a clock before it was never set.
var earliest = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// clock judges the date, and who keeps it right. Nothing that moves depends on it
// (R-MONOTONIC); records, calibrations and certificates do.
func (m *Machine) clock(r *Report) {
	at := r.At.Format(time.RFC3339)
	if r.At.Before(earliest) {
		r.add("clock", Fail, "set the time (timedatectl set-time), or connect a network with a time server: records, calibrations and the broker's certificate carry dates",
			"%s was before this software existed", at)
		return
	}
	r.add("clock", Pass, "", "%s", at)
	ok, err := m.Synchronised()
	switch keeper := m.keeper(); {
	case err != nil:
		r.add("time server", Skip, "", "cannot be told: %v", err)
	case ok:
		r.add("time server", Pass, "", "the kernel says that the clock is synchronised; %s", keeper)
	default:
		r.add("time server", Warn, "connect a time server (chrony, or timedatectl set-ntp true); without any, look at the date before each day's work",
			"nobody keeps the clock right; %s", keeper)
	}
}

// keeper is what keeps the time while the computer has no power.
func (m *Machine) keeper() string {
	if clocks := m.find("sys/class/rtc/rtc*"); len(clocks) > 0 {
		name := m.text(clocks[0] + "/name")
		if name == "" {
			name = "unnamed"
		}
		return "without power a real-time clock keeps it (" + name + "), if it has a battery"
	}
	return "there is no real-time clock, so after a power cut the date is old until a time server answers"
}

package commission

import (
	"context"
	"fmt"
	"os/user"
	"strings"
)

// The units, as they are installed.
const (
	controlUnit = "traction-control.service"
	gatewayUnit = "traction-gateway.service"
)

// gatewayService judges whether the gateway runs; it may during a check.
func (m *Machine) gatewayService(ctx context.Context, r *Report) {
	if !m.hasSystemd() {
		r.add("gateway service", Skip, "", "no systemd runs here")
		return
	}
	p, err := m.Show(ctx, gatewayUnit, "LoadState", "ActiveState", "SubState", "UnitFileState", "NRestarts")
	switch {
	case err != nil:
		r.add("gateway service", Skip, "", "cannot be told: %v", err)
	case p["LoadState"] != "loaded":
		r.add("gateway service", Warn, "install the units", "%s is not installed (%s)", gatewayUnit, orNone(p["LoadState"]))
	case p["ActiveState"] != "active":
		r.add("gateway service", Warn, "systemctl enable --now traction-gateway; if it does not stay: journalctl -u traction-gateway -n 50",
			"%s, %s; without it there is no record and no network", p["ActiveState"], p["UnitFileState"])
	case p["NRestarts"] != "0" && p["NRestarts"] != "":
		r.add("gateway service", Warn, "journalctl -u traction-gateway -n 50", "active, and restarted by itself %s times since it was started", p["NRestarts"])
	case p["UnitFileState"] != "enabled":
		r.add("gateway service", Warn, "systemctl enable traction-gateway", "active, and %s: it does not start with the computer", p["UnitFileState"])
	default:
		r.add("gateway service", Pass, "", "active and enabled")
	}
}

// watchdog judges what restarts a computer that hangs. The control process has a
// watchdog of its own, in its unit.
func (m *Machine) watchdog(ctx context.Context, r *Report) {
	devices := m.find("sys/class/watchdog/watchdog*")
	if len(devices) == 0 && !m.exists("dev/watchdog0") && !m.exists("dev/watchdog") {
		r.add("watchdog", Warn, "load the driver of its hardware watchdog; a Raspberry Pi's is bcm2835_wdt", "this computer has none: one that hangs stays as it is, and only the charge pump cuts the motor")
		return
	}
	name, state := "", ""
	if len(devices) > 0 {
		name, state = m.text(devices[0]+"/identity"), m.text(devices[0]+"/state")
	}
	fed := ""
	if m.hasSystemd() {
		if p, err := m.Show(ctx, "", "RuntimeWatchdogUSec"); err == nil {
			fed = p["RuntimeWatchdogUSec"]
		}
	}
	switch on := fed != "" && fed != "0" && fed != "infinity"; {
	case on:
		r.add("watchdog", Pass, "", "%s, fed by systemd, restarts the computer after %s", orUnnamed(name), fed)
	case state == "active":
		r.add("watchdog", Pass, "", "%s, active, not fed by systemd", orUnnamed(name))
	default:
		r.add("watchdog", Warn, "set RuntimeWatchdogSec=15s in a file below /etc/systemd/system.conf.d and reboot", "%s is there and nobody starts it", orUnnamed(name))
	}
}

func orUnnamed(s string) string {
	if s == "" {
		return "the hardware watchdog"
	}
	return s
}

// rights are what the control process will be granted: by its unit, as its user.
func (c *Check) rights(ctx context.Context, r *Report) {
	const check = "service rights"
	m := &c.Machine
	if !m.hasSystemd() {
		r.add(check, Skip, "", "no systemd runs here, so no unit sets limits")
		return
	}
	p, err := m.Show(ctx, controlUnit, "LoadState", "User", "LimitRTPRIO", "LimitMEMLOCK", "UnitFileState")
	if err != nil {
		r.add(check, Skip, "", "cannot be told: %v", err)
		return
	}
	if p["LoadState"] != "loaded" {
		r.add(check, Warn, "install the units", "%s is not installed (%s)", controlUnit, orNone(p["LoadState"]))
		return
	}
	k := &c.Settings.Control
	limits := fmt.Sprintf("LimitRTPRIO=%s, LimitMEMLOCK=%s", p["LimitRTPRIO"], p["LimitMEMLOCK"])
	const advice = "take back what a drop-in has changed: systemctl cat traction-control"
	if _, err := user.Lookup(p["User"]); m.Superuser && err != nil {
		r.add(check, Fail, "systemd-sysusers makes the user", "%v", err)
		return
	}
	if !m.Superuser {
		c.judgeLimits(r, check, limits+"; not tried, which needs root", p, advice)
		return
	}
	g, err := m.tryRights(ctx, RightsWanted{User: p["User"], Priority: k.Priority, CPU: k.CPU, RealTime: p["LimitRTPRIO"], Locked: p["LimitMEMLOCK"]})
	switch refused := g.refused(); {
	case err != nil:
		c.judgeLimits(r, check, fmt.Sprintf("%s; could not be tried as user %q: %v", limits, p["User"], err), p, advice)
	case refused != "":
		r.add(check, c.noRealTime(), advice, "tried as user %q with %s: %s", p["User"], limits, refused)
	default:
		r.add(check, Pass, "", "tried as user %q with %s: SCHED_FIFO %d and locked memory are granted", p["User"], limits, k.Priority)
	}
}

// judgeLimits compares the figures, where nobody may become the service's user.
func (c *Check) judgeLimits(r *Report, check, found string, p map[string]string, advice string) {
	priority, unlimited := bound(p["LimitRTPRIO"])
	_, locked := bound(p["LimitMEMLOCK"])
	if (unlimited || priority >= uint64(c.Settings.Control.Priority)) && locked {
		r.add(check, Pass, "", "%s", found)
		return
	}
	r.add(check, c.noRealTime(), advice, "%s; control.priority = %d and locked memory need more", found, c.Settings.Control.Priority)
}

// noRealTime is how bad it is that real-time scheduling is refused: the control
// process does not start then, unless it is allowed to.
func (c *Check) noRealTime() Verdict {
	if c.Settings.Control.AllowNoRealtime {
		return Warn
	}
	return Fail
}

// refused lists what was refused; "" when nothing was.
func (g RightsGranted) refused() string {
	var all []string
	for _, x := range []struct{ what, why string }{{"SCHED_FIFO", g.Scheduling}, {"locked memory", g.Memory}, {"its CPU", g.CPU}} {
		if x.why != "" {
			all = append(all, x.what+" refused: "+x.why)
		}
	}
	return strings.Join(all, "; ")
}

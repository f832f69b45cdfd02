package commission

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// realTimeKernel looks for PREEMPT_RT in every place that tells: the version that
// uname gives (mainline, Debian, Raspberry Pi), /sys/kernel/realtime (kernels with
// the patch set) and the kernel's own configuration.
func (m *Machine) realTimeKernel() bool {
	return slices.Contains(strings.Fields(m.Kernel), "PREEMPT_RT") || strings.Contains(m.Kernel, " PREEMPT RT ") ||
		m.text("sys/kernel/realtime") == "1" || m.configured("CONFIG_PREEMPT_RT=y")
}

// longestConfig bounds what is unpacked of a kernel's configuration; a large one
// has 300 KB.
const longestConfig = 4 << 20

// configured looks for a line of /proc/config.gz; many kernels have none.
func (m *Machine) configured(line string) bool {
	packed, err := fs.ReadFile(m.Root, "proc/config.gz")
	if err != nil {
		return false
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return false
	}
	text, _ := io.ReadAll(io.LimitReader(z, longestConfig)) // what could be read is looked at
	return slices.Contains(strings.Split(string(text), "\n"), line)
}

func (m *Machine) kernel(r *Report) {
	if m.realTimeKernel() {
		r.add("kernel", Pass, "", "PREEMPT_RT, %s", m.Kernel)
		return
	}
	found := "not PREEMPT_RT, " + m.Kernel
	// "none voluntary (full)": what a kernel with PREEMPT_DYNAMIC does now; root sees it.
	if now := m.text("sys/kernel/debug/sched/preempt"); now != "" {
		found += "; preemption: " + now
	}
	r.add("kernel", Warn, "boot a kernel with PREEMPT_RT; without it steps come late under load (preempt=full in the kernel's command line is the next best)", "%s", found)
}

// isolated compares the CPUs that the kernel keeps free with the one that the
// real-time thread asks for (-1 = any).
func (m *Machine) isolated(r *Report, wanted int) {
	text := m.text("sys/devices/system/cpu/isolated")
	free := cpuList(text)
	last := m.text("sys/devices/system/cpu/present")
	switch {
	case wanted >= 0 && last != "" && !slices.Contains(cpuList(last), wanted):
		r.add("isolated cpu", Fail, "name an existing CPU in control.cpu, or -1", "control.cpu = %d, and this computer has %s", wanted, last)
	case len(cpuList(m.text("sys/devices/system/cpu/online"))) == 1:
		r.add("isolated cpu", Warn, "take a computer with at least two CPUs", "this one has a single CPU in use, where the real-time thread can wait for an ordinary one that it keeps from running")
	case wanted >= 0 && slices.Contains(free, wanted):
		r.add("isolated cpu", Pass, "", "CPU %d is kept free for control.cpu", wanted)
	case wanted >= 0:
		r.add("isolated cpu", Warn, fmt.Sprintf("add isolcpus=%d nohz_full=%d rcu_nocbs=%d to the kernel's command line and reboot", wanted, wanted, wanted),
			"control.cpu = %d, which everything else may use too; kept free: %s", wanted, orNone(text))
	case len(free) > 0:
		r.add("isolated cpu", Warn, fmt.Sprintf("set control.cpu = %d", free[0]), "CPU %s is kept free, and control.cpu = -1 makes no use of it", text)
	default:
		r.add("isolated cpu", Pass, "", "none, and control.cpu = -1 asks for none")
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// mostCPUs bounds a list that only the kernel writes.
const mostCPUs = 1024

// cpuList reads "0-1,3", as the kernel writes it; what it does not understand is
// left out.
func cpuList(text string) (cpus []int) {
	for part := range strings.SplitSeq(text, ",") {
		from, to, ranged := strings.Cut(part, "-")
		first, err := strconv.Atoi(from)
		if err != nil {
			continue
		}
		last := first
		if ranged {
			if last, err = strconv.Atoi(to); err != nil {
				continue
			}
		}
		for cpu := first; cpu <= min(last, mostCPUs); cpu++ {
			cpus = append(cpus, cpu)
		}
	}
	return cpus
}

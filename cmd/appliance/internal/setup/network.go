package setup

import (
	"fmt"
	"net/netip"
	"strings"

	"traction/control/quantity/document"
)

// wired is the network by cable.
type wired struct {
	given            bool
	address, gateway string // address "" = by DHCP
	dns              []string
}

// dhcp is the address of those who ask for one.
const dhcp = "dhcp"

func (w *wired) bind(d *document.Document) {
	w.address = dhcp
	d.String("wired.address", &w.address, func(v string) error {
		if v == dhcp {
			return nil
		}
		return prefix(v)
	})
	d.String("wired.gateway", &w.gateway, address)
	w.dns = make([]string, d.Len("wired.dns", most))
	for i := range w.dns {
		d.String(fmt.Sprintf("wired.dns[%d]", i), &w.dns[i], address)
	}
	w.given = d.Has("wired.address")
	if (d.Has("wired.gateway") || len(w.dns) > 0) && (!w.given || w.address == dhcp) {
		d.Refuse("wired.address", "is missing, but a gateway or a name server is given")
	}
	if d.Failed("wired.address") || d.Failed("wired.gateway") || w.gateway == "" || w.address == dhcp {
		return
	}
	if p := netip.MustParsePrefix(w.address); !p.Contains(netip.MustParseAddr(w.gateway)) {
		d.Refuse("wired.gateway", "is not in the network %s", p.Masked())
	}
}

// wiredFile is read by systemd-networkd before the image's own, whose name begins
// with a higher number (systemd.network(5)).
const wiredFile = "/etc/systemd/network/20-setup-wired.network"

const written = "# Written by \"appliance setup\" from " + Name + ": change it there.\n"

// change is the file of the network by cable.
func (w *wired) change() change {
	var b strings.Builder
	b.WriteString(written + "[Match]\nName=eth* en*\n\n[Network]\nMulticastDNS=yes\n")
	say := "wired network: address by DHCP"
	if w.address == dhcp {
		b.WriteString("DHCP=yes\n")
	} else {
		say = "wired network: address " + w.address
		fmt.Fprintf(&b, "Address=%s\n", w.address)
		if w.gateway != "" {
			fmt.Fprintf(&b, "Gateway=%s\n", w.gateway)
		}
		for _, a := range w.dns {
			fmt.Fprintf(&b, "DNS=%s\n", a)
		}
	}
	b.WriteString("\n[Link]\nRequiredForOnline=no\n")
	return change{path: wiredFile, data: []byte(b.String()), mode: 0o644, say: say}
}

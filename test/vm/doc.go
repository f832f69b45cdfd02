// Package vm starts guests in QEMU on Debian's real-time kernel, so that what
// faces the kernel is tested against a kernel: GPIO lines that can be named,
// held, pulled and given back, processes that are killed while they hold them.
//
// A guest is the kernel and the modules that .ci/vm puts into a folder, and an
// initramfs that is made here. It has two serial ports: the first is the
// kernel's console, the second carries the report, which the test reads line
// by line. Everything is emulated, so the times that a guest shows are upper
// bounds and say nothing about latency on real hardware.
package vm

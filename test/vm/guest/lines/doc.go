// Package lines has the checks that run in a guest of test/vm: the table's
// pins opened on a kernel's GPIO lines, seen from the other side of the chip.
package lines

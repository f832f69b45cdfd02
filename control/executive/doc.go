// Package executive is the cyclic executive: one thread, one clock. It ticks,
// sends the motor's step edges between ticks, and joins hw to control. The same
// code runs in real time on a table and in virtual time in a simulation.
package executive

// Package simtable is a traction table with a person on it, behind simulated pins, so that the real drivers run
// unchanged in every test: an HX711 at the level of single bits, a stepper with the rules of its driver, a rope, a
// harness, a body that creeps, rubs, breathes and coughs, a heat pad, switches, and faults at their times.
//
// On a VirtualClock a treatment of 25 minutes passes in a fraction of a second and is the same on every machine; on a
// SteadyClock the same table runs as a demonstration, on a MachineClock as a measurement of the computer, too.
//
// The physics are quasi-static on a grid of 1 ms. Masses, sound, rope swing and the motor's torque at speed are left
// out; README.md in the folder says what is modelled, with the sources.
package simtable

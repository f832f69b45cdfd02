// Package units holds the checks of the units in systemd/ as a guest runs them: with
// systemd as init, the files where a package puts them, Mosquitto beside them, and
// the kernel's lines for switches and outputs. Load cell, motor and person are
// simulated (appliance control --kernel-lines).
//
// The binary of these tests is a guest's program: its units make the chips of lines
// before the controller starts, and run the checks afterwards. Outside a guest it
// does nothing; TestUnits in test/vm boots one.
package units

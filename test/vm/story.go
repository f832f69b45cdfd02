package vm

// SimulatedControl is a drop-in that lets the control unit, hardened as it is, run a
// simulated table, which has no lines to make safe. A guest on a busy machine may
// stand still for longer than the unit's watchdog waits.
const SimulatedControl = `[Service]
WatchdogSec=0
ExecStart=
ExecStart=/usr/bin/appliance control --simulate --table plain --run-dir /run/traction/operator
ExecStopPost=
`

// UntilIt is a shell function that tries a command for a minute, and says what it said
// last if it never succeeds.
const UntilIt = `until_it() {
	for _ in $(seq 120); do
		"$@" >/tmp/said 2>&1 && return 0
		sleep 0.5
	done
	echo "NEVER: $*: $(cat /tmp/said)"
}
`

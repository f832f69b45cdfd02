// Package control is the brain of the appliance: it decides, for every tick,
// what the drive, the heat pad and the alarms do. It is pure: the same inputs
// give the same outputs, no clock is read (R-MONOTONIC), nothing is opened,
// nothing is allocated in a tick. hw and control never see each other; package
// control/executive joins them. Nothing in it moves an angle (R-NO-FLEXION).
//
// HAZARDS.md says which hazard each interlock and each rule (R-...) stands
// against, and which test shows it.
//
// One tick, in Step:
//
//	cell       counts -> newtons, fresh or not         cell.go
//	guard      interlocks, before anything else        guard.go
//	obey       at most one command                     obey.go
//	mode       treatment, release, recovery            treatment.go, release.go
//	regulator  set-point and force -> rope velocity    regulator.go
//	limits     the last word on the velocity           controller.go
//	heat       pad temperature -> duty                 heat.go
//	alarm      lamp and buzzer                         alarm.go
//
// Jog is the brain of another program, which moves an empty table for those who
// commission it.
//
// Inside, forces are float64 newtons, positions millimetres, times seconds;
// they are converted once, on entry. Every exported quantity is typed.
package control

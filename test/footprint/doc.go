// Package footprint measures what the appliance costs the computer of a table: size
// of the program, memory, processor time, threads, and the time from a start until it
// is of use. What it found is in docs/MEASUREMENTS.md.
//
// Only the size is held against a bound in every run of the tests, since it is the
// same on every machine; the others are measured for a moment, so that what measures
// them stays alive, and for as long as the flags say when somebody asks:
//
//	go test ./test/footprint -v -run TestTreating -window 60s
//	go test ./test/footprint -v -run TestStarts -starts 20
package footprint

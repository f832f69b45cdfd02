// Package parts is what tests with real programs share: finding a program, or
// skipping the test; the appliance, built once; a process with what it says, which
// ends with its test; Mosquitto on a free port; free addresses; and waiting.
//
// Nothing here knows what the appliance says or means. It imports no other package
// of this module, so that the tests of each may use it.
package parts

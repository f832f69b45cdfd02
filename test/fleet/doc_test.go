// Package fleet runs the example files of docs/fleet with the programs that they
// are for: three NATS servers, two Mosquittos, and Telegraf where there is one.
package fleet

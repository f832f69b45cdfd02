// Package network measures the promises of docs/MEASUREMENTS.md about the network,
// with real processes and a real Mosquitto:
//
//	go test ./test/network -v -run TestStop -stops 200
//	go test ./test/network -v -run TestBrokerKilled -kills 50 -timeout 60m
//	go test ./test/network -v -run TestHourOffline -offline-events 600
//	go test ./test/network -v -run TestStorm -tables 500
//	go test ./test/network -v -run TestFuzz -fuzz-for 30m -timeout 60m
//
// Without flags each runs for some seconds. Tests assert what is right and wrong
// and print what was measured: a busy machine is slow, not wrong.
package network

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/mqtt/broker"
	"traction/test/parts"
)

// TestGatewayWithoutARecord: a record that cannot be opened costs history, and not
// the stop from far away.
func TestGatewayWithoutARecord(t *testing.T) {
	parts.Heavy(t, "starts real processes")
	b, err := broker.Start(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, b.Close()) })
	heard := make(chan string, 1000)
	c := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + b.Addr()).SetClientID("watcher"))
	require.NoError(t, paho.WaitTokenTimeout(c.Connect(), time.Minute))
	t.Cleanup(func() { c.Disconnect(0) })
	require.NoError(t, paho.WaitTokenTimeout(c.Subscribe("traction/plain/#", 1, func(_ paho.Client, m paho.Message) {
		if !strings.HasSuffix(m.Topic(), "/telemetry") {
			heard <- m.Topic() + " " + string(m.Payload())
		}
	}), time.Minute))

	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "record.sqlite"), 0o700))
	start(t, "control", "--simulate", "--run-dir", dir, "--table", "plain")
	start(t, "gateway", "--run-dir", dir, "--broker", "tcp://"+b.Addr(), "--table-id", "plain")
	wait := func(part string) {
		deadline := time.After(time.Minute)
		for {
			select {
			case m := <-heard:
				if strings.Contains(m, part) {
					return
				}
			case <-deadline:
				t.Fatal("not heard: " + part)
			}
		}
	}
	wait(`"event_type":"record-lost"`)
	require.NoError(t, paho.WaitTokenTimeout(c.Publish("traction/plain/request", 1, false, `{"id":"s","command":"stop"}`), time.Minute))
	wait(`"id":"s","status":"ok"`)
}

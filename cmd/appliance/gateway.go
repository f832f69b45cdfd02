package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"traction/cmd/appliance/internal/gateway"
	"traction/cmd/appliance/internal/settings"
	"traction/mqtt"
	"traction/record"
)

// gatewayCommand is the gateway process: network and records, no hardware.
type gatewayCommand struct {
	Config  string `help:"Settings of the table." default:"/etc/traction/traction.toml" type:"path"`
	RunDir  string `help:"Run folder of a simulated table; --broker and --table-id then replace the settings." type:"path"`
	Broker  string `help:"Broker of a simulated table, for example tcp://127.0.0.1:1883."`
	TableID string `help:"Topic level of a simulated table." default:"winch"`
}

func (c *gatewayCommand) Run(ctx context.Context) error {
	socket, store, config := filepath.Join(c.RunDir, gatewaySocket), filepath.Join(c.RunDir, "record.sqlite"), mqtt.Config{Broker: c.Broker, TableID: c.TableID}
	var keep record.Keep // of a simulated table, everything
	if c.RunDir == "" {
		if c.Broker != "" {
			return errors.New("--broker: only with --run-dir; the broker of a real table stands in its settings")
		}
		s, err := settings.LoadGateway(c.Config)
		if err != nil {
			return err
		}
		socket, store, config, keep = s.Control.GatewaySocket, s.Record.Path, s.MQTT, s.Keep()
	}
	return runGateway(gateway.Linger(ctx, socket), socket, store, keep, config)
}

// runGateway records and publishes until ctx ends.
func runGateway(ctx context.Context, socket, path string, keep record.Keep, config mqtt.Config) error {
	err := os.MkdirAll(filepath.Dir(path), 0o750)
	var store *record.Store
	if err == nil {
		store, err = record.Open(path, record.Options{})
	}
	if err != nil {
		return withoutRecord(ctx, socket, config, err)
	}
	var wg sync.WaitGroup
	recorder := gateway.Recorder{Socket: socket, Store: store, Log: slog.Default()}
	keeper := gateway.Keeper{Store: store, Keep: keep, Log: slog.Default()}
	if config.Broker != "" {
		backlog := gateway.NewBacklog(store, slog.Default())
		g, err := mqtt.New(config, mqtt.Parts{Dial: mqtt.Socket(socket), Backlog: backlog, Reports: gateway.Reports{Store: store, Backlog: backlog}, Version: version, Log: slog.Default()})
		if err != nil {
			return errors.Join(err, store.Close())
		}
		recorder.Tell, recorder.Earlier, keeper.Tell = g.Tell, backlog.Keep, g.Tell
		wg.Go(func() { logged(g.Run(ctx)) })
	}
	wg.Go(func() { recorder.Run(ctx) })
	wg.Go(func() { keeper.Run(ctx) })
	wg.Go(func() { recorder.Check(ctx) })
	slog.Info("gateway runs", "control", socket, "record", path, "broker", config.Shown())
	wg.Wait()
	return store.Close()
}

// withoutRecord publishes although there is no record, such as on a card that can
// only be read: history is lost then, and a stop from far away is not.
func withoutRecord(ctx context.Context, socket string, config mqtt.Config, why error) error {
	if config.Broker == "" {
		return why
	}
	slog.Error("gateway: the record cannot be opened; nothing is recorded until that is mended and the gateway started again", "error", why)
	g, err := mqtt.New(config, mqtt.Parts{Dial: mqtt.Socket(socket), Version: version, Log: slog.Default()})
	if err != nil {
		return errors.Join(why, err)
	}
	g.Tell(mqtt.RecordLost, fmt.Sprintf("The record cannot be opened, so nothing is recorded: %v. Mend that, and start the gateway again.", why))
	return g.Run(ctx)
}

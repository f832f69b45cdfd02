package mqtt_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"traction/mqtt"
)

// A gateway between the control process's socket and a broker.
func ExampleNew() {
	gateway, err := mqtt.New(
		mqtt.Config{Broker: "ssl://broker.example:8883", TableID: "room-2", Username: "room-2", PasswordFile: "/etc/traction/mqtt.password"},
		mqtt.Parts{Dial: mqtt.Socket("/run/traction/gateway.sock")},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := gateway.Run(ctx); err != nil {
		fmt.Println(err)
	}
}

func ExampleConfig_Validate() {
	c := mqtt.Config{Broker: "tcp://broker.example", TableID: "room 2", Username: "me"}
	fmt.Println(c.Validate())
	// Output:
	// mqtt: table: "room 2" is not allowed: 1 to 40 letters, digits, _ and -
	// mqtt: broker: "tcp://broker.example" is not allowed: ssl:// or wss://, because user and password would cross the network unencrypted (insecure_plain_auth = true allows it all the same)
}

func ExampleTopicsOf() {
	topics := mqtt.TopicsOf("room-2")
	fmt.Println(topics.State)
	fmt.Println(topics.Request)
	// Output:
	// traction/room-2/state
	// traction/room-2/request
}

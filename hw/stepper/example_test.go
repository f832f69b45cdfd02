package stepper

import (
	"fmt"
	"time"

	"periph.io/x/conn/v3/physic"
)

// recorder stands for a test that only wants to print.
type recorder struct{}

func (recorder) Errorf(format string, args ...any) { fmt.Printf(format, args...) }
func (recorder) FailNow()                          { panic("failed") }

func ExampleDriver() {
	r := newRig(recorder{}, config()) // stands for three pins and a clock
	_ = r.Enable(r.now)
	for range 500 { // ticks of 1 ms
		_ = r.SetVelocity(r.now, 20*physic.MilliMetrePerSecond)
		tick := r.now + time.Millisecond
		for at, ok := r.NextEdge(); ok && at < tick; at, ok = r.NextEdge() {
			r.now = at
			_ = r.Edge(r.now)
		}
		r.now = tick
	}
	m := r.Motion()
	fmt.Println(m.Position, m.Distance, m.Speed, m.Enabled)
	// Output: 638 9.969mm 20mm/s true
}

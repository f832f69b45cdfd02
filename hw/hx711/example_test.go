package hx711

import (
	"fmt"
	"time"

	"periph.io/x/conn/v3/physic"
)

func ExampleNewGPIO() {
	chip := newChip(80) // stands for two pins and a clock
	chip.code = func(n int) int32 { return 42_000 + int32(n%3) }
	cell, err := NewGPIO(&sckPin{c: chip}, &doutPin{c: chip}, Opts{Rate: 80 * physic.Hertz}, chip.clock)
	if err != nil {
		fmt.Println(err)
		return
	}
	for tick := time.Duration(0); tick < 600*time.Millisecond; tick += time.Millisecond {
		chip.now = max(chip.now, tick)
		r := cell.Poll(tick)
		if r.Ready && r.Seq <= 2 {
			fmt.Println(r.Seq, r.Counts, r.Fault)
		}
	}
	fmt.Println(cell.SampleRate() > 79*physic.Hertz, cell.Stats().Resets)
	// Output:
	// 1 42001 none
	// 2 42002 none
	// true 1
}

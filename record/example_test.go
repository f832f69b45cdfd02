package record_test

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"periph.io/x/conn/v3/physic"

	"traction/control"
	"traction/record"
)

// begin opens a record in a folder of its own.
func begin() (*record.Store, func()) {
	dir, err := os.MkdirTemp("", "record")
	if err != nil {
		panic(err)
	}
	s, err := record.Open(filepath.Join(dir, "record.db"), record.Options{})
	if err != nil {
		panic(err)
	}
	return s, func() {
		s.Close()
		os.RemoveAll(dir)
	}
}

// seconds of a hold, 80 samples each.
func seconds(n int) (es []control.Entry) {
	for i := range 80 * n {
		es = append(es, control.Entry{Seq: uint64(i + 1), At: time.Duration(i) * 12500 * time.Microsecond,
			Force: 392 * physic.Newton, SetPoint: 392 * physic.Newton, Treatment: 1,
			Mode: control.Treating, Phase: control.Hold, Fresh: true})
	}
	return es
}

func ExampleOpen() {
	s, end := begin()
	defer end()
	if d := s.Damage(); d != nil {
		fmt.Println("the old record is damaged and now at", d.Path)
	}
	boot := record.Boot{ID: "5eed", Started: time.Now(), Table: "room-2", Version: "1.0.0"}
	if err := s.Boot(boot); err != nil {
		fmt.Println(err)
	}
	es := seconds(10)
	if err := s.Append(boot.ID, es[:160], nil, nil); err != nil {
		fmt.Println(err)
	}
	entry, event, report, _ := s.Next(boot.ID)
	fmt.Println("ask for", entry, event, report)
	if err := s.Append(boot.ID, es[400:], nil, nil); err != nil {
		fmt.Println(err)
	}
	missing, _ := s.Missing(boot.ID)
	fmt.Println("missing", missing)
	// Output:
	// ask for 161 1 1
	// missing [{entries 161 400}]
}

func ExampleStore_UnsentEvents() {
	s, end := begin()
	defer end()
	_ = s.Boot(record.Boot{ID: "5eed"})
	_ = s.Append("5eed", nil, []control.Event{{Seq: 1, Kind: control.EventBoot}, {Seq: 2, Kind: control.EventTrip}}, nil)
	for {
		pending, err := s.UnsentEvents(16)
		if err != nil || len(pending) == 0 {
			break
		}
		for _, p := range pending {
			fmt.Println(p.Boot.ID, p.Event.Seq, p.Event.Kind) // publish, wait for the broker
			_ = s.MarkSent(p.Boot.ID, p.Event.Seq)
		}
	}
	// Output:
	// 5eed 1 boot
	// 5eed 2 trip
}

func ExampleWriteCSV() {
	s, end := begin()
	defer end()
	boot := record.Boot{ID: "5eed", Started: time.Date(2026, 5, 4, 8, 10, 0, 0, time.UTC)}
	_ = s.Boot(boot)
	_ = s.Append(boot.ID, seconds(1)[:2], nil, nil)
	session, _ := s.Session(boot.ID, 1)
	if err := record.WriteCSV(os.Stdout, session, s.Entries(boot.ID, 1)); err != nil {
		fmt.Println(err)
	}
	// Output:
	// time,at_s,seq,treatment,mode,phase,step,cycle,force_n,set_point_n,position_mm,counts,fresh,action
	// 2026-05-04T08:10:00.000Z,0,1,1,treating,hold,0,0,392,392,0,0,true,none
	// 2026-05-04T08:10:00.012Z,0.0125,2,1,treating,hold,0,0,392,392,0,0,true,none
}

func ExamplePlot() {
	f, err := os.CreateTemp("", "treatment-*.png")
	if err != nil {
		panic(err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	trace := record.Trace{Title: "static", Entries: seconds(60),
		Limit: control.Bound[physic.Force]{Value: 450 * physic.Newton, Reason: control.ReasonProgramme}}
	fmt.Println(record.Plot(f, "png", trace))
	// Output: <nil>
}

package simtable

import "time"

// Truth is what really is, as no sensor says it. Lengths and speeds are positive towards force (the rope shortens).
type Truth struct {
	At time.Duration // the clock's time of the last step of the physics, at most 1 ms ago

	ForceN      float64 // at the rope, 0 or more
	PeakForceN  float64 // the highest ForceN since New
	PositionMM  float64 // of the drive
	ReelMM      float64 // rope on the drum: the position less what reversals lose
	SpeedMMPerS float64 // of the drive, smoothed over 10 ms
	SlackMM     float64 // loose rope as far as drum and harness go, 0 under tension
	PelvisMM    float64 // how far the pelvis has moved
	CreepMM     float64 // share of that which is creep
	SlippedMM   float64 // rope set free by slips and shifts
	LongerMM    float64 // rope that has slipped off the drum or stretched for good

	Slips            uint64 // of the harness
	Slides           uint64 // times that friction under the pelvis gave way
	LostSteps        uint64 // steps that a powered drive was told and did not make
	IgnoredSteps     uint64 // steps that an unpowered drive was told
	TimingViolations uint64 // pulses on STEP against the driver's rules; each is also a lost step
	Stalled          bool   // the rotor has lost the field
	Energised        bool   // the motor has power and is enabled
	RopeBroken       bool
	HarnessWorn      bool

	PadC        float64 // the pad
	SkinC       float64 // the skin on it where it is hottest
	HotSpotC    float64 // the hottest part of the pad: where it is folded, else as PadC
	PeakSkinC   float64 // the highest SkinC since New
	SensorC     float64 // the sensor's body; its readings are older
	Heating     bool    // current flows in the heater
	HeatPin     bool    // the pin asks for it
	RelayCycles uint64  // times that the heater was switched on

	CellResets   uint64 // times that a long clock pulse reset the converter
	SerialErrors uint64 // frames of a wrong number of pulses
	Cell2Resets  uint64 // as CellResets, of the second converter; 0 without one
	OutputReads  uint64 // reads of output pins, which would turn Linux lines into inputs

	AlarmLamp, CautionLamp, Buzzer bool
}

// Truth brings the table up to the clock's time and tells how it stands. Call it from the goroutine that owns the
// table.
func (s *Sim) Truth() Truth {
	now := s.look()
	m, p, h := &s.motor, &s.person, &s.pad
	return Truth{
		At:     s.at,
		ForceN: p.rope, PeakForceN: p.peak, PositionMM: m.position, ReelMM: s.reel, SpeedMMPerS: s.speed,
		SlackMM: max(0, -p.stretch), PelvisMM: p.pelvis, CreepMM: p.creep, SlippedMM: p.offset, LongerMM: p.longer,
		Slips: s.events.happened, Slides: p.slides,
		LostSteps: m.lost, IgnoredSteps: m.ignored, TimingViolations: m.violations, Stalled: m.stalled,
		Energised: s.powered(now), RopeBroken: p.broken, HarnessWorn: p.worn,
		PadC: h.pad, HotSpotC: max(h.pad, h.spot), SkinC: max(h.skin, h.spotSkin), PeakSkinC: h.peakSkin, SensorC: h.sensor, Heating: h.heating(), RelayCycles: h.cycles,
		CellResets: s.chip.resets, Cell2Resets: s.second.resets, SerialErrors: s.chip.serialErrors, OutputReads: s.outputReads,
		HeatPin:     h.pin,
		AlarmLamp:   bool(s.pins.outputs[lineAlarm].level),
		CautionLamp: bool(s.pins.outputs[lineCaution].level),
		Buzzer:      bool(s.pins.outputs[lineBuzzer].level),
	}
}

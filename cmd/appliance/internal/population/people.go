package population

import (
	"math"

	"traction/hw/simtable"
)

// The ranges of people: harness and body together 1.9 to 20 N/mm, friction 0.25
// to 0.5 of the weight of the moved part and next to nothing on a split table,
// breath of a few newtons to some tens at 0.2 to 0.35 Hz, creep of 1 to 6 mm
// within 5 to 8 minutes, coughs of some tens of newtons to 150 N (published
// ranges; the shipped patients give each with its source).
const (
	shippedShare  = 0.4 // of the cases have a shipped patient
	softestChain  = 1.9 // N/mm
	stiffestChain = 20.0
)

// drawPatient takes a shipped patient, or makes one up.
func drawPatient(d dice, cervical bool) simtable.Patient {
	if d.chance(shippedShare) {
		return shipped(d, cervical)
	}
	p, _ := simtable.PatientByName("median") // shipped: always there
	p.Name, p.Description, p.Source = "random", "a person of the published ranges", "drawn by chance"
	p.BodyWeightKg = math.Round(d.between(40, 140))
	for {
		p.HarnessStiffnessNPerMM, p.BodyStiffnessNPerMM = d.over(3, 30), d.over(5, 60)
		k := 1 / (1/p.HarnessStiffnessNPerMM + 1/p.BodyStiffnessNPerMM)
		if k >= softestChain && k <= stiffestChain {
			break
		}
	}
	p.HarnessSlackMM = d.between(15, 90)
	switch {
	case d.chance(0.2):
		p.FrictionN = 0 // a split table
	case cervical:
		p.FrictionN = d.between(3, 15)
	default:
		p.FrictionN = d.over(10, 250)
	}
	p.FrictionStaticRatio = d.between(1, 1.2)
	p.CreepMM, p.CreepTimeConstantS = d.between(1, 6), d.between(300, 480)
	p.CreepReferenceN = p.BodyWeightKg * 9.81 / 3
	p.BreathingN, p.BreathingHz = d.over(2, 25), d.between(0.2, 0.35)
	if d.chance(0.2) {
		p.CoughsPerMinute, p.CoughN = d.over(0.1, 2), d.between(20, 150)
	}
	return p
}

// shipped takes one of the shipped patients: a neck for a cervical harness, and
// no neck for a lumbar one.
func shipped(d dice, cervical bool) simtable.Patient {
	for {
		p, _ := simtable.PatientByName(pick(d, simtable.Patients()...)) // from the list of those that are
		if neck(p.Name) == cervical {
			return p
		}
	}
}

func neck(name string) bool { return len(name) >= 8 && name[:8] == "cervical" }

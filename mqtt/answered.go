package mqtt

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"traction/control"
	"traction/control/link"
)

// remembered is how many answers are kept to be given again. A sender repeats a
// request within seconds; one client at its highest rate takes 25 s for so many.
const remembered = 128

// answers remembers the last answered requests, so that the same request twice
// gives one action and the same answer twice. It belongs to the one goroutine
// that works the queue off.
type answers struct {
	byID  map[string]answer
	order []string // oldest first
}

type answer struct {
	request  [sha256.Size]byte
	response link.Response
}

func newAnswers() *answers { return &answers{byID: make(map[string]answer, remembered)} }

// errUsed refuses another request under a used id: its sender would take the first
// one's answer for its own.
var errUsed = errors.New("was used for another request, allowed: an id of its own for each request")

// recall finds what was answered to this request, or errUsed.
func (a *answers) recall(client string, r link.Request) (response link.Response, found bool, err error) {
	known, found := a.byID[idOf(client, r)]
	if found && known.request != digest(r) {
		return link.Response{}, false, fmt.Errorf("id: %q %w", r.ID, errUsed)
	}
	return known.response, found, nil
}

// remember keeps an answer. Those that say "try again" are not kept, so that
// trying again with the same id works; the control process has a memory of its
// own for a request that reached it.
func (a *answers) remember(client string, r link.Request, response link.Response) {
	if response.Code == control.QueueFull || response.Code == control.Unanswered {
		return
	}
	id := idOf(client, r)
	if _, known := a.byID[id]; !known {
		if len(a.order) >= remembered {
			delete(a.byID, a.order[0])
			a.order = append(a.order[:0], a.order[1:]...)
		}
		a.order = append(a.order, id)
	}
	a.byID[id] = answer{digest(r), response}
}

// idOf is an id among all clients, who choose theirs without knowing each other.
func idOf(client string, r link.Request) string { return client + "/" + r.ID }

// digest tells requests apart by what they mean: the encoder writes the same
// values always the same way.
func digest(r link.Request) [sha256.Size]byte {
	raw, _ := r.MarshalJSON() // cannot fail
	return sha256.Sum256(raw)
}

package link

import (
	"context"
	"sync"
)

// memorySize is how many answered ids are remembered: more than a gateway can
// have under way after a reconnect.
const memorySize = 128

// memory makes one action of requests that come twice under one id, as MQTT's
// "at least once" may deliver them, also over two connections.
type memory struct {
	mu    sync.Mutex
	byID  map[string]*answer
	order [memorySize]*answer // a ring
	next  int                 // the one to be forgotten next
}

// answer is complete when done is closed.
type answer struct {
	id       string
	done     chan struct{}
	response Response
}

// once calls act for the first of several requests with one id and gives its
// response to all of them, to the later ones as Repeated. A response is kept only if act says so: a request
// that did nothing may be tried again. The wait for another's response ends
// with ctx.
func (m *memory) once(ctx context.Context, id string, act func() (r Response, keep bool)) (Response, error) {
	a, first := m.claim(id)
	if !first {
		select {
		case <-a.done:
			again := a.response
			again.Repeated = true
			return again, nil
		case <-ctx.Done():
			return Response{}, ctx.Err()
		}
	}
	keep := false
	defer func() {
		if !keep {
			m.forget(a)
		}
		close(a.done)
	}()
	a.response, keep = act()
	return a.response, nil
}

// claim finds the answer for id or makes room for it.
func (m *memory) claim(id string) (a *answer, first bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a := m.byID[id]; a != nil {
		return a, false
	}
	if m.byID == nil {
		m.byID = make(map[string]*answer, memorySize)
	}
	if oldest := m.order[m.next]; oldest != nil && m.byID[oldest.id] == oldest {
		delete(m.byID, oldest.id)
	}
	a = &answer{id: id, done: make(chan struct{})}
	m.byID[id] = a
	m.order[m.next] = a
	m.next = (m.next + 1) % memorySize
	return a, true
}

// forget takes an answer out, unless its id belongs to a later one by now.
func (m *memory) forget(a *answer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byID[a.id] == a {
		delete(m.byID, a.id)
	}
}

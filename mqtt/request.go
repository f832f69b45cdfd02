package mqtt

import (
	"context"
	"errors"
	"fmt"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"traction/control"
	"traction/control/link"
)

// incoming is one request that is worth answering. With err it is a stop in a
// request that was otherwise wrong.
type incoming struct {
	request link.Request
	err     error
	client  string // by its topic; empty on the plain one
}

// receive takes one message from the broker. It runs in the client library's
// reader and must never wait: while it does, pings are not answered.
func (g *Gateway) receive(c *connection, m paho.Message) {
	if m.Topic() == g.topics.Availability {
		c.echoed.Store(true)
		if !m.Retained() && string(m.Payload()) == Offline {
			signal(c.contradicted)
		}
		return
	}
	client, named := g.topics.requestClient(m.Topic())
	switch raw := m.Payload(); {
	case !g.topics.requests(m.Topic()) || len(raw) == 0: // nobody's, or somebody clears a retained request: we do
	case m.Retained():
		g.refuseRetained(client, m.Topic(), raw)
	case !named:
		g.takeNameless(raw)
	default:
		g.take(client, raw)
	}
}

// errNameless is what is wrong with a topic request/<client>.
var errNameless = errors.New("client: the name behind request/ is not allowed: 1 to 40 letters, digits, _ and -")

// takeNameless sorts a request of a client whose name, such as an e-mail address,
// is not allowed. Its stop and pause act: a broker's access rules may leave its user
// no other topic. Answers go to the plain topic, as no other can be told to anybody.
func (g *Gateway) takeNameless(raw []byte) {
	r, err := link.DecodeRequest(raw)
	switch {
	case r.Command == control.CommandStop, err == nil && r.Command == control.CommandPause:
		g.take("", raw)
	case !g.clients.allow("", time.Now()):
		g.refuseFlood("", r.ID)
	default:
		g.Tell(MalformedRequest, fmt.Sprintf("A request was refused (id %q): %v.", r.ID, errNameless))
		g.answer("", link.Refusal(r.ID, errNameless))
	}
}

// take sorts a request by how urgent it is: a stop waits for nothing
// (R-STOP-ALWAYS), the same id is one action (R-ONE-ACTION).
func (g *Gateway) take(client string, raw []byte) {
	r, err := link.DecodeRequest(raw)
	switch {
	case r.Command == control.CommandStop:
		g.urgent(g.stops, incoming{r, err, client})
	case err == nil && r.Command == control.CommandPause:
		g.urgent(g.pauses, incoming{r, nil, client})
	case !g.clients.allow(client, time.Now()):
		g.refuseFlood(client, r.ID)
	case len(raw) > link.MaxRequest:
		g.Tell(OversizeRequest, fmt.Sprintf("A request of %d bytes%s was refused; %d are allowed.", len(raw), by(client), link.MaxRequest))
		g.answer(client, link.Refusal(r.ID, err))
	case err != nil:
		g.refuse(client, r.ID, err)
	default:
		select {
		case g.requests <- incoming{r, nil, client}:
		default:
			g.refuseFlood(client, r.ID)
		}
	}
}

// refuse answers and tells a request that cannot be understood.
func (g *Gateway) refuse(client, id string, err error) {
	g.Tell(MalformedRequest, fmt.Sprintf("A request%s was refused (id %q): %v.", by(client), id, err))
	g.answer(client, link.Refusal(id, err))
}

// by names a client in an event's text.
func by(client string) string {
	if client == "" {
		return ""
	}
	return " of client " + client
}

// urgent queues a stop or a pause. A full queue holds the same command sixteen
// times and each of them is carried out after this moment, so the table does
// what was asked for; only an answer is missing.
func (g *Gateway) urgent(queue chan incoming, in incoming) {
	select {
	case queue <- in:
	default:
		g.drop("an answer to one of many stops or pauses")
	}
}

// refuseFlood answers a request above the limit, if there are not too many of
// those answers already.
func (g *Gateway) refuseFlood(client, id string) {
	g.Tell(RefusedFlood, fmt.Sprintf("Requests%s were refused, because more than %d a second came.", by(client), requestRate))
	if !g.refusals.allow(time.Now()) {
		g.drop("a request above the limit")
		return
	}
	g.answer(client, link.Answer(id, control.Reply{Code: control.QueueFull}))
}

// refuseRetained clears a retained request (R-RETAINED): it was decided at an unknown time on
// an unknown state, and the broker would repeat it at every connection.
func (g *Gateway) refuseRetained(client, topic string, raw []byte) {
	r, _ := link.DecodeRequest(raw) // for its id, if it can be read
	g.post(outgoing{topic: topic, retained: true})
	g.Tell(RetainedRequest, fmt.Sprintf("A retained request%s was found, not obeyed and cleared (id %q). Its sender must switch retain off.", by(client), r.ID))
	g.postJSON(g.topics.responseTo(client), g.useless(), Response{
		Schema: Schema, Time: Time(time.Now()), ID: r.ID, Status: link.StatusRefused, Code: CodeRetained,
		Message: "a retained request is never obeyed; send it without retain",
	})
}

// workRequests asks the control process about one request after the other.
func (g *Gateway) workRequests(ctx context.Context) {
	known := newAnswers()
	for {
		select {
		case <-ctx.Done():
			return
		case in := <-g.requests:
			g.work(ctx, known, in)
		}
	}
}

// work answers one request.
func (g *Gateway) work(ctx context.Context, known *answers, in incoming) {
	switch in.request.Command {
	case control.CommandReport: // asked twice it is published twice
		g.postJSON(g.topics.responseTo(in.client), g.useless(), g.publishPast(in.request))
		return
	case control.CommandUnpublish:
		g.answer(in.client, g.removeDiscovery(in.request))
		return
	}
	response, found, err := known.recall(in.client, in.request)
	if err != nil {
		g.refuse(in.client, in.request.ID, err)
		return
	}
	if !found {
		response = g.ask(ctx, in.request)
		known.remember(in.client, in.request, response)
	}
	// The control process remembers as well: across a restart of the gateway, and
	// whoever sends the copy.
	if found || response.Repeated {
		g.Tell(RepeatedRequest, fmt.Sprintf("The %s request %q%s came again; it was answered again and not done again.",
			in.request.Command, in.request.ID, by(in.client)))
	}
	g.answer(in.client, response)
}

// removeDiscovery answers an unpublish request. It moves nothing, so the gateway
// itself looks at what remote users may do.
func (g *Gateway) removeDiscovery(r link.Request) link.Response {
	if g.view.may() < control.Adjust {
		return link.Answer(r.ID, control.Reply{Kind: r.Command, Code: control.NotAllowed})
	}
	g.unpublish()
	return link.Response{ID: r.ID, Status: link.StatusOK, Code: control.Accepted,
		Message: "unpublish: the table is taken out of the discovery until the gateway starts again"}
}

// ask gets the control process's answer to a request.
func (g *Gateway) ask(ctx context.Context, r link.Request) link.Response {
	response, err := g.askOnce(ctx, r)
	switch {
	case err == nil:
		return response
	case errors.Is(err, errNoLink):
		return unanswered(r.ID, "the control process does not run; nothing was done")
	default:
		return unanswered(r.ID, "the control process did not answer; look at the state before trying again")
	}
}

var errNoLink = errors.New("mqtt: no control process")

func (g *Gateway) askOnce(ctx context.Context, r link.Request) (link.Response, error) {
	l := g.view.reach()
	if l == nil {
		return link.Response{}, errNoLink
	}
	ctx, cancel := context.WithTimeout(ctx, g.pace.ask)
	defer cancel()
	return l.Request(ctx, r)
}

// workUrgent hands over stops, or pauses. Each has a worker of its own, so that
// no stop waits for the answer to anything else.
func (g *Gateway) workUrgent(ctx context.Context, queue <-chan incoming) {
	for {
		select {
		case <-ctx.Done():
			return
		case in := <-queue:
			g.answer(in.client, g.askUrgent(ctx, in))
		}
	}
}

// askUrgent hands over a stop or a pause under an id of its own: the control
// process, too, takes the same id twice for one request, and a button that
// always sends the same bytes must act each time. A stop is tried again for some
// time where there is no control process to take it, because it can only do good
// late as well; a pause is not, because things may have moved on.
func (g *Gateway) askUrgent(ctx context.Context, in incoming) link.Response {
	anonymous := link.Request{Command: in.request.Command} // the link gives it an id
	if in.request.Command != control.CommandStop {
		response := g.ask(ctx, anonymous)
		response.ID = in.request.ID
		return response
	}
	until, cancel := context.WithTimeout(ctx, g.pace.stopping)
	defer cancel()
	for {
		response, err := g.askOnce(until, anonymous)
		if err != nil {
			response, err = g.askAnew(until, anonymous)
		}
		if err == nil && response.Status == link.StatusOK {
			done := link.Stopped(in.request.ID, in.err)
			done.Rev, done.Mode = response.Rev, response.Mode
			return done
		}
		if !pause(until, g.pace.redial.first) {
			return unanswered(in.request.ID, "stop could not be handed over: the control process does not answer; use the switch at the table")
		}
	}
}

// askAnew asks over a link of its own. Whoever follows the other one may wait for a
// disk that hangs, or before its next attempt, and so not notice that it is of no use.
func (g *Gateway) askAnew(ctx context.Context, r link.Request) (link.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, g.pace.ask)
	defer cancel()
	l, err := g.dial(ctx)
	if err != nil {
		return link.Response{}, err
	}
	defer func() { _ = l.Close() }() // what it was for has been done or has failed
	if l.Hello().Boot.Table != g.config.TableID {
		return link.Response{}, errNoLink
	}
	return l.Request(ctx, r)
}

// unanswered says that nobody knows more.
func unanswered(id, message string) link.Response {
	return link.Response{ID: id, Status: link.StatusRefused, Code: control.Unanswered, Message: message}
}

// answer posts a response.
func (g *Gateway) answer(client string, r link.Response) {
	g.postJSON(g.topics.responseTo(client), g.useless(), showResponse(r, time.Now()))
}

// useless is when a response that is posted now has become useless.
func (g *Gateway) useless() time.Time { return time.Now().Add(g.pace.responseAge) }

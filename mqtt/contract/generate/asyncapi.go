package main

import (
	"bytes"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"traction/mqtt"
	"traction/mqtt/contract"
)

// object is a JSON or YAML object that keeps its order.
type object []entry

type entry struct {
	key   string
	value any
}

// MarshalJSON implements json.Marshaler.
func (o object) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, e := range o {
		if i > 0 {
			b = append(b, ',')
		}
		key, err := plain(e.key)
		if err != nil {
			return nil, err
		}
		value, err := plain(e.value)
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, key...), ':'), value...)
	}
	return append(b, '}'), nil
}

// binding is the version of AsyncAPI's MQTT bindings that is used.
const binding = "0.2.0"

// versionRule is the rule for changes, in the document and on the page.
const versionRule = `Every message that the appliance publishes has a field "schema", which is its version; the present one is 1.
The following may come at any time and do not change it: new topics; new fields; new values of lists that
grow (event_type, interlocks, conditions in "missing", codes, reasons and causes); new commands and new optional fields of
requests. So a reader ignores topics and fields that it does not know, and takes a value that it
does not know for "something else". Requests are the other way round: the appliance refuses what it does not know.
Anything else needs the next version: a field that goes away, gets another name, type, unit or meaning, or may
be null where it never was; a new mode, phase, action, alarm or status; a request field that becomes necessary or takes less.
The next version gets a root of its own, traction-2/<table>/, and both are served, with requests taken
on both, for at least twelve months after the release that brings it.`

// asyncAPI is the AsyncAPI document.
func (m *model) asyncAPI() ([]byte, error) {
	examples, err := readExamples(m.root)
	if err != nil {
		return nil, err
	}
	channels := contract.Channels()
	document := object{
		{"asyncapi", "3.0.0"},
		{"info", object{
			{"title", "Traction table"},
			{"version", fmt.Sprintf("%d.0.0", mqtt.Schema)},
			{"description", "What a traction table publishes over MQTT, and what it can be asked for. Written from the appliance's point " +
				"of view: it sends state and receives requests. docs/mqtt.md has the same for people.\n\n" + versionRule + "\n"},
		}},
		{"defaultContentType", "application/json"},
		{"servers", servers()},
		{"channels", m.channels(channels)},
		{"operations", operations(channels)},
		{"components", object{
			{"messages", m.messageObjects(channels, examples)},
			{"parameters", parameters()},
			{"securitySchemes", securitySchemes()},
		}},
	}
	return asYAML(document)
}

func servers() object {
	server := func(host, protocol, what string, security []object) object {
		return object{
			{"host", host}, {"protocol", protocol}, {"protocolVersion", "3.1.1"}, {"description", what}, {"security", security},
			{"bindings", object{{"mqtt", object{
				{"cleanSession", true},
				{"lastWill", object{{"topic", "traction/{table}/availability"}, {"qos", 1}, {"message", mqtt.Offline}, {"retain", true}}},
				{"keepAlive", 15},
				{"bindingVersion", binding},
			}}}},
		}
	}
	password := object{{"$ref", "#/components/securitySchemes/password"}}
	certificate := object{{"$ref", "#/components/securitySchemes/certificate"}}
	return object{
		{"encrypted", server("broker.example:8883", "secure-mqtt", "Any MQTT 3.1.1 broker with TLS, which is what a network asks for.", []object{password, certificate})},
		{"loopback", server("127.0.0.1:1883", "mqtt", "A broker on the same computer.", []object{password})},
	}
}

func securitySchemes() object {
	return object{
		{"password", object{{"type", "userPassword"}, {"description", "User and password; sent unencrypted to another machine only if that is allowed expressly."}}},
		{"certificate", object{{"type", "X509"}, {"description", "A client certificate, PEM."}}},
	}
}

func parameters() object {
	return object{
		{"table", object{{"description", "The table's id: 1 to 40 letters, digits, _ and -."}, {"examples", []string{"room-2"}}}},
		{"client", object{{"description", "The client's name at the broker, so that its access rules can tell clients apart: 1 to 40 letters, digits, _ and -."}, {"examples", []string{"nurse-1"}}}},
	}
}

// identifier names a channel within the document: request/{client} is requestOf.
func identifier(c contract.Channel) string {
	return strings.ReplaceAll(c.Name, "/{client}", "Of")
}

func (m *model) channels(all []contract.Channel) (out object) {
	for _, c := range all {
		parameters := object{{"table", ref("components/parameters/table")}}
		if strings.Contains(c.Name, "{client}") {
			parameters = append(parameters, entry{"client", ref("components/parameters/client")})
		}
		out = append(out, entry{identifier(c), object{
			{"address", "traction/{table}/" + c.Name},
			{"description", "Comes " + c.When + "."},
			{"messages", object{{c.Message, ref("components/messages/" + c.Message)}}},
			{"parameters", parameters},
		}})
	}
	return out
}

func operations(all []contract.Channel) (out object) {
	for _, c := range all {
		id := identifier(c)
		action := "send"
		if c.Inbound {
			action = "receive"
		}
		op := object{
			{"action", action},
			{"channel", ref("channels/" + id)},
			{"summary", sentence("comes " + c.When)},
			{"messages", []object{ref("channels/" + id + "/messages/" + c.Message)}},
			{"bindings", object{{"mqtt", object{{"qos", c.QoS}, {"retain", c.Retained}, {"bindingVersion", binding}}}}},
		}
		if c.Inbound {
			answer := strings.Replace(id, "request", "response", 1)
			op = append(op, entry{"reply", object{
				{"channel", ref("channels/" + answer)},
				{"messages", []object{ref("channels/" + answer + "/messages/response")}},
			}})
		}
		out = append(out, entry{action + strings.ToUpper(id[:1]) + id[1:], op})
	}
	return out
}

func ref(path string) object { return object{{"$ref", "#/" + path}} }

// messageObjects describes each kind of message once.
func (m *model) messageObjects(all []contract.Channel, examples []example) (out object) {
	done := make(map[string]bool)
	for _, c := range all {
		if done[c.Message] {
			continue
		}
		done[c.Message] = true
		if c.Message == contract.Availability {
			out = append(out, entry{c.Message, availability()})
			continue
		}
		described := m.find(c.Message)
		o := object{
			{"name", c.Message},
			{"title", described.Title},
			{"summary", described.Description},
			{"contentType", "application/json"},
			{"payload", object{{"$ref", "./schemas/" + c.Message + ".json"}}},
		}
		if c.Message == contract.Request || c.Message == "response" {
			o = append(o, entry{"correlationId", object{{"description", "A response has the id of its request."}, {"location", "$message.payload#/id"}}})
		}
		var shown []object
		for _, e := range examples {
			if e.message == c.Message {
				shown = append(shown, object{{"name", e.name}, {"summary", e.title}, {"payload", e.payload}})
			}
		}
		if len(shown) > 0 {
			o = append(o, entry{"examples", shown})
		}
		out = append(out, entry{c.Message, o})
	}
	return out
}

func availability() object {
	return object{
		{"name", contract.Availability},
		{"title", "Availability"},
		{"summary", "Whether the values on the other topics are live. A bare word, no JSON."},
		{"contentType", "text/plain"},
		{"payload", object{{"type", "string"}, {"enum", []string{mqtt.Online, mqtt.Offline}}}},
	}
}

// find gives the schema of a kind of message.
func (m *model) find(name string) *schema {
	for _, x := range m.messages {
		if x.name == name {
			return x.schema
		}
	}
	return &schema{}
}

// asYAML turns JSON, which is YAML already, into what people like to read.
func asYAML(v any) ([]byte, error) {
	raw, err := plain(v)
	if err != nil {
		return nil, err
	}
	var node yaml.Node
	if err := yaml.Unmarshal(raw, &node); err != nil {
		return nil, err
	}
	loosen(&node)
	var b bytes.Buffer
	b.WriteString("# Generated from the Go types by: go generate ./mqtt/...\n#\n# The rule for changes:\n")
	for line := range strings.Lines(versionRule) {
		b.WriteString("#   " + line)
	}
	b.WriteString("\n\n")
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(&node); err != nil {
		return nil, err
	}
	return b.Bytes(), e.Close()
}

// loosen takes braces and needless quotes away.
func loosen(n *yaml.Node) {
	n.Style = 0
	if n.Kind == yaml.ScalarNode && strings.Contains(n.Value, "\n") {
		n.Style = yaml.LiteralStyle
	}
	for _, c := range n.Content {
		loosen(c)
	}
}

package homeassistant

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

// api is Home Assistant's way in for programs, with the rights of its owner.
type api struct {
	base  string // such as http://127.0.0.1:8123
	token string
	http  http.Client
}

// call makes one request and gives the answer's status and body.
func (a *api) call(method, path string, body any) (int, []byte, error) {
	var raw io.Reader
	kind := "application/json"
	switch b := body.(type) {
	case nil:
	case url.Values:
		raw, kind = bytes.NewBufferString(b.Encode()), "application/x-www-form-urlencoded"
	default:
		encoded, err := json.Marshal(b)
		if err != nil {
			return 0, nil, err
		}
		raw = bytes.NewReader(encoded)
	}
	req, err := http.NewRequest(method, a.base+path, raw)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", kind)
	if a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	answer, err := a.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end
	said, err := io.ReadAll(io.LimitReader(answer.Body, 4<<20))
	return answer.StatusCode, said, err
}

// do makes a request that must succeed.
func (a *api) do(t *testing.T, method, path string, body, into any) {
	t.Helper()
	status, said, err := a.call(method, path, body)
	require.NoError(t, err, path)
	require.Less(t, status, 300, "%s: %s", path, said)
	if into != nil {
		require.NoError(t, json.Unmarshal(said, into), "%s: %s", path, said)
	}
}

// entity is the present state of one.
type entity struct {
	ID         string         `json:"entity_id"`
	State      string         `json:"state"`
	Attributes map[string]any `json:"attributes"`
}

// entities are the present states of all entities, taken at one moment.
func (a *api) entities(t *testing.T) map[string]entity {
	t.Helper()
	var list []entity
	a.do(t, http.MethodGet, "/api/states", nil, &list)
	out := make(map[string]entity, len(list))
	for _, e := range list {
		out[e.ID] = e
	}
	return out
}

// service calls a service for one entity, as Home Assistant's own pages do; err is
// what it was refused with.
func (a *api) service(t *testing.T, name, entity string, data map[string]any) error {
	t.Helper()
	domain, service, _ := strings.Cut(name, "/")
	if data == nil {
		data = map[string]any{}
	}
	_, err := a.request(t, "call_service", map[string]any{
		"domain": domain, "service": service, "service_data": data, "target": map[string]string{"entity_id": entity}})
	return err
}

// request makes one request on a WebSocket of its own, the only way to the
// registries; err is what Home Assistant refused it with.
func (a *api) request(t *testing.T, kind string, fields map[string]any) (json.RawMessage, error) {
	t.Helper()
	conn, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(a.base, "http")+"/api/websocket", nil)
	require.NoError(t, err)
	defer conn.Close() //nolint:errcheck // nothing is left to say
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(parts.Patience)))
	var hello struct{ Type string }
	require.NoError(t, conn.ReadJSON(&hello))
	require.NoError(t, conn.WriteJSON(map[string]any{"type": "auth", "access_token": a.token}))
	require.NoError(t, conn.ReadJSON(&hello))
	require.Equal(t, "auth_ok", hello.Type)

	request := map[string]any{"id": 1, "type": kind}
	maps.Copy(request, fields)
	require.NoError(t, conn.WriteJSON(request))
	var answer struct {
		Success bool
		Result  json.RawMessage
		Error   struct{ Message string }
	}
	require.NoError(t, conn.ReadJSON(&answer))
	if !answer.Success {
		return nil, fmt.Errorf("%s: %s", kind, answer.Error.Message)
	}
	return answer.Result, nil
}

// ask makes a request that must succeed.
func (a *api) ask(t *testing.T, kind string, fields map[string]any, into any) {
	t.Helper()
	result, err := a.request(t, kind, fields)
	require.NoError(t, err)
	if into != nil {
		require.NoError(t, json.Unmarshal(result, into), kind)
	}
}

// registered is an entity as the registry knows it, disabled ones too.
type registered struct {
	ID         string  `json:"entity_id"`
	UniqueID   string  `json:"unique_id"`
	Platform   string  `json:"platform"` // the integration, such as mqtt
	Device     string  `json:"device_id"`
	Category   *string `json:"entity_category"`
	DisabledBy *string `json:"disabled_by"`
}

// registry lists the entities that came over MQTT, by unique id.
func (a *api) registry(t *testing.T) map[string]registered {
	t.Helper()
	var list []registered
	a.ask(t, "config/entity_registry/list", nil, &list)
	out := make(map[string]registered)
	for _, r := range list {
		if r.Platform == "mqtt" {
			out[r.UniqueID] = r
		}
	}
	return out
}

// device as the registry knows it.
type device struct {
	ID               string
	Name             string
	SerialNumber     *string    `json:"serial_number"`
	AreaID           *string    `json:"area_id"`
	ConfigurationURL *string    `json:"configuration_url"`
	SoftwareVersion  *string    `json:"sw_version"`
	Identifiers      [][]string `json:"identifiers"`
}

// devices lists those that came over MQTT.
func (a *api) devices(t *testing.T) (out []device) {
	t.Helper()
	var list []device
	a.ask(t, "config/device_registry/list", nil, &list)
	for _, d := range list {
		if len(d.Identifiers) > 0 && d.Identifiers[0][0] == "mqtt" {
			out = append(out, d)
		}
	}
	return out
}

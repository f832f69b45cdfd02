package homeassistant

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

// configuration is all that Home Assistant is told. The frontend cannot be left
// out, and its pages are not needed: with a development folder it starts without
// them. Nothing here reaches out of this machine.
const configuration = `homeassistant:
  name: Test
  time_zone: UTC
  unit_system: metric
http:
  server_host: 127.0.0.1
  server_port: %s
frontend:
  development_repo: %s
logger:
  default: info
`

// home is a Home Assistant that can be ended and started again.
type home struct {
	owner        *testing.T // whose end is its end
	program, dir string
	api
	running *parts.Process
}

// startHome runs a new Home Assistant, with what the documents offer, and makes its
// owner.
func startHome(t *testing.T) *home {
	t.Helper()
	h := &home{owner: t, program: hass(t), dir: t.TempDir()}
	pages, port := filepath.Join(h.dir, "pages"), parts.FreePort(t)
	require.NoError(t, os.MkdirAll(filepath.Join(pages, "hass_frontend"), 0o700))
	text := fmt.Sprintf(configuration, port, pages) + copied
	copyDocuments(t, h.dir)
	require.NoError(t, os.WriteFile(filepath.Join(h.dir, "configuration.yaml"), []byte(text), 0o600))
	h.base, h.http.Timeout = "http://127.0.0.1:"+port, parts.Patience
	h.start(t)
	h.onboard(t)
	return h
}

// start starts it and waits until it answers.
func (h *home) start(t *testing.T) {
	t.Helper()
	h.running = launch(h.owner, h.dir, h.program, "--config", h.dir, "--skip-pip", "--log-no-color")
	parts.Eventually(t, "Home Assistant runs", func() bool {
		require.True(t, h.running.Alive(), "it has ended: %s", h.running.Said)
		if h.token == "" {
			status, _, err := h.call(http.MethodGet, "/api/onboarding", nil)
			return err == nil && status == http.StatusOK
		}
		status, said, err := h.call(http.MethodGet, "/api/config", nil)
		return err == nil && status == http.StatusOK && strings.Contains(string(said), `"state":"RUNNING"`)
	})
}

func (h *home) stop(t *testing.T) {
	t.Helper()
	h.running.End()
}

// onboard makes the owner and gets a token. The step core_config is left out: it
// sets up integrations that fetch from the Internet.
func (h *home) onboard(t *testing.T) {
	t.Helper()
	client := h.base + "/"
	var user struct {
		AuthCode string `json:"auth_code"`
	}
	h.do(t, http.MethodPost, "/api/onboarding/users", map[string]string{
		"client_id": client, "name": "Owner", "username": "owner", "password": "owner-of-the-test", "language": "en"}, &user)
	var token struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	h.do(t, http.MethodPost, "/auth/token", url.Values{
		"client_id": {client}, "grant_type": {"authorization_code"}, "code": {user.AuthCode}}, &token)
	h.token = token.Access // for half an hour
	h.do(t, http.MethodPost, "/api/onboarding/analytics", map[string]any{}, nil)
	h.do(t, http.MethodPost, "/api/onboarding/integration", map[string]string{"client_id": client, "redirect_uri": client}, nil)
}

// connect sets its MQTT integration up, as the owner would in a dialogue.
func (h *home) connect(t *testing.T, b *parts.Mosquitto) {
	t.Helper()
	type step struct {
		FlowID string `json:"flow_id"`
		Type   string
		StepID string `json:"step_id"`
		Errors map[string]string
	}
	var s step
	h.do(t, http.MethodPost, "/api/config/config_entries/flow", map[string]any{"handler": "mqtt"}, &s)
	require.Equal(t, "form", s.Type)
	flow := s.FlowID
	h.do(t, http.MethodPost, "/api/config/config_entries/flow/"+flow, map[string]any{"broker": "127.0.0.1", "port": number(b.Port())}, &s)
	require.Equal(t, "create_entry", s.Type, "%+v", s)
}

// number reads a port.
func number(text string) (n int) {
	_, _ = fmt.Sscan(text, &n)
	return n
}

// foreseen are warnings that do not concern what is tested: parts that are left
// out of this installation, and a broker that is stopped by the test.
var foreseen = []string{
	"Skipping pip installation of required modules",
	"zlib_ng and isal are not available",
	"Error loading libturbojpeg",
	"Value 5000.0 for number.traction_table_hold_force is outside valid range", // asked for by the test
	// It clears a discovery topic again for each entity that it removes, and reads that.
	"components.mqtt.discovery] No device components to cleanup for traction_winch",
	"components.mqtt.client] Disconnected from MQTT server",
	"components.mqtt.client] Error returned from MQTT server",
	"components.mqtt.client] Failed to connect to MQTT server",
	"[paho.mqtt.client] failed to receive on socket",
}

// complaints are all other warnings and errors in its log.
func (h *home) complaints() (out []string) {
	for line := range strings.Lines(h.running.Said.String()) {
		bad := strings.Contains(line, " WARNING ") || strings.Contains(line, " ERROR ") || strings.Contains(line, " CRITICAL ")
		if bad && !slices.ContainsFunc(foreseen, func(known string) bool { return strings.Contains(line, known) }) {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

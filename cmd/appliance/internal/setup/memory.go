package setup

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"

	"traction/cmd/appliance/internal/durable"
)

// memoryFile is what is known of the last time. It holds no secrets.
const memoryFile = "/var/lib/traction-setup/memory.json"

// memory says what was applied.
type memory struct {
	// Setup and Settings are the hashes of the files as they were left.
	Setup, Settings string
	// Blanking is under way, or was when the power was cut.
	Blanking *blanking `json:",omitempty"`
}

// hash of a file; "" of none.
func hash(data []byte) string {
	if data == nil {
		return ""
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// remember reads the memory. Without one that can be read, everything is new, and
// applying it again does no harm.
func (s *Setup) remember() (m memory) {
	data, err := os.ReadFile(s.at(memoryFile))
	if err != nil || json.Unmarshal(data, &m) != nil {
		return memory{}
	}
	return m
}

// keep writes the memory down.
func (s *Setup) keep(m *memory) error {
	data, err := json.MarshalIndent(m, "", "\t")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.at(memoryFile)), 0o755); err != nil {
		return err
	}
	return durable.Replace(s.at(memoryFile), data, 0o600)
}

package settings_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/cmd/appliance/internal/settings"
	"traction/record"
)

func TestKeep(t *testing.T) {
	assert.Equal(t, record.Keep{Age: 3650 * 24 * time.Hour, Bytes: 4_000_000_000, Waiting: true}, settings.Default().Keep())
	s, err := settings.Load(edited(t, map[string]string{"record.keep_days": "1", "record.keep_megabytes": "50", "mqtt.broker": `""`}))
	require.NoError(t, err)
	assert.Equal(t, record.Keep{Age: 24 * time.Hour, Bytes: 50_000_000}, s.Keep(), "nothing waits for no broker")

	for key, rows := range map[string][][2]string{
		"record.keep_days":      {{"0", "allowed: 1 to 36500"}, {"36501", "allowed: 1 to 36500"}, {`"10 years"`, ""}, {"1.5", ""}},
		"record.keep_megabytes": {{"49", "allowed: 50 to 1000000"}, {"1000001", "allowed: 50 to 1000000"}, {"-1", "allowed"}},
	} {
		for _, row := range rows {
			_, err := settings.Load(edited(t, map[string]string{key: row[0]}))
			require.ErrorContains(t, err, key, row[0])
			assert.ErrorContains(t, err, row[1])
		}
	}
}

package mqtt

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/test/parts"
)

// reached is the one result of a configuration with one broker.
func reached(t *testing.T, c Config) Reached {
	t.Helper()
	all, err := Reach(context.Background(), c)
	require.NoError(t, err)
	require.Len(t, all, 1)
	assert.Positive(t, all[0].Took)
	return all[0]
}

func TestABrokerIsReachedBesideTheGateway(t *testing.T) {
	onEachBroker(t, func(t *testing.T, b testBroker) {
		c := Config{Broker: "tcp://" + b.addr(), TableID: "winch", ClientID: "gateway"}
		for range 2 { // it leaves no trace that would be in its own way
			r := reached(t, c)
			assert.NoError(t, r.Err)
			assert.Empty(t, r.Failed)
			assert.Equal(t, c.Broker, r.Broker)
			assert.Empty(t, r.Addresses, "an address has no name to look up")
		}
	})
}

func TestWhereReachingABrokerEnds(t *testing.T) {
	nobody := parts.FreeAddress(t)
	mute, err := net.Listen("tcp", "127.0.0.1:0") // connects by its queue, and never says a word
	require.NoError(t, err)
	t.Cleanup(func() { _ = mute.Close() })
	m := startMosquitto(t, "allow_anonymous false\n")
	secret := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(secret, []byte("wrong\n"), 0o600))
	for name, tc := range map[string]struct {
		config Config
		want   Stage
		says   string
	}{
		"no such name":     {Config{Broker: "tcp://broker.invalid:1883"}, Resolving, "broker.invalid"},
		"nobody there":     {Config{Broker: "tcp://" + nobody}, Connecting, "refused"},
		"no TLS":           {Config{Broker: "ssl://" + m.addr()}, Encrypting, ""},
		"user asked for":   {Config{Broker: "tcp://" + m.addr()}, LoggingIn, "Authorized"},
		"wrong password":   {Config{Broker: "tcp://" + m.addr(), Username: "table", PasswordFile: secret}, LoggingIn, "Authorized"},
		"no broker at all": {Config{Broker: "tcp://" + mute.Addr().String()}, LoggingIn, errConnectTimeout.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.config.TableID = "winch"
			r := reached(t, tc.config)
			require.Error(t, r.Err)
			assert.Equal(t, tc.want, r.Failed)
			assert.Contains(t, r.Err.Error(), tc.says)
			assert.NotContains(t, r.Err.Error(), "wrong")
		})
	}
}

func TestReachingAnEncryptedBroker(t *testing.T) {
	a := newAuthority(t)
	a.make("broker", net.IPv4(127, 0, 0, 1))
	stranger := newAuthority(t)
	m := startMosquitto(t, "allow_anonymous true\ncafile "+a.file("ca.crt")+"\ncertfile "+a.file("broker.crt")+"\nkeyfile "+a.file("broker.key")+"\n")
	c := Config{Broker: "ssl://" + m.addr(), TableID: "winch", CAFile: a.file("ca.crt")}
	assert.NoError(t, reached(t, c).Err)
	c.CAFile = stranger.file("ca.crt")
	r := reached(t, c)
	assert.Equal(t, Encrypting, r.Failed)
	assert.ErrorContains(t, r.Err, "certificate")
}

func TestEveryBrokerOfAClusterIsTried(t *testing.T) {
	m := startMosquitto(t, "allow_anonymous true\n")
	all, err := Reach(context.Background(), Config{Broker: "tcp://127.0.0.1:1 tcp://" + m.addr(), TableID: "winch"})
	require.NoError(t, err)
	require.Len(t, all, 2)
	assert.Equal(t, Connecting, all[0].Failed)
	assert.NoError(t, all[1].Err)
	_, err = Reach(context.Background(), Config{Broker: "nonsense", TableID: "winch"})
	assert.ErrorContains(t, err, "broker")
}

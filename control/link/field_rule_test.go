package link

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"traction/control"
)

// What is written down for others is what is decoded: both ends of each range are
// taken, and one step beyond them is not.
func TestFieldRulesHold(t *testing.T) {
	rules := FieldRules()
	require.Len(t, rules, len(requestFields))
	for _, r := range rules {
		takes := func(value any) bool {
			v, err := json.Marshal(value)
			require.NoError(t, err)
			more := ""
			if r.Command == control.CommandSelect && r.Name != "programme" {
				more = `"programme":"p",`
			}
			_, err = DecodeRequest(fmt.Appendf(nil, `{"id":"1","rev":1,"command":%q,%s%q:%s}`, r.Command, more, r.Name, v))
			return err == nil
		}
		if r.Length > 0 {
			assert.True(t, takes(strings.Repeat("x", r.Length)), r.Name)
			assert.False(t, takes(strings.Repeat("x", r.Length+1)), r.Name)
			assert.False(t, takes(""), r.Name)
			assert.Equal(t, r.Pattern == "", takes("a b"), r.Name)
			continue
		}
		least, err := r.Least.Float64()
		require.NoError(t, err, r.Name)
		most, err := r.Most.Float64()
		require.NoError(t, err, r.Name)
		assert.True(t, takes(r.Least), r.Name)
		assert.True(t, takes(r.Most), r.Name)
		assert.False(t, takes(least-0.001), r.Name)
		assert.False(t, takes(most+0.001), r.Name)
		assert.Equal(t, r.Off || least == 0, takes(0), r.Name)
	}
}

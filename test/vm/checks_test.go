//go:build linux

package vm

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a binary of tests prints, the last test cut off by a kill.
const printed = "\x16=== RUN   TestGood\n" +
	"\x16--- PASS: TestGood (0.00s)\n" +
	"\x16=== RUN   TestTable\n" +
	"\x16=== RUN   TestTable/first\n" +
	"    a_test.go:7: it is 1\n" +
	"\x16=== RUN   TestTable/second\n" +
	"    a_test.go:9: not here\n" +
	"\x16--- FAIL: TestTable (0.01s)\n" +
	"    \x16--- FAIL: TestTable/first (0.00s)\n" +
	"    \x16--- SKIP: TestTable/second (0.00s)\n" +
	"\x16=== RUN   TestLong\n"

func TestParse(t *testing.T) {
	top, err := parse(printed)
	require.NoError(t, err)
	flat := map[string]string{}
	var walk func(*check)
	walk = func(c *check) {
		flat[c.name] = c.result
		for _, s := range c.subs {
			walk(s)
		}
	}
	walk(top)
	delete(flat, "") // the binary as a whole
	assert.Equal(t, map[string]string{"TestGood": "pass", "TestTable": "fail", "first": "fail", "second": "skip", "TestLong": ""}, flat)
	require.Len(t, top.subs, 3)
	assert.Equal(t, "    a_test.go:7: it is 1\n", top.subs[1].subs[0].output.String())
}

package setup

import (
	"os"
	"strconv"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestEdit(t *testing.T) {
	id := assignment{"table", "id", `"new"`}
	for _, c := range []struct{ name, in, want string }{
		{"over the old one", "# a\n[table]\nid = \"old\" # b\nx = 1\n", "# a\n[table]\nid = \"new\" # b\nx = 1\n"},
		{"spaces stay", "[ table ]\n\tid  =\t'old'\t\n", "[ table ]\n\tid  =\t\"new\"\t\n"},
		{"Windows line ends", "[table]\r\nid = \"old\"\r\nx = 1\r\n", "[table]\r\nid = \"new\"\r\nx = 1\r\n"},
		{"several lines", "[table]\nid = \"\"\"a\nb\"\"\"\nx = 1\n", "[table]\nid = \"new\"\nx = 1\n"},
		{"what looks like it in a text", "[table]\nx = \"\"\"\nid = \"a\"\n\"\"\"\nid = \"old\"\n", "[table]\nx = \"\"\"\nid = \"a\"\n\"\"\"\nid = \"new\"\n"},
		{"the same key elsewhere", "[a]\nid = 1\n[table]\nid = 2\n[b]\nid = 3\n", "[a]\nid = 1\n[table]\nid = \"new\"\n[b]\nid = 3\n"},
		{"a key that is missing", "[table] # c\nx = 1\n", "[table] # c\nid = \"new\"\nx = 1\n"},
		{"a header at the very end", "x = 1\n[table]", "x = 1\n[table]\nid = \"new\"\n"},
		{"a section that is missing", "[a]\nx = 1", "[a]\nx = 1\n\n[table]\nid = \"new\"\n"},
		{"a dotted key", "table.id = \"old\"\n", "table.id = \"new\"\n"},
		{"inside of a section in one line", "table = { x = 1, id = \"old\" }\n", "table = { x = 1, id = \"new\" }\n"},
		{"nothing", "", "\n[table]\nid = \"new\"\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := edit([]byte(c.in), []assignment{id})
			require.NoError(t, err)
			assert.Equal(t, c.want, string(got))
		})
	}
	for _, in := range []string{"table = { x = 1 }\n", "table.x = 1\n", "[[table]]\nid = \"a\"\n[[table]]\nid = \"b\"\n", "table = 1\n"} {
		_, err := edit([]byte(in), []assignment{id})
		assert.ErrorIs(t, err, errEdit, in)
	}
	_, err := edit([]byte("[table\n"), []assignment{id})
	assert.Error(t, err)
}

// Whatever is changed in the shipped settings, nothing else changes.
func TestEditOfTheShippedSettings(t *testing.T) {
	text, err := os.ReadFile("../../../../systemd/traction.toml")
	require.NoError(t, err)
	var tables map[string]map[string]any
	require.NoError(t, toml.Unmarshal(text, &tables))
	var keys []assignment
	for section, inner := range tables {
		for key := range inner {
			keys = append(keys, assignment{section: section, key: key})
		}
	}
	require.Greater(t, len(keys), 60)
	rapid.Check(t, func(t *rapid.T) {
		a := keys[rapid.IntRange(0, len(keys)-1).Draw(t, "key")]
		a.value = rapid.SampledFrom([]string{`"a # \" ' ="`, "true", "-1.5", `'\'`, "[1, 2]"}).Draw(t, "value")
		out, err := edit(text, []assignment{a})
		require.NoError(t, err)
		back, err := edit(out, []assignment{{a.section, a.key, "0"}})
		require.NoError(t, err)
		same, err := edit(text, []assignment{{a.section, a.key, "0"}})
		require.NoError(t, err)
		assert.Equal(t, string(same), string(back))
	})
}

func FuzzEdit(f *testing.F) {
	f.Add([]byte("[table]\nid = 1\n"), "new")
	f.Add([]byte(twoSecrets), "a\"b")
	f.Fuzz(func(t *testing.T, text []byte, value string) {
		if len(text) > 4096 {
			return
		}
		a := assignment{"table", "id", strconv.Quote(value)}
		out, err := edit(text, []assignment{a})
		if err == nil {
			again, err := edit(out, []assignment{a})
			require.NoError(t, err)
			require.Equal(t, string(out), string(again))
		}
		if b, err := blanked(text); err == nil && b != nil {
			require.Len(t, b.Text, len(text))
			require.True(t, b.follows(text))
			require.True(t, b.follows(b.Text))
		}
	})
}

package manual

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Bash writes completion for bash: a function that needs nothing but bash itself,
// and its registration. Hidden commands and flags are left out. The error is the
// writer's.
func Bash(w io.Writer, app *kong.Application) error {
	b := bash{name: app.Name}
	b.node(app.Node, "")
	_, err := fmt.Fprintf(w, `# bash completion for %[1]s; made by "%[1]s completion"
_%[1]s() {
	local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command="" next i
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		next="$command/${COMP_WORDS[i]}"
		case $next in
		%[2]s) command=$next ;;
		esac
	done
	case $command:$before in
%[3]s	%[5]s) return ;; # a value that only its user knows
	esac
	case $command in
%[4]s	esac
}
complete -F _%[1]s %[1]s
`, b.name, strings.Join(b.paths, " | "), b.values.String(), b.words.String(), strings.Join(b.unknown, " | "))
	return err
}

// bash collects the branches of the three case statements.
type bash struct {
	name    string
	paths   []string        // of commands, "/sessions/show"
	values  strings.Builder // what comes after a flag that takes one of some values, or a file
	unknown []string        // flags that take any other value
	words   strings.Builder // what else may come in a command
}

func (b *bash) node(n *kong.Node, path string) {
	if path != "" {
		b.paths = append(b.paths, path)
	}
	var words []string
	for _, c := range n.Children {
		if !c.Hidden {
			words = append(words, c.Name)
		}
	}
	files := false
	for _, a := range n.Positional {
		words = append(words, choices(a)...)
		files = files || isFile(a)
	}
	for _, f := range n.Flags {
		if f.Hidden {
			continue
		}
		words = append(words, "--"+f.Name)
		if !takesValue(f) {
			continue
		}
		after := path + ":--" + f.Name
		if may := choices(f.Value); len(may) > 0 || isFile(f.Value) {
			fmt.Fprintf(&b.values, "\t%s)\n\t\t%s\n\t\treturn\n\t\t;;\n", after, reply(may, isFile(f.Value)))
		} else {
			b.unknown = append(b.unknown, after)
		}
	}
	fmt.Fprintf(&b.words, "\t%s) %s ;;\n", pattern(path), reply(words, files))
	for _, c := range n.Children {
		if !c.Hidden {
			b.node(c, path+"/"+c.Name)
		}
	}
}

// pattern of a case statement; the program itself has no path.
func pattern(path string) string {
	if path == "" {
		return `""`
	}
	return path
}

// reply is the statement that offers words, file names, or both.
func reply(words []string, files bool) string {
	what, then := "", ""
	if len(words) > 0 {
		what = fmt.Sprintf("-W '%s' ", strings.Join(words, " "))
	}
	if files { // a folder gets its slash
		what, then = what+"-f ", " && compopt -o filenames"
	}
	return fmt.Sprintf(`mapfile -t COMPREPLY < <(compgen %s-- "$current")%s`, what, then)
}

// choices that the model names; nothing that a shell would take for itself.
func choices(v *kong.Value) (out []string) {
	if v.Enum == "" {
		return nil
	}
	for _, c := range v.EnumSlice() {
		if c != "" && !strings.ContainsAny(c, " '\\") {
			out = append(out, c)
		}
	}
	return out
}

// isFile: the value is the name of a file or folder.
func isFile(v *kong.Value) bool {
	return slices.Contains([]string{"path", "existingfile", "existingdir"}, v.Tag.Type)
}

// Package manual writes what a shell and a reader want to know of the command
// line, from the command line's own model, so that neither can go out of date.
package manual

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Edition is what stands at the foot of a manual page.
type Edition struct {
	// Version of the program, and the day of its sources as 2006-01-02, or "".
	Version, Date string
}

// Section of a manual page that the model knows nothing of.
type Section struct {
	Name string
	// Rows are a term with its text each; an empty term makes a paragraph.
	Rows [][2]string
}

// Page writes the manual page of all commands that are not hidden, in the macros
// of man(7), with further sections at its end. The error is the writer's.
func Page(w io.Writer, app *kong.Application, e Edition, further []Section) error {
	var p page
	p.line(".TH %s 1 %s %s", quoted(strings.ToUpper(app.Name)), quoted(e.Date), quoted(app.Name+" "+e.Version))
	what, _, _ := strings.Cut(app.Help, ":")
	p.line(".SH NAME")
	p.line(`%s \- %s`, plain(app.Name), plain(lower(what)))
	p.line(".SH SYNOPSIS")
	p.line(`\fB%s\fR \fIcommand\fR [\fIflags\fR]`, plain(app.Name))
	p.line(".SH DESCRIPTION")
	p.text(app.Help)
	p.line(".SH OPTIONS")
	p.flags(app.Node)
	p.line(".SH COMMANDS")
	for _, n := range commands(app) {
		p.command(n)
	}
	p.environment(app)
	for _, s := range further {
		p.line(".SH %s", quoted(s.Name))
		for _, row := range s.Rows {
			if row[0] == "" {
				p.line(".PP")
			} else {
				p.line(".TP")
				p.line(`\fB%s\fR`, plain(row[0]))
			}
			p.text(row[1])
		}
	}
	_, err := io.WriteString(w, p.String())
	return err
}

// commands are the leaves of the command tree that are not hidden, in its order.
func commands(app *kong.Application) []*kong.Node { return app.Leaves(true) }

// page is text with the macros of man(7).
type page struct{ strings.Builder }

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *page) text(s string) {
	if s != "" {
		p.line("%s", guarded(plain(s)))
	}
}

func (p *page) command(n *kong.Node) {
	head := n.Path()
	for _, a := range n.Positional {
		head += " " + a.Summary()
	}
	p.line(".SS %s", quoted(head))
	p.text(n.Help)
	p.text(n.Detail)
	for _, a := range n.Positional {
		p.line(".TP")
		p.line(`\fI%s\fR`, plain(a.Name))
		p.text(a.Help)
	}
	p.flags(n)
}

func (p *page) flags(n *kong.Node) {
	for _, f := range n.Flags {
		if f.Hidden || f.Name == "help" && n.Type != kong.ApplicationNode {
			continue
		}
		head := `\fB` + plain("--"+f.Name) + `\fR`
		if f.Short != 0 {
			head = `\fB` + plain("-"+string(f.Short)) + `\fR, ` + head
		}
		if takesValue(f) {
			head += ` \fI` + plain(placeholder(f)) + `\fR`
		}
		p.line(".TP")
		p.line("%s", head)
		text := f.Help
		if f.Enum != "" && !strings.Contains(text, strings.Split(f.Enum, ",")[0]) {
			text += " One of: " + strings.ReplaceAll(f.Enum, ",", ", ") + "."
		}
		if f.HasDefault && f.Default != "" && f.Default != "false" {
			text += " Default: " + f.Default + "."
		}
		p.text(text)
	}
}

// environment lists the variables that stand for flags.
func (p *page) environment(app *kong.Application) {
	found := map[string][]string{} // flags by variable
	var names []string
	for _, n := range commands(app) {
		for _, f := range n.Flags {
			for _, env := range f.Envs {
				if found[env] == nil {
					names = append(names, env)
				}
				if !slices.Contains(found[env], "--"+f.Name) {
					found[env] = append(found[env], "--"+f.Name)
				}
			}
		}
	}
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	p.line(".SH ENVIRONMENT")
	for _, name := range names {
		p.line(".TP")
		p.line(`\fB%s\fR`, plain(name))
		p.text("Stands for " + strings.Join(found[name], ", ") + " where that is not given.")
	}
}

// placeholder of a flag's value; kong's own is the default where there is one, and
// that is said apart.
func placeholder(f *kong.Flag) string {
	if f.PlaceHolder != "" {
		return f.PlaceHolder
	}
	return strings.ToUpper(f.Name)
}

// takesValue: the flag is followed by a value.
func takesValue(f *kong.Flag) bool { return !f.IsBool() && !f.IsCounter() }

// plain is a text without anything that roff would take for itself; a hyphen is a
// minus, so that an option can be copied out of the page.
func plain(s string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(strings.Join(strings.Fields(s), " "))
}

// guarded keeps a line from beginning like a macro.
func guarded(s string) string {
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		return `\&` + s
	}
	return s
}

// quoted is one argument of a macro.
func quoted(s string) string { return `"` + strings.ReplaceAll(plain(s), `"`, `\(dq`) + `"` }

// lower takes the capital away that a title does not have.
func lower(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

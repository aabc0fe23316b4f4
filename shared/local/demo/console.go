package demo

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
)

// console prints the demo: with colour and a progress bar on a terminal, as plain lines
// elsewhere.
type console struct {
	out      io.Writer
	terminal bool
	act      *int
	drawn    *bar
}

// bar is the progress bar drawn last, so that the same state is not drawn twice.
type bar struct {
	mu    sync.Mutex
	label string
	done  int
}

func newConsole(out io.Writer) console {
	terminal := false
	if f, ok := out.(*os.File); ok {
		info, err := f.Stat()
		terminal = err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	}
	return console{out: out, terminal: terminal, act: new(int), drawn: &bar{done: -1}}
}

// The colours, as ANSI codes.
const (
	bold, dim, red, green, yellow, cyan = "1", "2", "31", "32", "33", "36"
)

func (s console) paint(code, text string) string {
	if !s.terminal {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s console) say(format string, args ...any) {
	fmt.Fprintf(s.out, format+"\n", args...)
}

// title begins the next step.
func (s console) title(text string) {
	*s.act++
	s.say("\n%s", s.paint(bold, fmt.Sprintf("%d. %s", *s.act, text)))
}

func (s console) line(format string, args ...any) { s.say("   "+format, args...) }

// asked prints the request that a person would have sent.
func (s console) asked(who, request string) {
	s.line("%s %s", s.paint(cyan, who+" ›"), request)
}

func (s console) good(text string) { s.say("\n%s", s.paint(green, "✔ "+text)) }

func (s console) bad(text string) { s.say("%s", s.paint(red, "✘ "+text)) }

// bar draws a progress bar: in place on a terminal, elsewhere one line at the beginning and
// one at the end.
func (s console) bar(label string, done, total int, note string) {
	const width = 30
	s.drawn.mu.Lock()
	defer s.drawn.mu.Unlock()
	if s.drawn.label == label && (s.drawn.done == done || s.drawn.done > done && done > 0) {
		return // already drawn, or a concurrent caller has drawn more
	}
	s.drawn.label, s.drawn.done = label, done
	full := width
	if total > 0 {
		full = width * done / total
	}
	drawn := strings.Repeat("█", full) + strings.Repeat("░", width-full)
	text := fmt.Sprintf("   %-10s %s %d/%d %s", label, s.paint(green, drawn), done, total, s.paint(dim, note))
	switch {
	case s.terminal && done < total:
		fmt.Fprintf(s.out, "\r%s\x1b[K", text)
	case s.terminal:
		fmt.Fprintf(s.out, "\r%s\x1b[K\n", text)
	case done == 0 || done == total:
		fmt.Fprintln(s.out, text)
	}
}

package local

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
)

// lines writes logs for people instead of JSON: time, level (unless it is INFO), message,
// attributes.
type lines struct {
	out   io.Writer
	level slog.Level
	mu    *sync.Mutex
	with  []slog.Attr
}

func newLogger(out io.Writer, level slog.Level) *slog.Logger {
	return slog.New(lines{out: out, level: level, mu: &sync.Mutex{}})
}

func (l lines) Enabled(_ context.Context, level slog.Level) bool { return level >= l.level }

func (l lines) WithAttrs(attrs []slog.Attr) slog.Handler {
	l.with = append(append([]slog.Attr{}, l.with...), attrs...)
	return l
}

// WithGroup does nothing: a line has no room for groups.
func (l lines) WithGroup(string) slog.Handler { return l }

func (l lines) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(r.Time.Format("15:04:05 "))
	if r.Level != slog.LevelInfo {
		b.WriteString(r.Level.String() + " ")
	}
	b.WriteString(r.Message)
	var write func(a slog.Attr)
	write = func(a slog.Attr) {
		if a.Value.Kind() == slog.KindGroup { // of figures: its members stand in the line as the others do
			for _, member := range a.Value.Group() {
				write(member)
			}
			return
		}
		value := a.Value.Resolve().String()
		if value == "" {
			return
		}
		if strings.ContainsAny(value, "\r\n\t\x1b") || strings.Contains(value, " ") && a.Key != "error" {
			value = strconv.Quote(value)
		}
		fmt.Fprintf(&b, "  %s=%s", a.Key, value)
	}
	for _, a := range l.with {
		write(a)
	}
	r.Attrs(func(a slog.Attr) bool {
		write(a)
		return true
	})
	b.WriteByte('\n')
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := io.WriteString(l.out, b.String())
	return err
}

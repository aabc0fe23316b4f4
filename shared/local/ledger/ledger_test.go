package ledger

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func open(t *testing.T, path string, most int) (*Ledger[string], []string) {
	t.Helper()
	l, entries, err := Open[string](path, most)
	if err != nil {
		t.Fatal(err)
	}
	return l, entries
}

func write(t *testing.T, l *Ledger[string], entries ...string) {
	t.Helper()
	for _, e := range entries {
		if err := l.Append(e); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLedger_OpenedAgain_HasTheNewestEntries(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "ledger.jsonl")
	l, entries := open(t, path, 3)
	if entries != nil {
		t.Errorf("a new ledger has the entries %v, want none", entries)
	}
	write(t, l, "one", "two\nlines", "three", "four")
	l, entries = open(t, path, 3)
	if want := []string{"two\nlines", "three", "four"}; !slices.Equal(entries, want) {
		t.Errorf("opened again: %q, want %q", entries, want)
	}
	write(t, l, "five")
	if l, entries = open(t, path, 3); !slices.Equal(entries, []string{"three", "four", "five"}) {
		t.Errorf("after another entry: %q, want the newest three", entries)
	}
	if err := l.Clear(); err != nil {
		t.Fatal(err)
	}
	write(t, l, "six")
	if _, entries = open(t, path, 3); !slices.Equal(entries, []string{"six"}) {
		t.Errorf("after it was cleared: %q, want six only", entries)
	}
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
		t.Errorf("the folder has %v (%v), want the ledger only", files, err)
	}
}

// A kill in the middle of a write leaves a part of a line, whose writer got no answer.
func TestLedger_IncompleteLastLine_IsDropped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.jsonl")
	if err := os.WriteFile(path, []byte("\"one\"\n\"tw"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, entries := open(t, path, 9)
	write(t, l, "three")
	if _, reopened := open(t, path, 9); !slices.Equal(entries, []string{"one"}) || !slices.Equal(reopened, []string{"one", "three"}) {
		t.Errorf("opened: %q, want one; with another entry: %q, want one and three", entries, reopened)
	}
	if err := os.WriteFile(path, []byte("broken\n\"two\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open[string](path, 9); err == nil {
		t.Error("a broken line before the last was accepted")
	}
}

func TestLedger_None_KeepsNothing(t *testing.T) {
	var l *Ledger[string]
	write(t, l, "one")
	if err := l.Clear(); err != nil {
		t.Error(err)
	}
}

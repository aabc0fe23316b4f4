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
		t.Errorf("a new ledger has %v", entries)
	}
	write(t, l, "one", "two\nlines", "three", "four")
	l, entries = open(t, path, 3)
	if want := []string{"two\nlines", "three", "four"}; !slices.Equal(entries, want) {
		t.Errorf("%q, want %q", entries, want)
	}
	write(t, l, "five")
	if l, entries = open(t, path, 3); !slices.Equal(entries, []string{"three", "four", "five"}) {
		t.Errorf("%q after another", entries)
	}
	if err := l.Clear(); err != nil {
		t.Fatal(err)
	}
	write(t, l, "six")
	if _, entries = open(t, path, 3); !slices.Equal(entries, []string{"six"}) {
		t.Errorf("%q after it was cleared", entries)
	}
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
		t.Errorf("%v %v", files, err)
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
		t.Errorf("%q, then %q", entries, reopened)
	}
	if err := os.WriteFile(path, []byte("broken\n\"two\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open[string](path, 9); err == nil {
		t.Error("a broken line in the middle was passed over")
	}
}

func TestLedger_None_KeepsNothing(t *testing.T) {
	var l *Ledger[string]
	write(t, l, "one")
	if err := l.Clear(); err != nil {
		t.Error(err)
	}
}

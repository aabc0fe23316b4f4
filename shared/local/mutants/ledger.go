package main

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// ledger keeps what was found, so that a run which was interrupted goes on, and one after a
// change tries only what it can have changed: a kill stands while the file that the mutant is
// in stays as it was. Everything else is tried again.
type ledger struct {
	name  string
	mu    sync.Mutex
	known map[string]finding
	// noticed has the test that noticed each mutant the last time: it is likely to again, and is
	// run first. It is no verdict.
	noticed map[string]string
}

// finding is the verdict on a mutant, a line of the file.
type finding struct {
	Mutant  string    `json:"mutant"`
	Source  string    `json:"source"` // a hash of its file
	Verdict verdict   `json:"verdict"`
	By      string    `json:"by,omitempty"`
	At      time.Time `json:"at"`
}

// openLedger reads the file; it need not be there. forget forgets the verdicts in it, but not
// which tests to run first.
func openLedger(name string, forget bool) (*ledger, error) {
	l := &ledger{name: name, known: map[string]finding{}, noticed: map[string]string{}}
	if name == "" {
		return l, nil
	}
	text, err := os.ReadFile(name)
	if os.IsNotExist(err) {
		return l, os.MkdirAll(filepath.Dir(name), 0o700)
	}
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(strings.NewReader(string(text)))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var f finding
		if json.Unmarshal(lines.Bytes(), &f) == nil { // the last line may be cut off
			l.known[f.Mutant] = f
			if f.Verdict == killed {
				l.noticed[f.Mutant] = f.By
			}
		}
	}
	if forget {
		clear(l.known)
		if err := os.Remove(name); err != nil {
			return nil, err
		}
	}
	return l, lines.Err()
}

// find returns what is known of a mutant, if it still stands.
func (l *ledger) find(id, source string) (finding, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, ok := l.known[id]
	return f, ok && f.Verdict == killed && f.Source == source && source != ""
}

func (l *ledger) add(f finding) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known[f.Mutant] = f
	if l.name == "" {
		return nil
	}
	line, err := json.Marshal(f)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(l.name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.Write(append(line, '\n'))
	return err
}

// reaching is what the tests of one package reach, as it is kept between runs: recording it
// runs all of them, one after the other.
type reaching struct {
	Binary string        `json:"binary"` // a hash of it
	Tests  []reachedTest `json:"tests"`
	Always []string      `json:"always"` // reached before any test begins
}

type reachedTest struct {
	Name    string        `json:"name"`
	Took    time.Duration `json:"took"`
	Reaches []string      `json:"reaches"`
}

// knows tells whether it was recorded what a test reaches.
func (r reaching) knows(name string) bool {
	return slices.ContainsFunc(r.Tests, func(t reachedTest) bool { return t.Name == name })
}

func readReaching(name string) (r reaching, ok bool) {
	text, err := os.ReadFile(name)
	return r, err == nil && json.Unmarshal(text, &r) == nil
}

func (r reaching) save(name string) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o600)
}

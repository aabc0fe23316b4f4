// Package ledger keeps in a file what a stand-in for AWS has accepted, so that a host that is
// killed forgets as little as the service would. It must not know what is kept.
package ledger

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// Ledger is a file of JSON, a line for each entry. A nil one keeps nothing.
type Ledger[T any] struct {
	mu   sync.Mutex
	file *os.File
}

// Open returns the ledger at path with the newest entries in it, at most so many; older ones
// are removed from the file. A last line that is incomplete was never acknowledged and is
// dropped.
func Open[T any](path string, most int) (*Ledger[T], []T, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, nil, fmt.Errorf("make a folder for %s: %w", filepath.Base(path), err)
	}
	entries, err := read[T](path)
	if err != nil {
		return nil, nil, err
	}
	entries = entries[max(0, len(entries)-most):]
	// Written anew beside the old one, so that a kill leaves one of them whole.
	part, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+"-*")
	if err != nil {
		return nil, nil, err
	}
	l := &Ledger[T]{file: part}
	for _, e := range entries {
		if err = l.Append(e); err != nil {
			break
		}
	}
	if err == nil {
		err = os.Rename(part.Name(), path)
	}
	if err != nil {
		_ = part.Close()
		_ = os.Remove(part.Name())
		return nil, nil, err
	}
	return l, entries, nil
}

func read[T any](path string) ([]T, error) {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var entries []T
	for lines := bufio.NewReader(file); ; {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return entries, nil
		}
		if err != nil {
			return nil, err
		}
		var e T
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("%s, entry %d: %w", path, len(entries)+1, err)
		}
		entries = append(entries, e)
	}
}

// Append writes an entry and returns when the system has it: it is there after a kill of this
// process, though perhaps not after a power failure.
func (l *Ledger[T]) Append(e T) error {
	if l == nil {
		return nil
	}
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(e); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.file.Write(line.Bytes())
	return err
}

// Clear removes all entries.
func (l *Ledger[T]) Clear() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err := l.file.Seek(0, io.SeekStart)
	return err
}

// Close ends the ledger: nothing can be appended to it any more.
func (l *Ledger[T]) Close() error {
	if l == nil {
		return nil
	}
	return l.file.Close()
}

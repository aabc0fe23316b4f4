// Package tiny is a store of one text, with guarded writes of which some are held by its
// test, some are not, and one need not be.
package tiny

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// Store holds a text and how often it was written.
type Store struct {
	text     string
	revision int
	locked   bool
}

var errStale = errors.New("stale")

type expression struct{ conditions []string }

func (e *expression) name(attribute string) string { return "#" + attribute }

func (e *expression) equal(attribute string, n int) *expression {
	e.conditions = append(e.conditions, e.name(attribute)+" = "+strconv.Itoa(n))
	return e
}

func (e *expression) absent(attribute string) *expression {
	e.conditions = append(e.conditions, "no "+e.name(attribute))
	return e
}

func (s *Store) write(text string, e *expression) error {
	if slices.ContainsFunc(e.conditions, func(c string) bool {
		return !strings.HasPrefix(c, "(") && c != "#revision = "+strconv.Itoa(s.revision) && (c != "no #locked" || s.locked)
	}) {
		return errStale
	}
	s.text, s.revision = text, s.revision+1
	return nil
}

func (s *Store) guard(revision int) *expression {
	return new(expression).
		equal("revision", revision).
		// redundant in Reset: who resets it has locked it before
		absent("locked")
}

// Set is guarded, and its test shows it.
func (s *Store) Set(text string, revision int) error { return s.write(text, s.guard(revision)) }

// Reset is guarded as Set is, and its test does not try a stale one.
func (s *Store) Reset(revision int) error { return s.write("", s.guard(revision)) }

// Append is guarded twice.
func (s *Store) Append(text string, revision int) error {
	e := new(expression)
	e.conditions = append(e.conditions, "#revision = "+strconv.Itoa(revision))
	return s.write(s.text+text, e.equal("revision", revision))
}

// Clear is not tested at all.
func (s *Store) Clear(revision int) error {
	return s.write("", new(expression).equal("revision", revision))
}

// Lock is said to be redundantly guarded, which is not true.
func (s *Store) Lock(revision int) error {
	s.locked = true
	return s.write(s.text, new(expression).equal("revision", revision)) // redundant: nobody locks it twice
}

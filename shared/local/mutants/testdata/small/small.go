// Package small is an example with every kind of mutant but conditions of writes, of which
// some are noticed by its test.
package small

// Role is what a caller may do.
type Role int

// The roles.
const (
	None Role = iota
	Reader
	Writer
)

const maxText = 3

// Needs is the role of each operation.
var Needs = map[string]Role{"read": Reader, "write": Writer}

type column int

const (
	nothing column = iota
	something
	more
)

type row struct {
	Name  string
	Loud  bool
	Which column
}

var rows = []row{{Name: "one", Loud: true, Which: more}, {Name: "two"}}

var table = [2]column{something, nothing}

// Loud tells whether a row is.
func Loud(name string) bool {
	for _, r := range rows {
		if r.Name == name {
			return r.Loud
		}
	}
	return false
}

// Fits is bounded twice.
func Fits(text string, n, most int) bool { return len(text) <= maxText && n < most }

// Ends tells whether a word ends something.
func Ends(word string) bool { return word == "end" || word == "stop" }

// Known tells whether a word is known.
func Known(word string) bool {
	switch word {
	case "one", "two":
		return true
	}
	return false
}

// Repeat tells whether it may be tried again.
func Repeat(code string) bool { return code == "ThrottlingException" }

// Cell is a cell of the table.
func Cell(n int) int { return int(table[n]) }

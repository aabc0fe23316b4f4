package PACKAGE

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"unicode"
	"unicode/utf8"
)

// mutantOff is the condition that is missing in this run; mutantTrace has every condition
// that is reached written to standard output.
var mutantOff, mutantTrace = os.Getenv("MUTANT_OFF"), os.Getenv("MUTANT_TRACE") != ""

// mutantHolds tells whether a condition is to hold.
func mutantHolds(site int) bool {
	if mutantOff == "" && !mutantTrace {
		return true
	}
	at := fmt.Sprintf("%d@%s", site, mutantPath())
	if mutantTrace {
		fmt.Fprintf(os.Stdout, "\n@@ %s\n", at)
	}
	return at != mutantOff
}

// mutantCondition adds a condition to e, which holds as it is or, where it is to be missing,
// always.
func mutantCondition(site int, e *expression, add func(*expression)) *expression {
	add(e)
	mutantAdded(site, e)
	return e
}

// mutantAdded weakens the condition that was added last, where it is to be missing. Its
// text stays in the expression: the names and values in it were given already, and a
// write with any that it does not use is refused, which a test would take for the guard.
// So is one with parentheses within parentheses.
func mutantAdded(site int, e *expression) {
	if mutantHolds(site) {
		return
	}
	last, pk := len(e.conditions)-1, e.name("pk")
	e.conditions[last] = "(" + e.conditions[last] + " OR attribute_exists(" + pk + ") OR attribute_not_exists(" + pk + "))"
}

// mutantPath names the functions of this package through which a condition was reached,
// from the exported one on: they say which write it guards.
func mutantPath() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	var path []string
	for {
		frame, more := frames.Next()
		slash := strings.LastIndexByte(frame.Function, '/') + 1
		if pkg, name, ok := strings.Cut(frame.Function[slash:], "."); ok && pkg == "PACKAGE" {
			if _, method, ok := strings.Cut(name, ")."); ok {
				name = method
			}
			name, _, _ = strings.Cut(name, ".")
			name, _, _ = strings.Cut(name, "[")
			if !strings.HasPrefix(name, "mutant") && (len(path) == 0 || path[0] != name) {
				path = append([]string{name}, path...)
			}
			if r, _ := utf8.DecodeRuneInString(name); unicode.IsUpper(r) {
				break
			}
		}
		if !more {
			break
		}
	}
	return strings.Join(path, ">")
}

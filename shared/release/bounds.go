package release

import (
	"slices"

	"example.com/releases/shared/address"
)

// The bounds that several things have in common, in bytes of UTF-8 unless said otherwise; what
// only one field has stands where it is checked, in plan.go and check.go.
// Log texts, notes and reasons are 2,000 so that 500 entries stay below the 6 MB
// that a Lambda function may answer with.
const (
	MaxName        = 200
	MaxText        = 2000  // log text, note, reason, justification, impact
	MaxDescription = 10000 // descriptions and success criteria
	MaxChanges     = 100   // change requests in a release, and ids in one add-changes
	MaxCIs         = 40    // configuration items of a change request or a task
	MaxCI          = 256   // the id of one, which no path holds
	MaxID          = 64
	MaxSubject     = 255 // of a token: OIDC core, 2
	MaxEmail       = address.Max
	MaxNotes       = 500 // kept per release; entries of other kinds are all kept
	MaxLogEntries  = 500 // shown with a release, the newest of all kinds
)

// Form is how a field's value is judged.
type Form int

// The forms.
const (
	FormLine              Form = iota + 1 // a text of one line
	FormProse                             // a text of several lines
	FormEmail                             // an address that can be mailed
	FormIdentifier                        // an id that appears in URL paths
	FormConfigurationItem                 // an id in any form that CMDBs use
	FormNumber
	FormChoice // one of some words, in upper or lower case
)

// Bound is what a check asks of a field's value, or of each entry of a list.
type Bound struct {
	Form        Form
	Least, Most int      // bytes of UTF-8; of a number, itself
	Choices     []string // of FormChoice
	MinItems    int      // of a list
	MaxItems    int      // of a list; 0 where the field is none
	Unique      bool     // each entry of the list once
}

// BoundsOf returns the bounds that a check puts on each field, and the fields it requires,
// by running the check on an empty request. So the documents state what is really checked.
// The entries of a list are reported as "field[0]".
func BoundsOf(check func(*ValidationErrors)) (bounds map[string]Bound, required []string) {
	f := ValidationErrors{bounds: map[string]Bound{}}
	check(&f)
	for _, e := range f.Fields {
		required = append(required, e.Field)
	}
	return f.bounds, required
}

// note records a bound while BoundsOf runs the check.
func (f *ValidationErrors) note(field string, b Bound) {
	if f.bounds != nil {
		f.bounds[field] = b
	}
}

// noteList records a list's bound, with that of its entries.
func (f *ValidationErrors) noteList(field string, most int, check func(field, id string)) {
	if f.bounds == nil {
		return
	}
	at := field + "[0]"
	before := len(f.Fields)
	check(at, "")
	f.Fields = slices.Delete(f.Fields, before, len(f.Fields)) // nothing was sent
	b := f.bounds[at]
	delete(f.bounds, at)
	b.MaxItems, b.Unique = most, true
	f.bounds[field] = b
}

package release

import (
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The bounds of what people may write, in bytes of UTF-8 unless said otherwise.
// Log texts, notes and reasons are 2,000 so that 500 entries stay below the 6 MB
// that a Lambda function may answer with.
const (
	MaxName        = 200
	MaxVersion     = 64
	MaxText        = 2000  // log text, note, reason
	MaxDescription = 10000 // descriptions and success criteria
	MaxSummary     = 500   // publicSummary
	MaxStepText    = 1000
	MaxSteps       = 100 // per plan
	MaxMinutes     = 60 * 24 * 30
	MaxChanges     = 100 // change requests in a release, and ids in one add-changes
	MaxCIs         = 40  // configuration items of a change request or a task
	MaxID          = 64
	MaxEmail       = 254 // RFC 5321
	MaxLogEntries  = 500 // kept per release
)

// ValidationErrors collects every wrong field of a request, so that one answer names them all.
type ValidationErrors struct{ Fields []FieldError }

// Add notes a wrong field.
func (f *ValidationErrors) Add(field, format string, args ...any) {
	f.Fields = append(f.Fields, FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
}

// AddFor notes a field that another operation changes.
func (f *ValidationErrors) AddFor(operation, field, format string, args ...any) {
	f.Fields = append(f.Fields, FieldError{Field: field, Message: fmt.Sprintf(format, args...), Use: operation})
}

// Err returns the collected errors as one, or nil.
func (f *ValidationErrors) Err() error {
	if len(f.Fields) == 0 {
		return nil
	}
	names := make([]string, 0, len(f.Fields))
	for _, e := range f.Fields {
		names = append(names, e.Field)
	}
	return &Error{
		Kind: KindInvalid, Code: "invalid-request", Fields: f.Fields,
		Detail: "What is wrong with the request: " + strings.Join(names, ", ") + ".",
	}
}

// Line checks a text of one line: bounded, valid UTF-8, no control characters (a
// line break in a name would end up in mail subjects and feeds).
func (f *ValidationErrors) Line(field, s string, minBytes, maxBytes int) {
	f.text(field, s, minBytes, maxBytes, "")
}

// Prose checks a text of several lines.
func (f *ValidationErrors) Prose(field, s string, minBytes, maxBytes int) {
	f.text(field, s, minBytes, maxBytes, "\n\t\r")
}

func (f *ValidationErrors) text(field, s string, minBytes, maxBytes int, controls string) {
	switch {
	case minBytes > 0 && strings.TrimSpace(s) == "":
		f.Add(field, "is required and must not be blank (at most %d bytes)", maxBytes)
	case len(s) > maxBytes:
		f.Add(field, "has %d bytes of UTF-8; at most %d are allowed", len(s), maxBytes)
	case !utf8.ValidString(s):
		f.Add(field, "is not valid UTF-8")
	default:
		for _, r := range s {
			if (unicode.IsControl(r) && !strings.ContainsRune(controls, r)) || r == '\u2028' || r == '\u2029' {
				f.Add(field, "contains the control character %U; remove it", r)
				return
			}
		}
	}
}

// Email checks a plain address such as somebody@example.com. Empty is allowed
// where it is not required.
func (f *ValidationErrors) Email(field, s string, required bool) {
	if s == "" {
		if required {
			f.Add(field, "is required: an e-mail address such as somebody@example.com")
		}
		return
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s || len(s) > MaxEmail || strings.ContainsAny(s, " \"<>") {
		f.Add(field, "is not a plain e-mail address such as somebody@example.com (at most %d bytes)", MaxEmail)
	}
}

// Identifier checks an id that people or other systems chose.
func (f *ValidationErrors) Identifier(field, s string) {
	if !validID(s) {
		f.Add(field, "must be 1 to %d characters, letters, digits, '.', '_', '-' or ':', beginning with a letter or digit", MaxID)
	}
}

func validID(s string) bool {
	if s == "" || len(s) > MaxID {
		return false
	}
	for i := range len(s) {
		c := s[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && (i == 0 || !strings.ContainsRune("._-:", rune(c))) {
			return false
		}
	}
	return true
}

// Identifiers checks a list of ids, each at most once.
func (f *ValidationErrors) Identifiers(field string, ids []string, most int) {
	if len(ids) > most {
		f.Add(field, "has %d entries; at most %d are allowed", len(ids), most)
		return
	}
	seen := make(map[string]bool, len(ids))
	for i, id := range ids {
		name := fmt.Sprintf("%s[%d]", field, i)
		f.Identifier(name, id)
		if seen[id] {
			f.Add(name, "repeats %s", id)
		}
		seen[id] = true
	}
}

// Check notes every wrong field of a release's plan.
func (p Plan) Check(f *ValidationErrors) {
	f.Line("name", p.Name, 1, MaxName)
	f.Line("version", p.Version, 0, MaxVersion)
	f.Prose("description", p.Description, 0, MaxDescription)
	f.Line("releaseManager", p.ReleaseManager, 0, MaxName)
	f.Email("releaseManagerEmail", p.ReleaseManagerEmail, false)
	f.Prose("successCriteria", p.SuccessCriteria, 0, MaxDescription)
	f.Prose("publicSummary", p.PublicSummary, 0, MaxSummary)
	f.instant("scheduledStart", p.ScheduledStart)
	f.instant("scheduledEnd", p.ScheduledEnd)
	f.window(p.ScheduledStart, p.ScheduledEnd)
	f.steps("rolloutSteps", p.RolloutSteps)
	f.steps("rollbackSteps", p.RollbackSteps)
}

func (f *ValidationErrors) window(start, end *time.Time) {
	if start != nil && end != nil && !start.Before(*end) {
		f.Add("scheduledEnd", "must be after scheduledStart")
	}
}

// instant bounds the years so that every stored time sorts as text and has four digits.
func (f *ValidationErrors) instant(field string, t *time.Time) {
	if t != nil && (t.Year() < 2000 || t.Year() > 2199) {
		f.Add(field, "must lie between the years 2000 and 2199")
	}
}

func (f *ValidationErrors) steps(field string, steps []Step) {
	if len(steps) > MaxSteps {
		f.Add(field, "has %d steps; at most %d are allowed", len(steps), MaxSteps)
		return
	}
	seen := make(map[int]bool, len(steps))
	for i, s := range steps {
		at := fmt.Sprintf("%s[%d].", field, i)
		if s.Order < 1 || s.Order > 9999 {
			f.Add(at+"order", "must be a number from 1 to 9999")
		} else if seen[s.Order] {
			f.Add(at+"order", "repeats %d; every step of a plan has an order of its own", s.Order)
		}
		seen[s.Order] = true
		f.Prose(at+"description", s.Description, 1, MaxStepText)
		f.Email(at+"ownerEmail", s.OwnerEmail, false)
		if s.EstimatedMinutes < 0 || s.EstimatedMinutes > MaxMinutes {
			f.Add(at+"estimatedMinutes", "must be a number from 0 to %d", MaxMinutes)
		}
	}
}

// Check notes every wrong field of a change request's plan.
func (p ChangePlan) Check(f *ValidationErrors) {
	f.Line("title", p.Title, 0, MaxName)
	f.Prose("description", p.Description, 0, MaxDescription)
	f.Line("controlId", p.ControlID, 0, MaxID)
	f.Line("controlTitle", p.ControlTitle, 0, MaxName)
	f.Identifiers("affectedCiIds", p.AffectedCIIDs, MaxCIs)
	f.instant("scheduledStart", p.ScheduledStart)
	f.instant("scheduledEnd", p.ScheduledEnd)
	f.window(p.ScheduledStart, p.ScheduledEnd)
}

// Check notes every wrong field of a task's plan.
func (p TaskPlan) Check(f *ValidationErrors) {
	f.Line("title", p.Title, 1, MaxName)
	f.Line("requesterName", p.RequesterName, 0, MaxName)
	f.Email("requesterEmail", p.RequesterEmail, true)
	f.Identifiers("ciIds", p.CIIDs, MaxCIs)
	if p.ChangeRequestID != "" {
		f.Identifier("changeRequestId", p.ChangeRequestID)
	}
}

// Normalise brings the plan into the one form that is stored: times in UTC to the
// second, steps by order, lists never nil.
func (p Plan) Normalise() Plan {
	p.ScheduledStart, p.ScheduledEnd = toSecond(p.ScheduledStart), toSecond(p.ScheduledEnd)
	p.RolloutSteps, p.RollbackSteps = byOrder(p.RolloutSteps), byOrder(p.RollbackSteps)
	return p
}

// Normalise brings the plan into the one form that is stored.
func (p ChangePlan) Normalise() ChangePlan {
	p.ScheduledStart, p.ScheduledEnd = toSecond(p.ScheduledStart), toSecond(p.ScheduledEnd)
	if p.AffectedCIIDs == nil {
		p.AffectedCIIDs = []string{}
	}
	return p
}

func toSecond(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC().Truncate(time.Second)
	return &u
}

func byOrder(steps []Step) []Step {
	sorted := append([]Step{}, steps...)
	slices.SortStableFunc(sorted, func(a, b Step) int { return a.Order - b.Order })
	return sorted
}

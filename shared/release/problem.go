package release

import (
	"errors"
	"fmt"
)

// ErrorKind is the class of a failure. The surfaces turn it into an HTTP status
// or an MCP error; nothing below them knows either.
type ErrorKind int

// The kinds of failure a caller can meet.
const (
	KindInternal           ErrorKind = iota // ours; the caller sees no detail
	KindInvalid                             // the request can never succeed as it is
	KindUnauthenticated                     // no token, or not one of ours
	KindForbidden                           // the role is insufficient
	KindNotFound                            // nothing has this id
	KindConflict                            // the current state forbids it
	KindPreconditionFailed                  // the caller decided on an older revision
	KindTooLarge                            // the body is over its bound
	KindUnsupportedMedia                    // the body is not JSON
	KindUnprocessable                       // an idempotency key used for another request
	KindThrottled                           // too many requests
	KindUnavailable                         // a dependency did not answer
)

// Outcome tells what a failed request may have changed.
type Outcome int

// The outcomes of a failure.
const (
	OutcomeUnchanged Outcome = iota // certainly nothing
	OutcomeUnknown                  // a write may have landed although its answer did not come
	OutcomePartial                  // a part was carried out and stays; the detail says which
)

// FieldError names one wrong field of a request, or one refused id of a list.
type FieldError struct {
	Field   string `json:"field" doc:"The field's path, such as 'rolloutSteps[0].order', or the name of a parameter or header."`
	Message string `json:"message" doc:"What is wrong with it."`
	Code    string `json:"code,omitempty" doc:"Why an id was refused."`
	ID      string `json:"id,omitempty" doc:"The id that was refused."` // the refused id, where the field is a list of ids

	// Use names the operation that changes the field, where this one cannot. Each surface
	// says it as its callers know it: a route, a tool.
	Use string `json:"-"`
}

// Error is a failure as facts. Code is stable and documented; Detail is one sentence on
// what happened, in the domain's words. What to do next follows from the code, and each
// surface says it in its own terms: no route, header or tool is named here.
type Error struct {
	Kind    ErrorKind
	Code    string
	Detail  string
	Outcome Outcome
	Fields  []FieldError

	// Set on conflicts about a release's state.
	Status              Status
	AllowedNextStatuses []Status
	// AlreadySo tells that the release already has the status that was asked for.
	AlreadySo bool
	// AlreadyPassed tells that the release had that status before, and went on from it.
	AlreadyPassed bool
	// ChangeRequests are the ids that block the request, sorted.
	ChangeRequests []string
	// Holds are the holds that stand in the way.
	Holds []Hold

	cause error
}

// Error returns the code and detail; the cause stays inside, for the log.
func (e *Error) Error() string {
	if e.cause != nil {
		return e.Code + ": " + e.Detail + ": " + e.cause.Error()
	}
	return e.Code + ": " + e.Detail
}

// Unwrap returns what caused the failure, if anything did.
func (e *Error) Unwrap() error { return e.cause }

// Because attaches the cause, which is logged and never shown.
func (e *Error) Because(cause error) *Error {
	e.cause = cause
	return e
}

// Unchanged says that nothing was changed where the kind alone does not tell.
func (e *Error) Unchanged() *Error {
	e.Outcome = OutcomeUnchanged
	return e
}

// Fail makes an error of a kind with a formatted detail. What is refused has changed
// nothing. What failed inside may have: a request can be throttled or time out after an
// earlier try of it landed.
func Fail(kind ErrorKind, code, format string, args ...any) *Error {
	e := &Error{Kind: kind, Code: code, Detail: fmt.Sprintf(format, args...)}
	if kind == KindInternal || kind == KindUnavailable || kind == KindThrottled {
		e.Outcome = OutcomeUnknown
	}
	return e
}

// NotFound says that no such thing exists; noun is what the caller knows it as.
func NotFound(noun, id string) *Error {
	return Fail(KindNotFound, "not-found", "There is no %s %s.", noun, id)
}

// IsKind tells whether err is, or wraps, an Error of the kind.
func IsKind(err error, kind ErrorKind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == kind
}

// HasCode tells whether err is, or wraps, an Error with the code.
func HasCode(err error, code string) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}

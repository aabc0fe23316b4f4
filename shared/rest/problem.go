package rest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

// Problem is an error as callers see it (RFC 9457). Code is stable, Detail says what
// happened and what to do next, Errors names every wrong field or refused id.
type Problem struct {
	Type   string               `json:"type" doc:"The kind of problem, as a link to its explanation."`
	Title  string               `json:"title" doc:"The kind of problem, for people."`
	Status int                  `json:"status" doc:"The HTTP status."`
	Detail string               `json:"detail" doc:"What happened and what to do next."`
	Code   string               `json:"code" doc:"The kind of problem for programs; it is stable."`
	Errors []release.FieldError `json:"errors,omitempty" doc:"Every wrong field, or every id that was refused."`

	// On conflicts about a release: its status, the statuses allowed next, and the change
	// requests or holds that block it.
	CurrentStatus       release.Status   `json:"currentStatus,omitempty" doc:"The release's status, on conflicts about a release."`
	AllowedNextStatuses []release.Status `json:"allowedNextStatuses,omitzero" doc:"The statuses that the lifecycle allows next; none at its end."`
	ChangeRequests      []string         `json:"changeRequests,omitempty" doc:"The ids of the change requests that are in the way."`
	Holds               []release.Hold   `json:"holds,omitempty" doc:"The holds that are in the way."`

	// RequestID finds the request in the service's log; only with failures of the service.
	RequestID string `json:"requestId,omitempty" doc:"Finds the request in the log, with failures of the service only."`
}

// ProblemOf turns the failure of a read or a write into its document: what happened,
// what was changed, and what to do next. An error that is not one of the domain's is a
// fault of ours: its text is not shown.
func ProblemOf(err error, writes bool) Problem {
	var e *release.Error
	switch {
	case errors.As(err, &e) && e.Kind != release.KindInternal:
	case errors.Is(err, context.DeadlineExceeded):
		e = release.Fail(release.KindUnavailable, "unavailable", "There was no time left to finish.")
	default:
		e = release.Fail(release.KindInternal, "internal", "Something went wrong here, not with your request.")
	}
	row := rowOf(e)
	parts := []string{e.Detail}
	if row.Next != nil {
		if writes {
			parts = append(parts, outcomes[e.Outcome])
		}
		parts = append(parts, row.Next(e, writes))
	}
	return Problem{
		Type: problemPath + e.Code, Title: row.Title, Status: Status(e.Kind), Detail: strings.Join(parts, " "), Code: e.Code, Errors: inRoutes(e.Fields),
		CurrentStatus: e.Status, AllowedNextStatuses: e.AllowedNextStatuses, ChangeRequests: e.ChangeRequests, Holds: e.Holds,
	}
}

// outcomes words what a failed write has changed.
var outcomes = [...]string{
	release.OutcomeUnchanged: "Nothing was changed.",
	release.OutcomeUnknown:   "It is not known whether anything was changed.",
	release.OutcomePartial:   "Nothing else was changed.",
}

// inRoutes adds to the refusal of a field the request that can change it.
func inRoutes(fields []release.FieldError) []release.FieldError {
	worded := slices.Clone(fields)
	for n, f := range worded {
		if route, ok := routeOf[operations.Name(f.Use)]; ok {
			worded[n].Message += ": " + route
		}
	}
	return worded
}

// routeOf is how refusals name the requests that they refer to. It is not derived from the
// routes, since a function links only its own; a test keeps the two equal.
var routeOf = map[operations.Name]string{
	operations.TransitionRelease: "POST /api/releases/{id}/status",
	operations.AddChanges:        "POST /api/releases/{id}/add-changes",
	operations.AppendLog:         "POST /api/releases/{id}/log",
	operations.LiftHold:          "DELETE /api/releases/{id}/hold",
	operations.CompleteStep:      "POST /api/releases/{id}/steps/{plan}/{order}",
	operations.DecideChange:      "POST /api/change-requests/{id}/decision",
	operations.UpdateRelease:     "PATCH /api/releases/{id}",
}

func rowOf(e *release.Error) Code {
	for i := range Codes {
		if Codes[i].Example.Code == e.Code {
			return Codes[i]
		}
	}
	return Code{Title: http.StatusText(Status(e.Kind))}
}

// problemPath is where the types of problems are explained, below the public URL.
const problemPath = "/problems/"

func (a *API) writeProblem(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, errAborted) {
		return
	}
	p := ProblemOf(err, r.Method != http.MethodGet && r.Method != http.MethodHead)
	p.Type = a.publicURL + p.Type
	header := w.Header()
	if p.Status >= http.StatusInternalServerError {
		p.RequestID = r.Header.Get("X-Request-Id")
		slog.ErrorContext(r.Context(), "request failed", "error", err, "code", p.Code, "method", r.Method, "path", r.URL.Path)
	}
	switch p.Status {
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", "Bearer")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		header.Set("Retry-After", "1")
	}
	body, _ := encode(p) // texts and lists of texts always encode
	header.Del("ETag")
	header.Del("Location")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // the client may be gone; there is nobody left to tell
}

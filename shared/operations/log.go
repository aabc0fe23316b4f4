package operations

import (
	"context"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
)

// LogPage is one page of a log, newest first.
type LogPage struct {
	Entries    []release.LogEntry `json:"entries" doc:"The entries of this page, newest first."`
	NextCursor string             `json:"nextCursor,omitempty" doc:"What to send as 'cursor' for the next page; there is none on the last."`
}

// ListLogInput narrows a log to one kind of entries, and pages it.
type ListLogInput struct {
	Kind string `json:"kind" doc:"Only entries of this kind."`
	Paging
}

func (in ListLogInput) check(f *release.ValidationErrors) {
	in.Paging.check(f)
	release.OneOf(f, "kind", in.Kind, release.LogKinds, false)
}

// ListLog returns a page of the deployment log, newest first. Auditors can also read the log
// of a deleted release.
func (o *Operations) ListLog(ctx context.Context, id string, in ListLogInput) (LogPage, error) {
	who, err := allow(ctx, ListLog)
	if err != nil {
		return LogPage{}, err
	}
	if err := identified("release", id); err != nil {
		return LogPage{}, err
	}
	if err := in.invalid(in); err != nil {
		return LogPage{}, err
	}
	kind, _ := release.ParseLogKind(in.Kind)
	entries, next, err := o.store.LogPage(ctx, id, kind, in.size(), in.Cursor, who.Role >= release.Auditor)
	return LogPage{Entries: entries, NextCursor: next}, err
}

// AppendLogInput is a new log entry; a Status must be the release's current one.
type AppendLogInput struct {
	Text   string `json:"text" doc:"What happened. It cannot be changed or removed afterwards."`
	Status string `json:"status" doc:"The release's current status, if the entry is to show it: the entry is refused if the release has moved on."`
	Hold   bool   `json:"hold,omitempty" doc:"True holds the release too: until a person lifts the hold, only 'cancelled' and 'rolled-back' can be entered. 'text' says why."`
	DecodeErrors
}

// AppendLog adds an entry to the deployment log, and holds the release where asked to.
// Author and e-mail come from the token.
func (o *Operations) AppendLog(ctx context.Context, id string, in AppendLogInput, pre Precondition) (release.LogEntry, error) {
	who, err := allow(ctx, AppendLog)
	if err != nil {
		return release.LogEntry{}, err
	}
	if err := identified("release", id); err != nil {
		return release.LogEntry{}, err
	}
	status, _ := release.ParseStatus(in.Status)
	if err := in.invalid(in); err != nil {
		return refused(ctx, o, pre, o.store.RecordInReleases, identity[release.LogEntry], err)
	}
	w := o.write(who, pre)
	return idempotent(ctx, o, pre, w, identity[release.LogEntry], func(w dynamo.Write) (release.LogEntry, error) {
		if in.Hold {
			return o.store.PlaceHold(ctx, id, in.Text, status, w)
		}
		return o.store.AppendLog(ctx, id, in.Text, status, w)
	})
}

func (in AppendLogInput) check(f *release.ValidationErrors) {
	f.Prose("text", in.Text, 1, release.MaxText)
	release.OneOf(f, "status", in.Status, release.Statuses, false)
}

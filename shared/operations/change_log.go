package operations

import (
	"context"

	"example.com/releases/shared/release"
)

// ListChangeLogInput narrows a change request's record to one kind of entries, and pages
// it.
type ListChangeLogInput struct {
	Kind string `json:"kind" doc:"Only entries of this kind."`
	Paging
}

func (in ListChangeLogInput) check(f *release.ValidationErrors) {
	in.Paging.check(f)
	release.OneOf(f, "kind", in.Kind, release.ChangeLogKinds, false)
}

// ListChangeLog returns a page of a change request's record, newest first: its creation,
// decisions and edits, whether or not it was in a release at the time.
func (o *Operations) ListChangeLog(ctx context.Context, id string, in ListChangeLogInput) (LogPage, error) {
	if _, err := allow(ctx, ListChangeLog); err != nil {
		return LogPage{}, err
	}
	if err := identified("change request", id); err != nil {
		return LogPage{}, err
	}
	if err := in.invalid(in); err != nil {
		return LogPage{}, err
	}
	kind, _ := release.ParseChangeLogKind(in.Kind)
	entries, next, err := o.store.ChangeLogPage(ctx, id, kind, in.size(), in.Cursor)
	return LogPage{Entries: entries, NextCursor: next}, err
}

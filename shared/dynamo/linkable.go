package dynamo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"example.com/releases/shared/release"
)

// linkable reports every id that cannot be linked, with a code. An id that does not exist
// makes the request invalid; everything else depends on the state (conflict). at is the
// field in which the request has an id.
func (s *Store) linkable(ctx context.Context, r release.Release, adding []string, freed int, changes map[string]release.Change, at func(id string) string) error {
	if total := len(r.ChangeIDs) + len(adding) - freed; total > release.MaxChanges {
		return r.Conflict("too-many-changes", "%s would hold %d change requests; a release holds at most %d.",
			r.ID, total, release.MaxChanges)
	}
	refused, unknown, err := s.refusedLinks(ctx, r, adding, changes, at)
	if err != nil || len(refused) == 0 {
		return err
	}
	names := make([]string, len(refused))
	for i, e := range refused {
		names[i] = e.ID
	}
	e := r.Conflict("not-linkable", "%s cannot be linked to %s.",
		strings.Join(names, ", "), idOrNewRelease(r.ID))
	if unknown {
		e = release.Fail(release.KindInvalid, "unknown-change-requests", "Some ids name no change request.")
	}
	e.Fields, e.ChangeRequests = refused, slices.Sorted(slices.Values(names))
	return e
}

func (s *Store) refusedLinks(ctx context.Context, r release.Release, adding []string, changes map[string]release.Change, at func(id string) string) (refused []release.FieldError, unknown bool, err error) {
	for _, id := range adding {
		c, exists := changes[id]
		code, why := "", ""
		switch {
		case !exists:
			code, why, unknown = "not-found", "there is no change request "+id, true
		case c.ReleaseID != "" && c.ReleaseID != r.ID:
			if code, why, err = s.heldElsewhere(ctx, c); err != nil {
				return nil, false, err
			}
		case r.Status != release.Planned && !c.CABApproved():
			code = "not-approved"
			why = fmt.Sprintf("%s is not CAB-approved, and a release that is %s takes only approved change requests", id, r.Status)
		}
		if code != "" {
			refused = append(refused, release.FieldError{Field: at(id), ID: id, Code: code, Message: why})
		}
	}
	return refused, unknown, nil
}

func idOrNewRelease(id string) string {
	if id == "" {
		return "the new release"
	}
	return id
}

// heldElsewhere says why another release holds the change request: it has not ended, or
// its settlement has not given the request back yet.
func (s *Store) heldElsewhere(ctx context.Context, c release.Change) (code, why string, err error) {
	i, err := s.get(ctx, s.tables.Releases, releaseKey(c.ReleaseID))
	if err != nil {
		return "", "", err
	}
	if r := decodeRelease(i); i == nil || r.Deleting || !r.Live() {
		return "settling", fmt.Sprintf("%s is being given back by %s, which has ended; try again in a moment", c.ID, c.ReleaseID), nil
	}
	return "linked-elsewhere", fmt.Sprintf("%s is in %s; a change request is in at most one live release", c.ID, c.ReleaseID), nil
}

package release

import "slices"

// Follow applies every settlement of the task's change request that has not reached
// the task yet, all at once, and tells whether there was any.
//
// One settlement reaches a task once: a task that moved between two change requests of
// the same release meets it at both.
//
// A deployment resolves what is open and leaves closed and cancelled tasks their
// status. A rollback reopens only what the same release had resolved, also when it
// was closed since.
func (t Task) Follow(history []Settlement) (Task, bool) {
	if t.AppliedEpoch >= len(history) {
		return t, false
	}
	comments := make([]Comment, len(t.Comments), len(t.Comments)+len(history)-t.AppliedEpoch)
	copy(comments, t.Comments)
	for _, s := range history[t.AppliedEpoch:] {
		id := CommentID(s)
		if slices.ContainsFunc(comments, func(c Comment) bool { return c.ID == id }) {
			continue
		}
		comments = append(comments, Comment{ID: id, At: s.At, Author: System.Name, Text: CommentText(s)})
		at := s.At
		switch s.Kind {
		case Deployed:
			if t.Status.IsOpen() {
				t.Status, t.ResolvedBy, t.ResolvedAt = TaskResolved, s.ReleaseID, &at
			}
		case RolledBack:
			if t.ResolvedBy == s.ReleaseID {
				t.Status, t.ResolvedBy, t.ResolvedAt = TaskOpen, "", nil
				t.ReopenedAt = &at
				t.ReopenCount++
			}
		}
		t.UpdatedAt = at
	}
	t.Comments = comments
	t.AppliedEpoch = len(history)
	t.Revision++
	return t, true
}

// Follow applies every settlement of the request's release that has not reached it
// yet, all at once, and tells whether there was any. A rollback and a cancellation give
// the request back with its approval, unless it was edited after it was deployed: it
// would enter the next release with an approval of something else. A cancellation changes
// no task, so it adds nothing to the history.
func (c Change) Follow(releaseID string, settlements []Settlement) (Change, bool) {
	if c.ReleaseID != releaseID || releaseID == "" {
		return c, false
	}
	moved := false
	for _, s := range settlements {
		if s.Epoch <= c.ReleaseEpoch {
			continue
		}
		moved = true
		c.ReleaseEpoch = s.Epoch
		c.UpdatedAt = s.At
		switch s.Kind {
		case Deployed:
			c.Status = ChangeResolved
			c.History = append(slices.Clone(c.History), s)
		case RolledBack:
			c.Status = ChangeOpen
			c.History = append(slices.Clone(c.History), s)
			c.ReleaseID, c.LastReleaseID = "", releaseID
			if c.Outdated != nil {
				c = c.void(*c.Outdated)
			}
		case Cancelled:
			c.ReleaseID, c.LastReleaseID = "", releaseID
		}
	}
	if moved {
		c.Revision++
	}
	return c, moved
}

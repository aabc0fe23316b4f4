package dynamo

import "example.com/releases/shared/release"

// checkRevision refuses a write by somebody who has seen another revision (If-Match).
func checkRevision(noun, id string, revision int, w Write) error {
	if w.IfRevision != 0 && w.IfRevision != revision {
		return staleRevision(noun, id, revision, w)
	}
	return nil
}

// staleRevision is the refusal of a lost update.
func staleRevision(noun, id string, revision int, w Write) error {
	return release.Fail(release.KindPreconditionFailed, "revision-stale",
		"The %s %s is at revision %d, not %d.", noun, id, revision, w.IfRevision)
}

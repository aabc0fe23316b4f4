package operations

import (
	"context"

	"example.com/releases/shared/release"
)

// CheckReadiness tells what the guards of each next status of a release are, whether they
// hold, what is worth a second look, and whom a deployment or rollback would reach.
func (o *Operations) CheckReadiness(ctx context.Context, id string) (release.Readiness, error) {
	if _, err := allow(ctx, CheckReadiness); err != nil {
		return release.Readiness{}, err
	}
	if err := identified("release", id); err != nil {
		return release.Readiness{}, err
	}
	detail, err := o.store.ReleaseWithLinks(ctx, id)
	if err != nil {
		return release.Readiness{}, err
	}
	r := detail.Release
	var touched *release.Touched
	// Counting can take hundreds of reads. It is done from scheduled on, when the numbers
	// are about to matter and mails to these people are on their way.
	if r.Status == release.Scheduled || r.Status.HasBegun() {
		reached, err := o.store.CountReached(ctx, r.ChangeIDs)
		if err != nil {
			return release.Readiness{}, err
		}
		touched = &reached
	}
	return r.CheckReadiness(detail.Links, o.now().UTC(), touched, detail.Notes), nil
}

package operations

import (
	"context"

	"example.com/releases/shared/release"
)

// Markdown is a text that people read, in place of an object.
type Markdown string

// GetReview returns a post-implementation review of a release, made from the release and
// its log as they are now, whatever the status.
func (o *Operations) GetReview(ctx context.Context, id string) (Markdown, error) {
	if _, err := allow(ctx, GetReview); err != nil {
		return "", err
	}
	if err := identified("release", id); err != nil {
		return "", err
	}
	detail, err := o.store.ReleaseWithLinks(ctx, id)
	if err != nil {
		return "", err
	}
	log, older, err := o.store.NewestLog(ctx, id, release.MaxLogEntries)
	if err != nil {
		return "", err
	}
	detail.Release.Plan = shownPlan(detail.Release.Plan)
	return Markdown(release.Review(detail.Release, detail.Links, log, older)), nil
}

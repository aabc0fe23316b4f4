package operations

import (
	"context"

	"example.com/releases/shared/release"
)

// Brief is a release for a reader with little room, such as an agent: the newest log
// entries only, oldest first, and what holds the next steps up.
type Brief struct {
	ReleaseView

	// OlderLogEntries tells that the log holds more than what is shown.
	OlderLogEntries bool              `json:"olderLogEntries" doc:"Whether the log holds more than these."`
	Readiness       release.Readiness `json:"readiness" doc:"What each next status demands, whether it holds, and advice that blocks nothing."`
}

// BriefRelease returns a release with its links, its readiness and at most so many of
// its newest log entries. Unlike
// CheckReadiness it does not count whom a deployment would reach: that can take
// hundreds of reads, and agents look often.
func (o *Operations) BriefRelease(ctx context.Context, id string, logEntries int) (Brief, error) {
	if _, err := allow(ctx, GetRelease); err != nil {
		return Brief{}, err
	}
	if err := identified("release", id); err != nil {
		return Brief{}, err
	}
	detail, err := o.store.ReleaseWithLinks(ctx, id)
	if err != nil {
		return Brief{}, err
	}
	b := Brief{Readiness: detail.Release.CheckReadiness(detail.Links, o.now().UTC(), nil)}
	// One is read where none is wanted: whether there is any is still told.
	log, older, err := o.store.NewestLog(ctx, id, max(logEntries, 1))
	if err != nil {
		return Brief{}, err
	}
	if logEntries <= 0 {
		log, older = []release.LogEntry{}, len(log) > 0
	}
	detail.Log, b.OlderLogEntries = log, older
	b.ReleaseView = viewReleaseDetail(detail)
	return b, nil
}

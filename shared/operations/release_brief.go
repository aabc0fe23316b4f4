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
// its newest log entries; with none asked for, the log is not read. Unlike
// CheckReadiness it does not count whom a deployment would reach: that can take
// hundreds of reads, and agents look often.
func (o *Operations) BriefRelease(ctx context.Context, id string, logEntries int) (Brief, error) {
	if _, err := allow(ctx, GetRelease); err != nil {
		return Brief{}, err
	}
	if err := identified("release", id); err != nil {
		return Brief{}, err
	}
	whole, err := o.store.ReleaseWithLinks(ctx, id)
	if err != nil {
		return Brief{}, err
	}
	b := Brief{Readiness: whole.Release.CheckReadiness(whole.Links, o.now().UTC(), nil)}
	whole.Log = []release.LogEntry{}
	if logEntries > 0 {
		if whole.Log, b.OlderLogEntries, err = o.store.NewestLog(ctx, id, logEntries); err != nil {
			return Brief{}, err
		}
	}
	b.ReleaseView = viewReleaseDetail(whole)
	return b, nil
}

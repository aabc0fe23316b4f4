package operations

import (
	"context"
	"slices"

	"example.com/releases/shared/release"
)

// Brief is a release for a reader with little room, such as an agent: only the newest log
// entries, oldest first, and what blocks the next statuses.
type Brief struct {
	ReleaseView

	// OlderLogEntries says that there are entries before those shown; LogCursor continues
	// there.
	OlderLogEntries bool              `json:"olderLogEntries" doc:"Whether the log holds more before these."`
	LogCursor       string            `json:"logCursor,omitempty" doc:"What to give as 'logCursor' for the entries before these."`
	Readiness       release.Readiness `json:"readiness" doc:"What each next status demands, whether it holds, and advice that blocks nothing."`
	Shortened       []string          `json:"shortened,omitempty" doc:"What was cut or left out, how much, and how to get it."`
}

// LogWanted is the part of a log that a reader wants: so many entries, newest first, the
// newest or those before a cursor.
type LogWanted struct {
	Limit  int // below 0, the log is not read
	Cursor string
}

// BriefRelease returns a release with its links, its readiness and the wanted part of its
// log. Unlike CheckReadiness it does not count whom a deployment would reach: that can
// take hundreds of reads, and agents ask often.
func (o *Operations) BriefRelease(ctx context.Context, id string, want LogWanted) (Brief, error) {
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
	b := Brief{Readiness: detail.Release.CheckReadiness(detail.Links, o.now().UTC(), nil, detail.Notes)}
	b.Readiness.Holds = nil // the release itself has them
	detail.Log = []release.LogEntry{}
	if want.Limit >= 0 {
		// Where no entry is wanted, one is read to say whether there is any.
		log, next, err := o.store.LogBefore(ctx, id, max(want.Limit, 1), want.Cursor)
		if err != nil {
			return Brief{}, err
		}
		if want.Limit == 0 {
			b.OlderLogEntries = len(log) > 0
		} else {
			slices.Reverse(log)
			detail.Log, b.OlderLogEntries, b.LogCursor = log, next != "", next
		}
	}
	b.ReleaseView = viewReleaseDetail(detail)
	return b, nil
}

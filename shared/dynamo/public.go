package dynamo

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/releases/shared/release"
)

// The index byPublicWindow is all that the public page reads. It is sparse: only
// releases that the public may see have a publicKey. And it projects exactly what the
// page may show, so that a function which may query this index and nothing else cannot
// leak more, whatever is wrong with it. The alternatives were worse: the summary
// (500 bytes) in byStatus makes every list page dearer, and reading the releases by
// BatchGetItem charges for their plans and steps on each view of a page that anybody
// may load.
const (
	publicIndex = "byPublicWindow"

	// Running releases have a partition of their own: one that began long ago must be
	// found behind any number of newer windows.
	publicRunning = "running"
	publicOther   = "other"
)

// Bounds of what the page reads: at most 200 releases, three queries.
const (
	mostRunning = 40
	mostAhead   = 100
	mostPast    = 60
)

// publish keeps what the public sees in step, in the very write that changes it. A
// change that the public cannot see leaves no trace in the index. One that it can is
// dated to the minute after it: the exact times of transitions are the release's own.
func publish(e *expression, before, after release.Release, at time.Time) {
	was, wasSeen := before.Published()
	is, isSeen := after.Published()
	switch {
	case !isSeen:
		e.remove("publicKey").remove("publicAt")
	case !wasSeen || was != is:
		partition := publicOther
		if is.Status == release.InProgress {
			partition = publicRunning
		}
		e.set("publicKey", text(partition)).set("publicAt", secondsValue(at.Truncate(time.Minute).Add(time.Minute)))
	}
}

// Published lists what the public may see: what runs, what starts from now on soonest
// first, and what has started since a moment in the past, newest first. The index is
// eventually consistent.
func (s *Store) Published(ctx context.Context, now, since time.Time) ([]release.Published, error) {
	var all []release.Published
	for _, q := range []struct {
		partition string
		from, to  time.Time
		forward   bool
		most      int32
	}{
		{publicRunning, time.Time{}, endOfTime, true, mostRunning},
		{publicOther, now, endOfTime, true, mostAhead},
		{publicOther, since, now.Add(-time.Second), false, mostPast},
	} {
		e := newExpression()
		condition := e.name("publicKey") + " = " + e.value(text(q.partition)) + " AND " + e.name("scheduledStart") +
			" BETWEEN " + e.value(secondsValue(q.from)) + " AND " + e.value(secondsValue(q.to))
		in := &dynamodb.QueryInput{
			TableName: &s.tables.Releases, IndexName: aws.String(publicIndex), KeyConditionExpression: &condition,
			ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
			ScanIndexForward: &q.forward, Limit: &q.most,
		}
		out, err := s.db.Query(ctx, in) // at most 100 × 1.2 KB: one page
		if err != nil {
			return nil, failure(err)
		}
		for _, i := range out.Items {
			all = append(all, decodePublished(i))
		}
	}
	return all, nil
}

// endOfTime lies after every window that can be stored.
var endOfTime = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

func decodePublished(i item) release.Published {
	return release.Published{
		ID: strings.TrimPrefix(str(i, "pk"), releasePrefix), Name: str(i, "name"), Version: str(i, "version"),
		Status: release.Status(str(i, "status")), Start: timeOf(i, "scheduledStart"), End: timeOf(i, "scheduledEnd"),
		Summary: str(i, "publicSummary"), WindowVersion: num(i, "windowVersion"), ChangedAt: timeOf(i, "publicAt"),
	}
}

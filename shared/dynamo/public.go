package dynamo

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"example.com/releases/shared/release"
)

// The index byPublicStart is all that the public page reads. It is sparse: only releases that
// the public may see have a publicKey. And it projects exactly what the page may show, so that
// a function that may query only this index cannot leak more, whatever bugs it has. The
// alternatives were worse: the summary (500 bytes) in byStatus would make every list page more
// expensive, and BatchGetItem of the releases would read their plans and steps for each view
// of a page that anybody may load.
//
// It has the same keys as byPublicWindow, which lacks the actual times and whose projection
// cannot be changed. So DynamoDB fills it from the existing items, and what an earlier version
// writes reaches both.
const (
	publicIndex = "byPublicStart"
	// The previous index, which is read where the new one does not exist yet or is still
	// empty. The next upgrade removes it, and then this constant.
	publicIndexBefore = "byPublicWindow"

	// Running releases have a partition of their own: one that began long ago must be
	// found behind any number of newer windows.
	publicRunning = "running"
	publicOther   = "other"
	// Releases whose end came long after their planned start have one too: the index is sorted
	// by that start, so by it the page would lose them soon, or would not show them at all,
	// though they are news. Few are ever there; those whose news is old are left out.
	publicLate = "late"
)

// lateAfter is how long after its planned start a release's end counts as late. The page shows
// 90 days from the planned start; so whatever ended stays there for 30 days at least.
const lateAfter = 60 * 24 * time.Hour

// Bounds of what the page reads: at most 220 releases, four queries.
const (
	mostRunning = 40
	mostAhead   = 100
	mostPast    = 60
	mostLate    = 20
)

// publish updates what the public sees in the same write that changes the release. A change
// that the public cannot see leaves no trace in the index. A visible change is dated to the
// next full minute, because the public sees times to the minute only.
func publish(e *expression, before, after release.Release, at time.Time) {
	was, wasSeen := before.Published()
	is, isSeen := after.Published()
	switch {
	case !isSeen:
		e.remove("publicKey").remove("publicAt")
	case !wasSeen || !was.Equal(is):
		partition := publicOther
		switch {
		case is.Status == release.InProgress:
			partition = publicRunning
		case is.Status != release.Scheduled && at.Sub(is.Start) > lateAfter:
			partition = publicLate
		}
		e.set("publicKey", text(partition)).set("publicAt", secondsValue(at.Truncate(time.Minute).Add(time.Minute)))
		if kept := after.KeptForPublic(before, at); !slices.Equal(kept, before.PublicHistory) {
			e.set("publicHistory", &types.AttributeValueMemberL{Value: encodedEach(publicEventFields, kept)})
		}
	}
}

func publicEventFields(a *attributes, e *release.PublicEvent) {
	word(a, "what", &e.What)
	a.seconds("at", &e.At)
	a.secondsOrNone("start", &e.Start)
	a.secondsOrNone("end", &e.End)
}

// Published lists what the public may see: releases in progress, those that start from
// now on, soonest first, and those that have started since a time in the past or ended late
// since then, newest first. The index is eventually consistent.
func (s *Store) Published(ctx context.Context, now, since time.Time) ([]release.Published, error) {
	all, err := s.publishedIn(ctx, false, now, since)
	if indexNotReady(err) || err == nil && len(all) == 0 {
		all, err = s.publishedIn(ctx, true, now, since)
	}
	if err != nil {
		return nil, failure(err)
	}
	return all, nil
}

// indexNotReady tells whether a query failed because its index is not there or is being filled,
// as while the deployment that makes it is under way: "ValidationException",
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.OnlineOps.html.
func indexNotReady(err error) bool {
	var refused smithy.APIError
	return errors.As(err, &refused) && refused.ErrorCode() == "ValidationException"
}

// publishedIn reads the index, or the previous one.
func (s *Store) publishedIn(ctx context.Context, before bool, now, since time.Time) ([]release.Published, error) {
	index := publicIndex
	if before {
		index = publicIndexBefore
	}
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
		{publicLate, time.Time{}, now, false, mostLate},
	} {
		e := newExpression()
		condition := e.name("publicKey") + " = " + e.value(text(q.partition)) + " AND " + e.name("scheduledStart") +
			" BETWEEN " + e.value(secondsValue(q.from)) + " AND " + e.value(secondsValue(q.to))
		in := &dynamodb.QueryInput{
			TableName: &s.tables.Releases, IndexName: &index, KeyConditionExpression: &condition,
			ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
			ScanIndexForward: &q.forward, Limit: &q.most,
		}
		out, err := s.db.Query(ctx, in) // at most 100 × 2.5 KB: one page
		if err != nil {
			return nil, err
		}
		for _, i := range out.Items {
			if p := decodePublished(i); q.partition != publicLate || !p.ChangedAt.Before(since) {
				all = append(all, p)
			}
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
		Happened: release.Happened(decodedEach(publicEventFields, mapsOf(i, "publicHistory")),
			optionalTimeOf(i, "actualStart"), optionalTimeOf(i, "actualEnd"), optionalTimeOf(i, "rolledBackAt")),
	}
}

// KeepForPublic fills in the public history of a release that an earlier version wrote without
// one. It changes nothing else in the release, so the revision stays. publicAt stays too,
// because nothing happened now that the public should see as a change.
func (s *Store) KeepForPublic(ctx context.Context, id string) error {
	before, err := s.Release(ctx, id)
	if release.IsKind(err, release.KindNotFound) {
		return nil // the index lags
	}
	if err != nil {
		return err
	}
	kept := before.KeptForPublic(before, before.UpdatedAt)
	if _, seen := before.Published(); !seen || slices.Equal(kept, before.PublicHistory) {
		return nil
	}
	e := newExpression().op(opKept).
		set("publicHistory", &types.AttributeValueMemberL{Value: encodedEach(publicEventFields, kept)}).
		// The history and the moved windows, from which it is made, both raise the revision.
		equal("revision", number(before.Revision)).
		absent("deleting")
	_, err = s.update(ctx, s.tables.Releases, releaseKey(id), e)
	if _, lost := failedCondition(err); lost {
		return nil // the other writer has written it, or the next run will
	}
	return err
}

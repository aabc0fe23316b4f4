package dynamo

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/releases/shared/release"
)

// ReleaseDetail is a release with its links and the kept part of its log, oldest first.
type ReleaseDetail struct {
	Release release.Release
	Links   []release.LinkedChange
	Log     []release.LogEntry
	Notes   int // how many its log has taken, those that were trimmed included
}

// Release reads a release, strongly consistent. One that is being deleted is not found. Of
// a settlement under way it has the scope but not the progress, which is on another item.
func (s *Store) Release(ctx context.Context, id string) (release.Release, error) {
	i, err := s.get(ctx, s.tables.Releases, releaseKey(id))
	if err != nil {
		return release.Release{}, err
	}
	return foundRelease(i, nil, id)
}

func foundRelease(itself, counter item, id string) (release.Release, error) {
	if itself == nil || boolOf(itself, "deleting") {
		return release.Release{}, release.NotFound("release", id)
	}
	return withProgress(itself, counter), nil
}

// ReleaseDetail reads a release with its links (one query) and its log (another).
func (s *Store) ReleaseDetail(ctx context.Context, id string) (ReleaseDetail, error) {
	w, err := s.ReleaseWithLinks(ctx, id)
	if err != nil {
		return ReleaseDetail{}, err
	}
	w.Log, err = s.Log(ctx, id)
	return w, err
}

// ReleaseWithLinks reads a release, its holds and its links in one consistent query.
func (s *Store) ReleaseWithLinks(ctx context.Context, id string) (ReleaseDetail, error) {
	found, err := s.releaseItems(ctx, id)
	if err != nil {
		return ReleaseDetail{}, err
	}
	r, err := found.release(id)
	return ReleaseDetail{Release: r, Links: found.links, Notes: num(found.counter, "n")}, err
}

// releaseLinksAndPlace reads a release with its links, and the place of a log entry about
// it, in one consistent query. The query runs backwards, so that the counter is read last:
// see log_key.go.
func (s *Store) releaseLinksAndPlace(ctx context.Context, id string) (ReleaseDetail, place, error) {
	in := rangeOf(s.tables.Releases, releasePrefix+id, ">=", logCounterSort)
	in.ScanIndexForward = aws.Bool(false)
	found, err := s.collect(ctx, in)
	if err != nil {
		return ReleaseDetail{}, place{}, err
	}
	slices.Reverse(found.links)
	r, err := found.release(id)
	notes := num(found.counter, "n")
	return ReleaseDetail{Release: r, Links: found.links, Notes: notes}, place{r.Epoch(), notes, r.Revision}, err
}

func (s *Store) releaseItems(ctx context.Context, id string) (collection, error) {
	return s.collect(ctx, rangeOf(s.tables.Releases, releasePrefix+id, ">=", holdPrefix))
}

// collection is the items of a release, told apart: its holds, the oldest first, its log's
// counter, itself, and its links in the order in which they come.
type collection struct {
	itself, counter item
	links           []release.LinkedChange
	holds           []release.Hold
}

func (c collection) release(id string) (release.Release, error) {
	r, err := foundRelease(c.itself, c.counter, id)
	r.Holds = shownHolds(c.holds)
	return r, err
}

func (s *Store) collect(ctx context.Context, in *dynamodb.QueryInput) (collection, error) {
	c := collection{links: []release.LinkedChange{}}
	err := s.items(ctx, in, 0, func(i item) {
		switch sk := verbatim(i, "sk"); {
		case sk == mainSort:
			c.itself = i
		case sk == logCounterSort:
			c.counter = i
		case strings.HasPrefix(sk, holdPrefix):
			c.holds = append(c.holds, decodeHold(i))
		default:
			c.links = append(c.links, decodeLink(i))
		}
	})
	oldestFirst(c.holds)
	return c, err
}

// Log reads the newest release.MaxLogEntries entries, oldest first.
func (s *Store) Log(ctx context.Context, id string) ([]release.LogEntry, error) {
	entries, _, err := s.NewestLog(ctx, id, release.MaxLogEntries)
	return entries, err
}

// NewestLog reads the newest entries, oldest first, and tells whether there are older ones.
func (s *Store) NewestLog(ctx context.Context, id string, most int) (entries []release.LogEntry, older bool, err error) {
	page := entryPage{limit: most, maxBytes: noBytes}
	last, err := s.logFrom(ctx, logPosition{id: id}, &page)
	if err != nil {
		return nil, false, failure(err)
	}
	slices.Reverse(page.entries)
	return page.entries, !last.end, nil
}

// ListReleases returns a page of summaries, newest first, of one status or of all.
// The index is eventually consistent.
func (s *Store) ListReleases(ctx context.Context, status release.Status, limit int, cursor string) ([]release.Summary, string, error) {
	index, attribute, value := "byCreation", "kind", "R"
	if status != "" {
		index, attribute, value = "byStatus", "status", string(status)
	}
	start, err := openCursor(cursor, index+"="+value, map[string]string{attribute: value}, inIndex(releasePrefix))
	if err != nil {
		return nil, "", err
	}
	e := newExpression()
	condition := e.name(attribute) + " = " + e.value(text(value))
	filter := "attribute_not_exists(" + e.name("deleting") + ")"
	page := []release.Summary{}
	for {
		out, err := s.db.Query(ctx, &dynamodb.QueryInput{
			TableName: &s.tables.Releases, IndexName: &index, KeyConditionExpression: &condition, FilterExpression: &filter,
			ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
			ScanIndexForward: aws.Bool(false), Limit: aws.Int32(int32(limit - len(page))), ExclusiveStartKey: start,
		})
		if err != nil {
			return nil, "", pageFailure(err, cursor)
		}
		for _, i := range out.Items {
			page = append(page, summarise(i))
		}
		start = out.LastEvaluatedKey
		if len(start) == 0 || len(page) == limit {
			return page, sealCursor(start, index+"="+value), nil
		}
	}
}

func summarise(i item) release.Summary {
	r := decodeRelease(i)
	linked, held := countedChanges(i)
	return release.Summary{
		ID: r.ID, Name: r.Name, Version: r.Version, Status: r.Status, ScheduledStart: r.ScheduledStart, ScheduledEnd: r.ScheduledEnd,
		ChangeCount: linked, CreatedAt: r.CreatedAt, Held: held,
	}
}

// Unfinished is a release on which something is unfinished, and since when; after a failed
// repair, since that.
type Unfinished struct {
	ID    string
	since string // as it is stored
}

// NeedingAttention lists the releases on which something (a settlement, an announcement, a
// creation or a deletion) has been unfinished since before a time, the oldest first. It
// calls each for every page, until there is none or each says to stop. It reads an index,
// which gives the sweep candidates; the sweep decides by the table.
func (s *Store) NeedingAttention(ctx context.Context, before time.Time, size int, each func([]Unfinished) (goOn bool)) error {
	e := newExpression()
	condition := e.name("attention") + " = " + e.value(text("1")) + " AND " + e.name("attentionSince") + " < " + e.value(secondsValue(before))
	in := &dynamodb.QueryInput{
		TableName: &s.tables.Releases, IndexName: aws.String("attention"), KeyConditionExpression: &condition,
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.values,
	}
	return s.pages(ctx, in, size, func(page []item, _ item) (bool, error) {
		found := make([]Unfinished, len(page))
		for n, i := range page {
			found[n] = Unfinished{decodeRelease(i).ID, verbatim(i, "attentionSince")}
		}
		return each(found), nil
	})
}

// Postpone puts a release that could not be repaired behind all others that wait. Otherwise
// a few that always fail could take up every run of the sweep. One that was repaired or
// postponed meanwhile stays as it is.
func (s *Store) Postpone(ctx context.Context, u Unfinished, to time.Time) error {
	e := newExpression().op(opPostponed).set("attentionSince", secondsValue(to)).
		equal("attentionSince", text(u.since)) // removed together with what needed attention
	err := s.updateQuietly(ctx, s.tables.Releases, releaseKey(u.ID), e)
	if _, ok := failedCondition(err); ok {
		return nil
	}
	return err
}

// ScheduledReleases lists the ids of all scheduled releases, those that start first at the
// front. It reads an index.
func (s *Store) ScheduledReleases(ctx context.Context) ([]string, error) {
	var ids []string
	err := s.items(ctx, s.scheduledQuery(), pageSize, func(i item) { ids = append(ids, releaseIDOf(i)) })
	return ids, err
}

func releaseIDOf(i item) string { return strings.TrimPrefix(str(i, "pk"), releasePrefix) }

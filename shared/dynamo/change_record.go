package dynamo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/record"
	"example.com/releases/shared/release"
)

// The record of a change request is a partition of its own in the table of change
// requests: its creation, decisions and edits, ordered by the request's revision. A write
// that leaves two entries adds .1 to the key of the second.
const (
	changeLogPrefix = "CLOG#"
	// olderDecision is the key of the decision that was in force when records were
	// introduced.
	olderDecision = "0000000000"
)

// maxDecisions is how many decisions are shown with a change request. All are kept.
const maxDecisions = 50

func changeLogSort(revision, nth int) string {
	if nth == 0 {
		return fmt.Sprintf("%010d", revision)
	}
	return fmt.Sprintf("%010d.%d", revision, nth)
}

// changeLogActions are entries of a change request's record as further actions of the
// write that stores after. They need no condition: the write is conditioned on the
// revision that it read, so no other write uses the same keys.
func (s *Store) changeLogActions(after release.Change, entries []release.LogEntry, w Write) []types.TransactWriteItem {
	var actions []types.TransactWriteItem
	for n, e := range entries {
		i := entryItem(changeLogPrefix+after.ID, after.ID, changeLogSort(after.Revision, n), e, w)
		actions = append(actions, putAction(s.tables.Changes, i, newExpression()))
	}
	return actions
}

// decidedFields is all that the CAB decides on, field by field.
func decidedFields(c release.Change) []release.FieldChange {
	kind := release.FieldChange{Field: "changeType", To: string(c.ChangeType)}
	return append([]release.FieldChange{kind}, record.ChangePlanChanges(release.ChangePlan{}, c.ChangePlan)...)
}

func changeEntry(kind release.LogKind, text string, c release.Change, by release.Stamp) release.LogEntry {
	e := release.EntryBy(kind, text, by)
	e.ReleaseID, e.Decision, e.Digest = c.ReleaseID, c.CABDecision, c.Digest()
	return e
}

func changeCreated(c release.Change, by release.Stamp) release.LogEntry {
	e := changeEntry(release.LogCreated, "Created", c, by)
	e.Changes = decidedFields(c)
	return e
}

func changeDecided(c release.Change, by release.Stamp) release.LogEntry {
	e := changeEntry(release.LogDecision, release.DecisionText(c.CABDecision, c.DecisionNote), c, by)
	e.Changes = decidedFields(c)
	return e
}

// changeEdited is the entry of an edit and, where it voids an approval, the entry of that.
func changeEdited(before, after release.Change, by release.Stamp) []release.LogEntry {
	e := changeEntry(release.LogEdit, "", after, by)
	e.Changes = record.ChangePlanChanges(before.ChangePlan, after.ChangePlan)
	fields := make([]string, len(e.Changes))
	for n, c := range e.Changes {
		fields[n] = c.Field
	}
	e.Text = "Changed " + strings.Join(fields, ", ")
	switch {
	case before.Digest() == e.Digest || !before.CABApproved():
	case !after.CABApproved():
		voided := changeEntry(release.LogApprovalVoided, "The CAB's approval no longer holds: what it approved was edited ("+strings.Join(fields, ", ")+")", after, by)
		return []release.LogEntry{e, voided}
	case after.Outdated != nil:
		e.Text += fmt.Sprintf("\nThe approval holds for as long as %s is in %s, which is deployed", after.ID, after.ReleaseID)
	default:
		e.Text += "\nThe approval holds: a Standard change is approved beforehand"
	}
	return []release.LogEntry{e}
}

// changeGivenBack is the entry that says that a rollback ended an approval.
func changeGivenBack(before, after release.Change) release.LogEntry {
	text := fmt.Sprintf("%s edited it on %s, while %s was deployed; the release was then rolled back, and the approval no longer holds",
		after.Voided.By, release.FormatTime(after.Voided.At), before.ReleaseID)
	e := changeEntry(release.LogApprovalVoided, text, after, release.Stamp{At: after.UpdatedAt, By: release.System})
	e.ReleaseID = before.ReleaseID
	return e
}

// olderDecisionOf is the entry of a decision from before records were introduced, unless
// the record has it already. It has no digest: what the request said then is not known.
func olderDecisionOf(c release.Change) (release.LogEntry, bool) {
	if c.DecidedAt == nil || len(c.DecisionEntries) > 0 {
		return release.LogEntry{}, false
	}
	return release.LogEntry{
		ID: changeLogID(olderDecision), Kind: release.LogDecision, Timestamp: *c.DecidedAt, Author: c.DecidedBy, Text: release.DecisionText(c.CABDecision, c.DecisionNote),
		Decision: c.CABDecision, Legacy: true,
	}, true
}

// keepOlderDecision adds such a decision to the record in the first write that would
// overwrite it.
func (s *Store) keepOlderDecision(before release.Change, after *release.Change, w Write) []types.TransactWriteItem {
	older, found := olderDecisionOf(before)
	if !found || after.DecidedAt == before.DecidedAt {
		return nil
	}
	after.DecisionEntries = append(after.DecisionEntries, olderDecision)
	i := entryItem(changeLogPrefix+before.ID, before.ID, olderDecision, older, w)
	return []types.TransactWriteItem{putAction(s.tables.Changes, i, newExpression())}
}

// Decisions reads the newest decisions of the CAB on a change request, newest first.
func (s *Store) Decisions(ctx context.Context, c release.Change) ([]release.Decision, error) {
	var entries []release.LogEntry
	if older, found := olderDecisionOf(c); found {
		entries = append(entries, older)
	}
	if len(c.DecisionEntries) > 0 {
		keys := make([]item, len(c.DecisionEntries))
		for n, sk := range c.DecisionEntries {
			keys[n] = key(changeLogPrefix+c.ID, sk)
		}
		items, err := s.batchGet(ctx, s.tables.Changes, keys)
		if err != nil {
			return nil, err
		}
		slices.SortFunc(items, func(a, b item) int { return strings.Compare(verbatim(b, "sk"), verbatim(a, "sk")) })
		for _, i := range items {
			entries = append(entries, decodeChangeEntry(ctx, i))
		}
	}
	var all []release.Decision
	for _, e := range entries {
		all = append(all, release.Decision{
			Decision: e.Decision, Note: release.DecisionNote(e.Text), By: e.Author, Subject: e.Subject, At: e.Timestamp.Truncate(time.Second), Digest: e.Digest,
		})
	}
	return all, nil
}

func decodeChangeEntry(ctx context.Context, i item) release.LogEntry {
	e := decodeEntry(ctx, i)
	sk := verbatim(i, "sk")
	e.ID, e.Legacy = changeLogID(sk), sk == olderDecision
	return e
}

// changeLogID is the short form of a key: "7", and "7.1" for the second entry of a write.
func changeLogID(sk string) string { return withoutZeros(sk) }

func isChangeLogSort(s string) bool { return len(s) >= len(olderDecision) && isLegacySort(s) }

// ChangeLogPage reads a page of a change request's record, newest first, of one kind or of
// all. A page holds fewer entries than asked for where they are large.
func (s *Store) ChangeLogPage(ctx context.Context, id string, kind release.LogKind, limit int, cursor string) ([]release.LogEntry, string, error) {
	c, err := s.Change(ctx, id)
	if err != nil {
		return nil, "", err
	}
	list := "clog=" + id + "/" + string(kind)
	start, err := openCursor(cursor, list, map[string]string{"pk": changeLogPrefix + id}, shape{"sk": isChangeLogSort})
	if err != nil {
		return nil, "", err
	}
	older, hasOlder := olderDecisionOf(c)
	hasOlder = hasOlder && (kind == "" || kind == release.LogDecision)
	page := entryPage{kind: kind, limit: limit, maxBytes: pageBytes, entries: []release.LogEntry{}}
	in := rangeOf(s.tables.Changes, changeLogPrefix+id, ">=", olderDecision)
	in.ExclusiveStartKey = start
	full := false
	end, err := s.newestFirst(ctx, in, &page, func(i item) bool {
		start = key(changeLogPrefix+id, verbatim(i, "sk"))
		full = !page.add(decodeChangeEntry(ctx, i), i)
		return !full
	})
	switch {
	case err != nil:
		return nil, "", pageFailure(err, cursor)
	case !full && hasOlder:
		return append(page.entries, older), "", nil
	case end && !hasOlder:
		return page.entries, "", nil
	}
	return page.entries, sealCursor(start, list), nil
}

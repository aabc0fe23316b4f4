package dynamo_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/release"
)

// changeLog reads all pages of a change request's record, newest entry first.
func (l *harness) changeLog(id string, kind release.LogKind, size int) []release.LogEntry {
	l.t.Helper()
	var all []release.LogEntry
	for cursor, pages := "", 0; pages < 200; pages++ {
		page, next, err := l.ChangeLogPage(l.ctx, id, kind, size, cursor)
		l.no(err)
		all = append(all, page...)
		if len(page) > size {
			l.t.Errorf("a page of %d holds %d", size, len(page))
		}
		if cursor = next; next == "" {
			return all
		}
	}
	l.t.Fatal("the pages do not end")
	return nil
}

func kindsOf(entries []release.LogEntry) string {
	kinds := make([]string, len(entries))
	for n, e := range entries {
		kinds[n] = string(e.Kind)
	}
	return strings.Join(kinds, " ")
}

func fieldsOf(e release.LogEntry) string {
	var fields []string
	for _, c := range e.Changes {
		fields = append(fields, c.Field+"="+c.To)
	}
	return strings.Join(fields, " ")
}

// Every write of a person to a change request leaves an entry in its record and, while it is linked,
// the same in its release's log. A write that changes nothing leaves none.
func TestChangeLog_EachWrite_LeavesItsEntry(t *testing.T) {
	l := newHarness(t)
	c := newChange("CHG-1", release.DecisionPending)
	c.Title = "Gateway"
	_, err := l.CreateChange(l.ctx, c, l.write())
	l.no(err)
	edit := func(title string) release.Change {
		t.Helper()
		c, err := l.edit(l.Store, "CHG-1", title, l.write())
		l.no(err)
		return c
	}
	decide := func(d release.CABDecision, note string) release.Change {
		t.Helper()
		c, err := l.Decide(l.ctx, "CHG-1", d, note, l.write())
		l.no(err)
		return c
	}
	edit("Mail gateway")
	first := decide(release.DecisionApproved, "CAB of Monday")
	id := l.release("CHG-1")
	edit("Mail gateway")
	edited := edit("All gateways")
	second := decide(release.DecisionApproved, "")
	l.transition(id, release.Approved, release.Scheduled, release.InProgress)
	if _, err := l.edit(l.Store, "CHG-1", "No", l.write()); !release.HasCode(err, "change-frozen") {
		t.Fatal(err)
	}
	l.transition(id, release.Deployed)
	edit("Every gateway")

	log := l.changeLog("CHG-1", "", 100)
	if got := kindsOf(log); got != "edit decision approval-voided edit decision edit created" {
		t.Fatalf("the record is %s", got)
	}
	slices.Reverse(log)
	for n, want := range []struct{ text, changes, digest, release string }{
		{"Created", "changeType=Normal title=Gateway", "", ""},
		{"Changed title", "title=Mail gateway", first.Digest(), ""},
		{"The CAB approved it\nNote: CAB of Monday", "changeType=Normal title=Mail gateway", first.Digest(), ""},
		{"Changed title", "title=All gateways", edited.Digest(), id},
		{"The CAB's approval no longer holds: what it approved was edited (title)", "", edited.Digest(), id},
		{"The CAB approved it", "changeType=Normal title=All gateways", second.Digest(), id},
		{"Changed title\nThe approval holds for as long as CHG-1 is in " + id + ", which is deployed", "title=Every gateway", "", id},
	} {
		e := log[n]
		if e.Text != want.text || fieldsOf(e) != want.changes || want.digest != "" && e.Digest != want.digest || e.ReleaseID != want.release ||
			e.Author != "Ada" || e.Subject != "u1" || e.Legacy {
			t.Errorf("%s: %+v, want %+v", e.Kind, e, want)
		}
	}
	if was := log[1].Changes[0].Was; was == nil || was.Bytes != len("Gateway") || strings.Contains(fmt.Sprintf("%+v", was), "Gateway") {
		t.Errorf("of the old title the entry has %+v, want its size and fingerprint, not its text", was)
	}
	atRelease, _, err := l.NewestLog(l.ctx, id, 100)
	l.no(err)
	var about []string
	for _, e := range atRelease {
		if e.ChangeRequestID == "CHG-1" && e.ReleaseID == "" {
			about = append(about, string(e.Kind)+" "+e.Digest)
		}
	}
	var want []string
	for _, e := range log[3:] {
		want = append(want, string(e.Kind)+" "+e.Digest)
	}
	if !slices.Equal(about, want) {
		t.Errorf("the release's log has\n%q, want\n%q", about, want)
	}
}

// No decision is overwritten. The change request shows the newest fifty, newest first, each with the
// digest of what it was on, and all of them are in its record.
func TestDecisions_FiftyThree_NewestFiftyAndAllKept(t *testing.T) {
	l := newHarness(t)
	_, err := l.CreateChange(l.ctx, newChange("CHG-1", release.DecisionPending), l.write())
	l.no(err)
	const count = 53
	digests := map[string]string{}
	for n := range count {
		c, err := l.edit(l.Store, "CHG-1", fmt.Sprintf("title %d", n), l.write())
		l.no(err)
		digests[fmt.Sprintf("note %d", n)] = c.Digest()
		_, err = l.Decide(l.ctx, "CHG-1", release.CABDecisions[1+n%2], fmt.Sprintf("note %d", n), l.write())
		l.no(err)
	}
	c, err := l.Change(l.ctx, "CHG-1")
	l.no(err)
	decisions, err := l.Decisions(l.ctx, c)
	l.no(err)
	if len(decisions) != 50 {
		t.Fatalf("%d decisions, want 50", len(decisions))
	}
	for n, d := range decisions {
		note := fmt.Sprintf("note %d", count-1-n)
		if d.Note != note || d.Digest != digests[note] || d.Decision != release.CABDecisions[1+(count-1-n)%2] || d.By != "Ada" || d.Subject != "u1" || d.At.Nanosecond() != 0 {
			t.Fatalf("decision %d from the end is %+v, want %q on %s", n, d, note, digests[note])
		}
	}
	if all := l.changeLog("CHG-1", release.LogDecision, 7); len(all) != count || release.DecisionNote(all[count-1].Text) != "note 0" {
		t.Errorf("%d decisions in the record, want %d", len(all), count)
	}
}

// older creates an approved change request and makes it as it was stored before records were kept.
func (l *harness) older(id string) {
	l.t.Helper()
	c := newChange(id, release.DecisionApproved)
	at := c.CreatedAt
	c.DecidedBy, c.DecidedAt, c.DecisionNote = "Carl", &at, "long ago"
	_, err := l.CreateChange(l.ctx, c, l.write())
	l.no(err)
	_, err = l.Client.DeleteItem(l.ctx, &dynamodb.DeleteItemInput{TableName: &l.Tables.Changes, Key: map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "CLOG#" + id}, "sk": &types.AttributeValueMemberS{Value: "0000000001"},
	}})
	l.no(err)
}

// A decision from before records were kept is shown as one without a digest, before and after the
// next decision. The first edit takes such an approval away as well.
func TestDecisions_BeforeRecordsWereKept_OneWithoutDigest(t *testing.T) {
	l := newHarness(t)
	l.older("CHG-1")
	look := func(when string, kinds string, digests ...bool) {
		t.Helper()
		c, err := l.Change(l.ctx, "CHG-1")
		l.no(err)
		decisions, err := l.Decisions(l.ctx, c)
		l.no(err)
		for size := 1; size < 7; size++ {
			log := l.changeLog("CHG-1", "", size)
			if got := kindsOf(log); got != kinds || !log[len(log)-1].Legacy || release.DecisionNote(log[len(log)-1].Text) != "long ago" {
				t.Errorf("%s, in pages of %d: the record is %s, want %s", when, size, got, kinds)
			}
		}
		if got := l.changeLog("CHG-1", release.LogDecision, 1); len(got) != len(digests) {
			t.Errorf("%s: %d decisions in the record, want %d", when, len(got), len(digests))
		}
		if len(decisions) != len(digests) {
			t.Fatalf("%s: %d decisions, want %d", when, len(decisions), len(digests))
		}
		for n, d := range decisions {
			if (d.Digest != "") != digests[n] {
				t.Errorf("%s: decision %d is %+v; want a digest: %t", when, n, d, digests[n])
			}
		}
		if last := decisions[len(decisions)-1]; last.By != "Carl" || last.Note != "long ago" || last.Decision != release.DecisionApproved || last.Subject != "" || last.At.IsZero() {
			t.Errorf("%s: the oldest decision is %+v, want Carl's approval", when, last)
		}
	}
	look("untouched", "decision", false)
	_, err := l.edit(l.Store, "CHG-1", "  ", l.write())
	l.no(err)
	look("after white space", "edit decision", false)
	c, err := l.edit(l.Store, "CHG-1", "Another", l.write())
	l.no(err)
	if c.CABApproved() || c.Voided == nil {
		t.Errorf("after its first edit it is %+v, want the approval voided", c)
	}
	look("voided", "approval-voided edit edit decision", false)
	l.decide("CHG-1", release.DecisionRejected)
	look("decided", "decision approval-voided edit edit decision", true, false)
	l.decide("CHG-1", release.DecisionApproved)
	look("decided again", "decision decision approval-voided edit edit decision", true, true, false)

	// The old decision also stays if another follows without an edit in between.
	l.older("CHG-2")
	l.decide("CHG-2", release.DecisionRejected)
	c, err = l.Change(l.ctx, "CHG-2")
	l.no(err)
	if decisions, err := l.Decisions(l.ctx, c); err != nil || len(decisions) != 2 || decisions[1].Note != "long ago" || decisions[1].Decision != release.DecisionApproved {
		t.Errorf("decided on without an edit, its decisions are %+v, %v; want two, the older one Carl's", decisions, err)
	}
	if got := kindsOf(l.changeLog("CHG-2", "", 10)); got != "decision decision" {
		t.Errorf("decided on without an edit, its record is %s, want two decisions", got)
	}
}

// If a rollback ends an approval, because of an edit while it was deployed, the record says so in an
// entry of the system's.
func TestFollowRelease_EditedWhileDeployed_LeavesAnEntry(t *testing.T) {
	l := newHarness(t)
	l.older("CHG-1")
	id := l.release("CHG-1")
	l.transition(id, release.Approved, release.Scheduled, release.InProgress, release.Deployed)
	_, err := l.edit(l.Store, "CHG-1", "Another", l.write())
	l.no(err)
	l.transition(id, release.RolledBack)
	c, err := l.Change(l.ctx, "CHG-1")
	l.no(err)
	r, err := l.Release(l.ctx, id)
	l.no(err)
	// Somebody edits it once more, between what the consumer reads and its write.
	s := l.heldUp("TransactWriteItems", func() {
		_, err := l.UpdateChange(l.ctx, "CHG-1", func(c release.Change) (release.Change, error) {
			c.Title += " "
			return c, nil
		}, l.write())
		l.no(err)
	})
	c, moved, err := s.FollowRelease(l.ctx, c, r)
	if err != nil || !moved || c.CABApproved() {
		t.Fatalf("%+v, %t, %v", c, moved, err)
	}
	log := l.changeLog("CHG-1", "", 100)
	if got := kindsOf(log); got != "approval-voided edit edit decision" {
		t.Errorf("the record is %s", got)
	}
	if e := log[0]; e.Subject != "system" || e.ReleaseID != id || !strings.Contains(e.Text, "Ada edited it") || e.Decision != release.DecisionPending {
		t.Errorf("the newest entry is %+v, want the system's, which names the release and Ada", e)
	}
	stored, err := l.Change(l.ctx, "CHG-1")
	l.no(err)
	decisions, err := l.Decisions(l.ctx, stored)
	if err != nil || len(decisions) != 1 || decisions[0].Note != "long ago" || !slices.Equal(stored.DecisionEntries, c.DecisionEntries) {
		t.Errorf("the decisions are %+v, %v; stored are %v, answered %v", decisions, err, stored.DecisionEntries, c.DecisionEntries)
	}
}

// A cursor is only valid for the record and kind that it was given for.
func TestChangeLogPage_CursorOfAnother_Invalid(t *testing.T) {
	l := newHarness(t)
	l.changes("CHG", 2)
	l.retitle("CHG-000", "a")
	_, cursor, err := l.ChangeLogPage(l.ctx, "CHG-000", "", 1, "")
	l.no(err)
	for name, read := range map[string]func() error{
		"another request's": func() error { _, _, err := l.ChangeLogPage(l.ctx, "CHG-001", "", 1, cursor); return err },
		"another kind's":    func() error { _, _, err := l.ChangeLogPage(l.ctx, "CHG-000", release.LogEdit, 1, cursor); return err },
	} {
		if err := read(); cursor == "" || !release.HasCode(err, "invalid-cursor") {
			t.Errorf("the cursor used as %s is answered %v, want invalid-cursor", name, err)
		}
	}
	if _, _, err := l.ChangeLogPage(l.ctx, "CHG-9", "", 1, ""); !release.IsKind(err, release.KindNotFound) {
		t.Errorf("the record of no change request is answered %v, want not found", err)
	}
}

// The log names a change request that is linked or removed with its digest and decision at that
// time.
func TestLinkChanges_ScopeEntry_TellsDigestAndDecision(t *testing.T) {
	l := newHarness(t)
	l.changes("CHG", 1)
	id := l.release()
	joined, err := l.Change(l.ctx, "CHG-000")
	l.no(err)
	l.link(id, []string{"CHG-000"}, nil)
	left, err := l.edit(l.Store, "CHG-000", "Another", l.write())
	l.no(err)
	l.link(id, nil, []string{"CHG-000"})
	entries, _, err := l.LogPage(l.ctx, id, release.LogScope, 10, "", false)
	l.no(err)
	if len(entries) != 2 {
		t.Fatalf("the log has the scope entries %+v, want two", entries)
	}
	if got, want := fmt.Sprint(entries[1].Added), fmt.Sprint([]release.ScopedChange{{ID: "CHG-000", CABDecision: release.DecisionApproved, Digest: joined.Digest()}}); got != want {
		t.Errorf("joined: %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(entries[0].Removed), fmt.Sprint([]release.ScopedChange{{ID: "CHG-000", CABDecision: release.DecisionPending, Digest: left.Digest()}}); got != want {
		t.Errorf("left: %s, want %s", got, want)
	}
}

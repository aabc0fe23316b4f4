package dynamo_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit/meter"
)

// The progress that people are shown is the one by which the sweep goes, whether the release is read
// or edited.
func TestReleaseWithLinks_OneOfTwoThrough_TellsTheProgress(t *testing.T) {
	l := newHarness(t)
	id := l.release(l.changes("CHG", 2)...)
	l.transition(id, release.Approved, release.Scheduled, release.InProgress, release.Deployed)
	l.no(l.ChangeIsThrough(l.ctx, id, 4, "CHG-000", dynamo.Followed{Tasks: 3}, time.Now()))
	detail, err := l.ReleaseWithLinks(l.ctx, id)
	l.no(err)
	edited, err := l.UpdateRelease(l.ctx, id, func(r release.Release) (release.Release, release.LogEntry, error) {
		r.Description, r.Revision = "other", r.Revision+1
		return r, release.EntryBy(release.LogEdit, "Edited", l.write().Stamp), nil
	}, l.write())
	l.no(err)
	for reading, r := range map[string]release.Release{"with its links": detail.Release, "as edited": edited} {
		if p := r.Progress(); p.State != "settling" || p.Changes.Settled != 1 || p.Changes.Total != 2 || p.Tasks.Settled != 3 {
			t.Errorf("%s: %+v; want one of two, and 3 tasks", reading, p)
		}
	}
	if len(detail.Links) != 2 {
		t.Errorf("%d links, want 2", len(detail.Links))
	}
}

// Versions before 2026-11-26 kept the progress of a settlement on the release. A settlement that such
// a version began, or works on at the same time during an upgrade, comes to its end: this version
// reads both places.
func TestChangeIsThrough_SettlementOfAnOlderVersion_Ends(t *testing.T) {
	l := newHarness(t)
	for n, began := range []string{"by it", "beside it"} {
		ids := l.changes(fmt.Sprintf("C%d", n), 3)
		id := l.release(ids...)
		l.transition(id, release.Approved, release.Scheduled, release.InProgress, release.Deployed)
		if began == "by it" {
			l.forgetProgress(id)
		}
		l.wants(id, began, map[string]string{"unsettled": "*types.AttributeValueMemberSS", "settledTasks": "0"})
		l.behind(id, "M", "DELETE unsettled :one ADD settledTasks :tasks", map[string]types.AttributeValue{
			":one": &types.AttributeValueMemberSS{Value: ids[:1]}, ":tasks": &types.AttributeValueMemberN{Value: "5"},
		})
		l.settles(id, began+", one through for it", ids[1:], 5, false)
		for range 2 {
			l.no(l.ChangeIsThrough(l.ctx, id, 4, ids[1], dynamo.Followed{Tasks: 2}, time.Now()))
			l.settles(id, began+", another here", ids[2:], 7, false)
		}
		l.no(l.ChangeIsThrough(l.ctx, id, 4, ids[2], dynamo.Followed{Tasks: 1}, time.Now()))
		if began == "beside it" { // the first is through by the release alone: the sweep sees it
			l.settles(id, began+", the last here", nil, 8, false)
			l.no(l.EndSettlement(l.ctx, id, time.Now()))
		}
		l.settles(id, began+", ended", nil, 8, true)
		l.wants(id, began, map[string]string{"unsettled": "", "settledEpoch": "4", "op": "settled"})
	}
}

func TestChangeIsThrough_OlderSettlementOvertaken_LeavesItUnsettled(t *testing.T) {
	l := newHarness(t)
	l.changes("CHG", 1)
	id := l.deployed(0)
	l.transition(id, release.RolledBack)
	l.forgetProgress(id)
	l.no(l.ChangeIsThrough(l.ctx, id, 4, "CHG-000", dynamo.Followed{Tasks: 3}, time.Now()))
	l.settles(id, "through for the deployment", []string{"CHG-000"}, 0, false)
}

// The log's counter, which holds the progress, is gone when a cancelled release is being deleted; its
// settlement ends all the same.
func TestChangeIsThrough_DeletionBegun_Ends(t *testing.T) {
	l := newHarness(t)
	l.changes("CHG", 1)
	id := l.release("CHG-000")
	l.transition(id, release.Cancelled)
	l.beginDeleting(id)
	l.settles(id, "a deletion has begun", []string{"CHG-000"}, 0, false)
	l.no(l.ChangeIsThrough(l.ctx, id, 1, "CHG-000", dynamo.Followed{}, time.Now()))
	l.settles(id, "through", nil, 0, true)
}

// forgetProgress makes a settlement one that a version before 2026-11-26 began.
func (l *harness) forgetProgress(id string) {
	l.t.Helper()
	l.behind(id, "L", "REMOVE settleEpoch, notThrough, settledTasks", nil)
}

// behind changes an item of a release behind the store's back, as another version would.
func (l *harness) behind(id, sk, update string, values map[string]types.AttributeValue) {
	l.t.Helper()
	_, err := l.Client.UpdateItem(l.ctx, &dynamodb.UpdateItemInput{
		TableName: &l.Tables.Releases, Key: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: "REL#" + id}, "sk": &types.AttributeValueMemberS{Value: sk},
		},
		UpdateExpression: &update, ExpressionAttributeValues: values,
	})
	l.no(err)
}

// A release may have 270 KB, with 100 change requests of the longest ids. What it costs to record that
// one of these is through does not depend on that.
func TestChangeIsThrough_ReleaseAtTheBounds_TwoUnitsAtMost(t *testing.T) {
	l := newHarness(t)
	for size, of := range map[string]struct{ changes, steps, least int }{
		"small": {2, 0, 0}, "at the bounds": {release.MaxChanges, release.MaxSteps, 270_000},
	} {
		r, _ := planOf()
		if of.steps > 0 {
			r.Description, r.SuccessCriteria = strings.Repeat("d", release.MaxDescription), strings.Repeat("c", release.MaxDescription)
		}
		for n := range of.steps {
			s := release.Step{Order: n + 1, Description: strings.Repeat("s", release.MaxStepText), OwnerEmail: strings.Repeat("o", 64) + "@" + strings.Repeat("d", 60) + "." + strings.Repeat("e", 60) + ".example.com"}
			r.RolloutSteps, r.RollbackSteps = append(r.RolloutSteps, s), append(r.RollbackSteps, s)
		}
		var ids []string
		for n := range of.changes {
			c, err := l.CreateChange(l.ctx, newChange(fmt.Sprintf("C%d-%s", of.changes, strings.Repeat("x", release.MaxID-8)+fmt.Sprintf("%03d", n)), release.DecisionApproved), l.write())
			l.no(err)
			ids = append(ids, c.ID)
		}
		created, err := l.CreateRelease(l.ctx, r, ids, l.write())
		l.no(err)
		id := created.Release.ID
		l.transition(id, release.Approved, release.Scheduled, release.InProgress, release.Deployed)
		if bytes := meter.Size(l.raw(l.Tables.Releases, "REL#"+id, "M")); bytes < of.least {
			t.Errorf("%s: the release has only %d bytes", size, bytes)
		}
		m := meter.New(l.Client)
		s := l.Open(m.Option)
		sum := 0.0
		for n, change := range ids[:len(ids)-1] { // the last one ends the settlement, once
			l.no(s.ChangeIsThrough(l.ctx, id, 4, change, dynamo.Followed{Tasks: 10_000}, time.Now()))
			got := m.Take()
			if sum += got.Written; got.Total() != 1 || got.Written > 2 || got.Indexes > 0 {
				t.Fatalf("%s, %d of %d through: %+v; want one request of at most 2 units", size, n+1, len(ids), got)
			}
		}
		t.Logf("%s: %.2f units on average", size, sum/float64(len(ids)-1))
		l.no(s.ChangeIsThrough(l.ctx, id, 4, ids[len(ids)-1], dynamo.Followed{Tasks: 1}, time.Now()))
		l.settles(id, size, nil, (len(ids)-1)*10_000+1, true)
	}
}

// A transition that begins a settlement is as cheap as any other: what has to be settled is written to
// the log's counter, which every transition writes.
func TestTransition_Settling_TwoRequestsAndTenUnits(t *testing.T) {
	l := newHarness(t)
	r, ids := planOf(l.changes("CHG", 20)...)
	r.Description = strings.Repeat("d", 500)
	created, err := l.CreateRelease(l.ctx, r, ids, l.write())
	l.no(err)
	id := created.Release.ID
	l.transition(id, release.Approved, release.Scheduled, release.InProgress)
	m := meter.New(l.Client)
	_, err = l.Open(m.Option).Transition(l.ctx, id, moveTo(release.Deployed), l.write())
	l.no(err)
	if got := m.Take(); got.Total() != 2 || got.Written > 10 {
		t.Errorf("it takes %v and %v units; want 2 requests and at most 10 units", got, got.Written)
	}
}

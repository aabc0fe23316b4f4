package dynamo_test

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit/inject"
)

// Only the planner that has a job can save how far it has come, not one that another has overtaken.
// If the job is opened for something new, planning begins again; if it is opened because it was
// forgotten, planning goes on.
func TestSaveProgress_JobOfSomebodyElse_ChangesNothing(t *testing.T) {
	l := newHarness(t)
	at := func(minutes int) time.Time { return mailNow.Add(time.Duration(minutes) * time.Minute) }
	k := mail.WindowJob("REL-1")
	read := func() mail.Job {
		t.Helper()
		j, _, err := l.Job(l.ctx, k)
		l.no(err)
		return j
	}
	save := func(j mail.Job, of string, wake, want bool) mail.Job {
		t.Helper()
		j.Progress = mail.Progress{Of: of, Notified: "ben@example.com", Lots: []string{"x"}}
		after, ours, err := l.SaveProgress(l.ctx, j, wake, at(1))
		if l.no(err); ours != want {
			t.Errorf("%s: saved %t, want %t", of, ours, want)
		}
		return after
	}
	progress := func(what, of string, open bool, op string) {
		t.Helper()
		j := read()
		if stored, _ := l.raw(l.Tables.Mail, "JOB#REL-1", "window")["op"].(*types.AttributeValueMemberS); j.Progress.Of != of || j.Open != open || stored.Value != op {
			t.Errorf("%s: %+v, %s", what, j, stored.Value)
		}
	}
	l.no(l.OpenJob(l.ctx, k, at(0)))
	first := read()
	second := save(first, "a", false, true)
	progress("under way", "a", true, "planning")
	save(first, "b", true, false)
	progress("another planned it from where it was before", "a", true, "planning")
	third := save(second, "c", true, true)
	progress("put aside", "c", true, "plan")
	if third.Round != read().Round {
		t.Errorf("saved as round %d, and it is %d", third.Round, read().Round)
	}
	if opened, late, err := l.OpenDueJob(l.ctx, k, at(2)); opened || late || err != nil {
		t.Errorf("open, and not overdue: opened %t, late %t, %v", opened, late, err)
	}
	save(read(), "d", false, true)
	if opened, late, err := l.OpenDueJob(l.ctx, k, at(2)); opened || late || err != nil {
		t.Errorf("under way, and not overdue: opened %t, late %t, %v", opened, late, err)
	}
	if opened, late, err := l.OpenDueJob(l.ctx, k, at(10)); !opened || !late || err != nil {
		t.Errorf("forgotten while under way: opened %t, late %t, %v", opened, late, err)
	}
	progress("forgotten", "d", true, "plan")
	l.no(l.OpenJob(l.ctx, k, at(11)))
	progress("opened for something new", "", true, "plan")
	save(third, "e", true, false)
	progress("and saved by who planned before", "", true, "plan")
	j := save(read(), "f", true, true)
	l.no(l.CloseJob(l.ctx, j, at(60), at(12)))
	progress("closed", "", false, "wait")

	// The answer is lost, and the SDK writes once more.
	l.no(l.OpenJob(l.ctx, k, at(13)))
	j = read()
	j.Progress.Of = "g"
	lost := false
	under := l.Open(inject.Option(nil, func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
		if err := do(ctx); lost || call.Operation != "UpdateItem" || err != nil {
			return err
		}
		lost = true
		return inject.Lost()
	}))
	if after, ours, err := under.SaveProgress(l.ctx, j, true, at(14)); !ours || err != nil || !lost || after.Round != read().Round {
		t.Errorf("saved %t, %v, as round %d", ours, err, after.Round)
	}
}

// A lot can be read from any key on, in the order of keys, and comes back as it was put.
func TestLot_InParts_ReadFromAnyKeyOn(t *testing.T) {
	l := newHarness(t)
	var people []*mail.Person
	for n := range 500 {
		p := &mail.Person{Key: fmt.Sprintf("p%03d@example.com", n), Via: []string{"CHG-1"}}
		for k := range 20 {
			p.Tasks.Add(release.Task{ID: fmt.Sprint("T-", k), TaskPlan: release.TaskPlan{Title: strings.Repeat("t", 20)}})
		}
		people = append(people, p)
	}
	l.no(l.PutLot(l.ctx, "a", people, mailNow))
	l.no(l.PutLot(l.ctx, "b", people[:1], mailNow))
	for after, want := range map[string][]*mail.Person{"": people, "p250@example.com": people[251:], "p250": people[250:], people[499].Key: nil} {
		var got []*mail.Person
		parts := 0
		for from := after; ; parts++ {
			next, err := l.Lot(l.ctx, "a", from)
			if l.no(err); len(next) == 0 {
				break
			}
			got, from = append(got, next...), next[len(next)-1].Key
		}
		if !reflect.DeepEqual(got, want) || len(want) == 500 && parts < 5 {
			t.Errorf("after %q: %d people in %d parts, want %d", after, len(got), parts, len(want))
		}
	}
}

package notify_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/local/mailbox"
	"example.com/releases/shared/mail"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

// toTeam wants, since the last call, no mail to requesters, and exactly one to each of the
// recipients (sorted) as somebody who works on a release.
func (l *laptop) toTeam(recipients ...string) []mailbox.Mail {
	l.t.Helper()
	l.only()
	mails := l.team
	l.team = nil
	slices.SortStableFunc(mails, func(a, b mailbox.Mail) int { return strings.Compare(a.To, b.To) })
	var to []string
	for _, m := range mails {
		to = append(to, m.To)
	}
	if !slices.Equal(to, recipients) {
		l.t.Fatalf("to the team: %v, want %v: %s", to, recipients, subjects(mails))
	}
	return mails
}

func steps(owners ...string) []object {
	var all []object
	for n, owner := range owners {
		all = append(all, object{"order": n + 1, "description": "Step for " + owner, "ownerEmail": owner + "@example.com"})
	}
	return all
}

// A month before a release, everybody who works on it gets its window for their calendar. They hear
// of each move (owners of steps only of those by a quarter of an hour and more), and of its end.
func TestMails_Team_FixedMovedOff_OneEach(t *testing.T) {
	t.Parallel()
	l := start(t)
	begins := time.Now().Add(30 * 24 * time.Hour).UTC().Truncate(time.Second)
	id := l.do(http.MethodPost, "/api/releases", object{
		"name": "Spring", "version": "1", "scheduledStart": begins, "scheduledEnd": begins.Add(time.Hour), "releaseManager": "Rita", "releaseManagerEmail": "rita@example.com",
		"rolloutSteps": steps("olaf", "rita", "olaf"), "rollbackSteps": steps("Olaf"),
	})["id"].(string)
	l.transition(id, "approved")
	l.headsUp()
	l.toTeam()
	l.transition(id, "scheduled")
	l.waitIdle()
	l.headsUp()
	mails := l.toTeam("olaf@example.com", "rita@example.com")
	contains(t, mails[0], "Release "+id+" is scheduled for "+date(begins)+". You own 3 of its steps.", "Step for olaf", "rollout step 3", "rollback step 1")
	contains(t, mails[1], "Release "+id+" is scheduled for "+date(begins)+". You manage it and own one of its steps.", "Step for rita")
	if strings.Contains(mails[0].Text, "Step for rita") {
		t.Errorf("olaf has rita's steps:\n%s", mails[0].Text)
	}
	uid := "UID:" + id + "@127.0.0.1"
	for _, m := range mails {
		event(t, m, "METHOD:PUBLISH", uid, "SEQUENCE:1", "STATUS:CONFIRMED", "DTSTART:"+begins.Format("20060102T150405Z"))
	}
	l.noFurther()

	shift := func(by time.Duration) {
		begins = begins.Add(by)
		l.do(http.MethodPatch, "/api/releases/"+id, object{"scheduledStart": begins, "scheduledEnd": begins.Add(time.Hour)})
		l.waitIdle()
	}
	shift(14 * time.Minute)
	event(t, l.toTeam("rita@example.com")[0], uid, "SEQUENCE:2", "DTSTART:"+begins.Format("20060102T150405Z"))
	l.noFurther()
	shift(time.Minute) // a quarter of an hour from what olaf knows
	mails = l.toTeam("olaf@example.com", "rita@example.com")
	contains(t, mails[0], "has been moved to "+date(begins), "Instead of", "Step for olaf")
	event(t, mails[0], uid, "SEQUENCE:3", "DTSTART:"+begins.Format("20060102T150405Z"))
	l.noFurther()

	// Another description of a step tells nobody anything; a new owner is told, and the old one.
	l.do(http.MethodPatch, "/api/releases/"+id, object{"rolloutSteps": []object{{"order": 1, "description": "In other words", "ownerEmail": "olaf@example.com"}}})
	l.waitIdle()
	l.toTeam()
	l.do(http.MethodPatch, "/api/releases/"+id, object{"rolloutSteps": steps("nora"), "rollbackSteps": steps("nora")})
	l.waitIdle()
	mails = l.toTeam("nora@example.com", "olaf@example.com")
	contains(t, mails[0], "You own 2 of its steps.")
	contains(t, mails[1], "You no longer manage release "+id+" and own none of its steps.")
	event(t, mails[1], uid, "SEQUENCE:4", "STATUS:CANCELLED")
	l.noFurther()

	l.transition(id, "cancelled")
	l.waitIdle()
	mails = l.toTeam("nora@example.com", "rita@example.com")
	contains(t, mails[0], "Release "+id+" has been cancelled.", "Step for nora")
	event(t, mails[1], uid, "SEQUENCE:4", "STATUS:CANCELLED")
	l.noFurther()
}

// Somebody who manages a release or owns steps of it, and has a request in it as well, gets one mail
// for each occasion.
func TestMails_TeamAndRequester_OneMailAnOccasion(t *testing.T) {
	t.Parallel()
	l := start(t)
	l.change("CHG-1", "ci-a")
	l.task("T-1", "rita", "CHG-1")
	l.task("T-2", "olaf", "", "ci-a")
	id, begins := l.scheduled(48*time.Hour, "CHG-1")
	l.do(http.MethodPatch, "/api/releases/"+id, object{"rolloutSteps": steps("olaf", "rita")})
	l.waitIdle()
	l.headsUp()
	mails := l.only("olaf@example.com", "rita@example.com")
	contains(t, mails[0], "Your request will be fulfilled as part of release "+id, "Step for olaf")
	contains(t, mails[1], "Your request will be fulfilled as part of release "+id, "Step for rita", "You also manage this release.")
	l.toTeam()
	l.noFurther()
	begins = begins.Add(time.Hour)
	l.do(http.MethodPatch, "/api/releases/"+id, object{"scheduledStart": begins, "scheduledEnd": begins.Add(time.Hour)})
	l.waitIdle()
	mails = l.only("olaf@example.com", "rita@example.com")
	event(t, mails[1], "SEQUENCE:2", "DTSTART:"+begins.Format("20060102T150405Z"))
	l.toTeam()
	l.noFurther()

	// Their request is no longer part of it, but they still manage it: the window stays in their
	// calendar, and the next entry has a higher SEQUENCE than the one that is there.
	l.do(http.MethodPost, "/api/releases/"+id+"/add-changes", object{"remove": []string{"CHG-1"}})
	l.waitIdle()
	mails = l.only("olaf@example.com", "rita@example.com")
	if len(mails[1].Attachments) != 0 {
		t.Errorf("the manager's mail has a calendar entry, want none, so that the window stays:\n%s", mails[1].Attachments[0].Content)
	}
	l.noFurther()
	l.transition(id, "cancelled")
	l.waitIdle()
	for _, m := range l.toTeam("olaf@example.com", "rita@example.com") {
		event(t, m, "SEQUENCE:4", "STATUS:CANCELLED")
	}
	l.noFurther()
}

// team gives a release a manager and owners of steps.
func (w *fixture) team(id, manager string, owners ...string) {
	w.t.Helper()
	body := `{"releaseManagerEmail":"` + manager + `@example.com","rolloutSteps":[`
	for n, owner := range owners {
		if n > 0 {
			body += ","
		}
		body += `{"order":` + string(rune('1'+n)) + `,"description":"Step","ownerEmail":"` + owner + `@example.com"}`
	}
	must(w.ops.UpdateRelease(w.ctx, id, []byte(body+`]}`), operations.Precondition{}))(w.t)
}

// Records come twice and to two planners at once, mails wait, windows move meanwhile: there is one
// mail for each window of which somebody has to know.
func TestTeam_RedeliveredAndMovedMeanwhile_NothingTwice(t *testing.T) {
	t.Parallel()
	w := newFixture(t, fixtureOptions{})
	id := w.scheduled(began.Add(30*24*hour), hour)
	w.team(id, "rita", "olaf")
	plan := func() {
		t.Helper()
		if err := w.Store.OpenJob(t.Context(), mail.WindowJob(id), w.now()); err != nil {
			t.Fatal(err)
		}
		records := w.wakes("plan")
		done := make(chan error)
		for range 2 {
			go func() {
				_, err := w.planner.Stream(t.Context(), events.DynamoDBEvent{Records: records})
				done <- err
			}()
		}
		for range 2 {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		w.plan()
	}
	plan()
	plan()
	w.wantStates("olaf window-fixed 1 pending, rita window-fixed 1 pending")
	w.window(id, began.Add(30*24*hour+10*time.Minute), hour)
	plan()
	w.wantStates("olaf window-fixed 1 pending, rita window-fixed 1 superseded, rita window-fixed 2 pending")
	w.send()
	w.wantStates("olaf window-fixed 1 sent, rita window-fixed 1 superseded, rita window-fixed 2 sent")
	w.window(id, began.Add(31*24*hour), hour)
	plan()
	w.window(id, began.Add(30*24*hour), hour) // back to what olaf knows
	plan()
	plan()
	w.send()
	w.wantStates("olaf window-fixed 1 sent, olaf window-moved 3 superseded, " +
		"rita window-fixed 1 superseded, rita window-fixed 2 sent, rita window-moved 3 superseded, rita window-moved 4 sent")
	w.transition(id, release.Cancelled)
	plan()
	plan()
	w.send()
	w.wantStates("olaf window-fixed 1 sent, olaf window-moved 3 superseded, olaf window-off 4 sent, " +
		"rita window-fixed 1 superseded, rita window-fixed 2 sent, rita window-moved 3 superseded, rita window-moved 4 sent, rita window-off 5 sent")
	w.wantMails(5)
}

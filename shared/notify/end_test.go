package notify_test

import (
	"net/http"
	"testing"
	"time"
)

// Everybody who was told of a release hears of its end: those with linked tasks what became of
// these; those whose tasks only name a configuration item that they stay open, once. The calendar
// entry gets the actual times.
func TestMails_HeadsUpThenOver_EverybodyHearsTheEnd(t *testing.T) {
	t.Parallel()
	l := start(t)
	l.change("CHG-1", "ci-a")
	l.task("T-1", "ann", "CHG-1")
	l.task("T-2", "ann", "", "ci-a")
	l.task("T-3", "bob", "", "ci-z", "ci-a")
	l.task("T-4", "cid", "", "ci-a")
	id, begins := l.scheduled(48*time.Hour, "CHG-1")
	l.headsUp()
	mails := l.only("ann@example.com", "bob@example.com", "cid@example.com")
	reported := "Your request will be fulfilled as part of release " + id + " scheduled for " + date(begins)
	contains(t, mails[0], reported, "It touches ci-a, which 1 of your requests names; that one is not linked to a change in it and may stay open.")
	contains(t, mails[1], reported, "It touches ci-a, which your request names; your request is not linked to a change in it and may stay open.")
	l.do(http.MethodPatch, "/api/tasks/T-4", object{"status": "Closed"})
	l.task("T-5", "dan", "", "ci-a") // was never told
	l.transition(id, "in-progress", "deployed")
	l.waitIdle()
	mails = l.only("ann@example.com", "bob@example.com")
	contains(t, mails[0], "has been fulfilled with release "+id, "Request T-1", "Another request of yours names ci-a", "stays open")
	contains(t, mails[1], "Release "+id+" is complete. Your request stays open.", "The release touched ci-a", "Request T-3", "Please do not submit it again")
	r := l.do(http.MethodGet, "/api/releases/"+id, nil)
	began, err := time.Parse(time.RFC3339, r["actualStart"].(string))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mails {
		event(t, m, "UID:"+id+"@127.0.0.1", "SEQUENCE:2", "STATUS:CONFIRMED", "DTSTART:"+began.UTC().Format("20060102T1504")+"00Z")
	}
	l.noFurther()
	l.transition(id, "rolled-back")
	l.waitIdle()
	mails = l.only("ann@example.com") // bob knows already that his stays open
	contains(t, mails[0], "was rolled back", "Request T-1")
	event(t, mails[0], "UID:"+id+"@127.0.0.1", "SEQUENCE:3", "STATUS:CONFIRMED", "SUMMARY:Rolled back: "+id+": Spring 1", "DTSTART:"+began.UTC().Format("20060102T1504")+"00Z")
	l.noFurther()
}

// When a release ends without a deployment, those whose tasks only name a configuration item get
// one mail, which says that their request stays open.
func TestMails_ReachedThroughCIThenGivenUp_OneMail(t *testing.T) {
	t.Parallel()
	for status, words := range map[string]string{"rolled-back": "was rolled back. Your request stays open.", "cancelled": "has been cancelled"} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			l := start(t)
			l.change("CHG-1", "ci-a")
			l.task("T-1", "bob", "", "ci-a")
			id, _ := l.scheduled(48*time.Hour, "CHG-1")
			l.headsUp()
			l.only("bob@example.com")
			confirmed := "STATUS:CANCELLED"
			if status == "rolled-back" {
				l.transition(id, "in-progress")
				confirmed = "STATUS:CONFIRMED"
			}
			l.transition(id, status)
			l.waitIdle()
			m := l.only("bob@example.com")[0]
			contains(t, m, "Release "+id+" "+words, "ci-a, which your request names; your request is not linked to a change in it", "Please do not submit it again")
			event(t, m, "SEQUENCE:2", confirmed)
			l.noFurther()
		})
	}
}

package notify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/local"
	"example.com/releases/shared/local/mailbox"
	"example.com/releases/shared/local/tokens"
	"example.com/releases/shared/notify/plan"
	"example.com/releases/shared/notify/tend"
	"example.com/releases/shared/testkit"
	"example.com/releases/shared/testkit/inject"
)

// laptop is the whole product behind its API, as people and programs use it.
type laptop struct {
	*local.Host
	t     *testing.T
	store *dynamo.Store   // on the same tables; count counts its requests
	count *inject.Counter // of store
	read  int             // mails taken from the inbox so far
	team  []mailbox.Mail  // to those who work on a release, of the mails so far
}

type object = map[string]any

func start(t *testing.T) *laptop {
	t.Helper()
	tables := testkit.New(t, testkit.WithStreams)
	h, err := local.Start(t.Context(), local.Options{
		Endpoint: tables.Endpoint, Table: tables.Name, Period: time.Hour,
		Settings: map[string]string{"ORGANISATION_ZONE": "Europe/Berlin", "ORGANISATION_NAME": "Acme & Sons"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Stop)
	l := &laptop{Host: h, t: t, count: &inject.Counter{}}
	l.store = tables.Under(nil, l.count.Count)
	return l
}

// do sends a request as an admin and wants success.
func (l *laptop) do(method, path string, body object) object {
	l.t.Helper()
	token, err := l.Tokens.Mint(tokens.Holder{Role: "admin"})
	if err != nil {
		l.t.Fatal(err)
	}
	raw, err := json.Marshal(body)
	if err != nil {
		l.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(l.t.Context(), method, l.BaseURL+path, bytes.NewReader(raw))
	if err != nil {
		l.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		l.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	if answer.StatusCode >= 300 {
		l.t.Fatalf("%s %s: %s %s", method, path, answer.Status, text)
	}
	var out object
	_ = json.Unmarshal(text, &out)
	return out
}

// waitIdle waits until everything that follows from the requests so far has been done.
func (l *laptop) waitIdle() {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
	defer cancel()
	if err := l.WaitIdle(ctx); err != nil {
		l.t.Fatalf("not idle after a minute: %v, %+v", err, l.Failures())
	}
	if f := l.Failures(); len(f) > 0 {
		l.t.Fatalf("records were given up: %+v", f)
	}
}

// headsUp runs the schedule, and waits for what follows.
func (l *laptop) headsUp() {
	l.t.Helper()
	l.do(http.MethodPost, "/_local/schedules/heads-up", nil)
	l.waitIdle()
}

// mails returns the mails since the last call, sorted by recipient, except those about a window to
// people who work on the release: these it puts into team.
func (l *laptop) mails() []mailbox.Mail {
	all := l.Mail.Mails()
	var newMails []mailbox.Mail
	for _, m := range all[l.read:] {
		text := strings.Join(strings.Fields(m.Text), " ") // a line may be broken within a phrase
		if strings.Contains(text, "work on the release") || strings.Contains(text, "manage the release") || strings.Contains(text, "own steps of the release") || strings.Contains(text, "somebody who works on it") {
			l.team = append(l.team, m)
		} else {
			newMails = append(newMails, m)
		}
	}
	l.read = len(all)
	slices.SortStableFunc(newMails, func(a, b mailbox.Mail) int { return strings.Compare(a.To, b.To) })
	return newMails
}

// only wants, since the last call, exactly one mail to each of the recipients, who are sorted.
func (l *laptop) only(recipients ...string) []mailbox.Mail {
	l.t.Helper()
	mails := l.mails()
	var to []string
	for _, m := range mails {
		to = append(to, m.To)
	}
	if !slices.Equal(to, recipients) {
		l.t.Fatalf("mails to %v, want %v: %s", to, recipients, subjects(mails))
	}
	return mails
}

func subjects(mails []mailbox.Mail) string {
	var all []string
	for _, m := range mails {
		all = append(all, m.To+": "+m.Subject)
	}
	return strings.Join(all, "; ")
}

func (l *laptop) task(id, requester, change string, cis ...string) {
	l.t.Helper()
	body := object{"id": id, "title": "Request " + id, "requesterName": "R " + requester, "requesterEmail": requester + "@example.com", "ciIds": cis}
	if change != "" {
		body["changeRequestId"] = change
	}
	l.do(http.MethodPost, "/api/tasks", body)
}

func (l *laptop) change(id string, cis ...string) {
	l.t.Helper()
	l.do(http.MethodPost, "/api/change-requests", object{"id": id, "changeType": "Standard", "title": "t", "controlId": "AC-1", "controlTitle": "c", "affectedCiIds": cis})
}

// scheduled creates a release that starts after a while, and takes it to `scheduled`.
func (l *laptop) scheduled(after time.Duration, changes ...string) (id string, begins time.Time) {
	l.t.Helper()
	begins = time.Now().Add(after).UTC().Truncate(time.Second)
	id = l.do(http.MethodPost, "/api/releases", object{
		"name": "Spring", "version": "1", "scheduledStart": begins, "scheduledEnd": begins.Add(2 * time.Hour),
		"releaseManager": "Rita", "releaseManagerEmail": "rita@example.com", "linkedChangeRequestIds": changes,
	})["id"].(string)
	l.transition(id, "approved", "scheduled")
	return id, begins
}

func (l *laptop) transition(id string, statuses ...string) {
	l.t.Helper()
	for _, status := range statuses {
		body := object{"status": status}
		if status == "rolled-back" {
			body["rollback_reason"] = "errors rose"
		}
		l.do(http.MethodPost, "/api/releases/"+id+"/status", body)
	}
}

var tag = regexp.MustCompile(`<[^>]*>`)

// contains wants texts in a mail, in its text and its HTML.
func contains(t *testing.T, m mailbox.Mail, all ...string) {
	t.Helper()
	for _, s := range all {
		if !strings.Contains(m.Text, s) || !strings.Contains(tag.ReplaceAllString(m.HTML, ""), s) && !strings.Contains(m.HTML, s) {
			t.Errorf("%q lacks %q:\n%s", m.Subject, s, m.Text)
		}
	}
}

// event wants lines in the calendar entry of a mail.
func event(t *testing.T, m mailbox.Mail, lines ...string) {
	t.Helper()
	if len(m.Attachments) != 1 || !strings.HasPrefix(m.Attachments[0].ContentType, "text/calendar") {
		t.Fatalf("%q has the attachments %+v, want one calendar entry", m.Subject, m.Attachments)
	}
	for _, line := range lines {
		if !strings.Contains(m.Attachments[0].Content, line+"\r\n") {
			t.Errorf("%q: the event lacks %s:\n%s", m.Subject, line, m.Attachments[0].Content)
		}
	}
}

func date(at time.Time) string {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return at.In(berlin).Format(time.DateOnly)
}

// A release from its heads-up to its cancellation, with a window that moves.
func TestMails_HeadsUpRescheduledCancelled_OneEach(t *testing.T) {
	t.Parallel()
	l := start(t)
	l.change("CHG-1", "ci-a")
	l.change("CHG-2", "ci-b")
	l.task("T-1", "ann", "CHG-1")
	l.task("T-2", "ann", "", "ci-b")
	l.task("T-3", "bob", "", "ci-a")
	l.task("T-4", "outsider", "", "ci-z")
	id, begins := l.scheduled(48*time.Hour, "CHG-1", "CHG-2")
	l.waitIdle()
	l.only() // requesters are told by the schedule, not by the transition
	l.headsUp()
	mails := l.only("ann@example.com", "bob@example.com")
	reported := "Your request will be fulfilled as part of release " + id + " scheduled for " + date(begins)
	contains(t, mails[0], reported, "Request T-1", "T-2", "Hello R ann", l.BaseURL+"/trust-center/"+id)
	contains(t, mails[1], reported, "Request T-3")
	uid := "UID:" + id + "@127.0.0.1"
	event(t, mails[0], "METHOD:PUBLISH", `ORGANIZER;CN="Acme & Sons":mailto:releases@example.com`, uid, "SEQUENCE:1", "STATUS:CONFIRMED", "DTSTART:"+begins.Format("20060102T150405Z"))
	for header, want := range map[string]string{"Auto-Submitted": "auto-generated", "Reply-To": `"Rita" <rita@example.com>`, "From": `"Acme & Sons" <releases@example.com>`} {
		if got := mails[0].Headers[header]; got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}

	l.noFurther()

	// The window moves: both are told again, without the schedule.
	later := begins.Add(24 * time.Hour)
	l.do(http.MethodPatch, "/api/releases/"+id, object{"scheduledStart": later, "scheduledEnd": later.Add(time.Hour)})
	l.waitIdle()
	mails = l.only("ann@example.com", "bob@example.com")
	contains(t, mails[0], "Your request will be fulfilled as part of release "+id+" scheduled for "+date(later), "Instead of")
	event(t, mails[1], uid, "SEQUENCE:2", "DTSTART:"+later.Format("20060102T150405Z"))

	// Another edit tells nobody anything.
	l.do(http.MethodPatch, "/api/releases/"+id, object{"description": "Better words"})
	l.waitIdle()
	l.noFurther()

	// For tasks that appear later, only those are told who were not told yet.
	l.task("T-5", "ann", "CHG-1")
	l.task("T-6", "cid", "CHG-2")
	l.headsUp()
	mails = l.only("cid@example.com")
	contains(t, mails[0], "Request T-6")
	event(t, mails[0], uid, "SEQUENCE:2")

	l.transition(id, "cancelled")
	l.waitIdle()
	mails = l.only("ann@example.com", "bob@example.com", "cid@example.com")
	contains(t, mails[0], "Release "+id+" has been cancelled", "Request T-1", "T-5")
	event(t, mails[0], uid, "SEQUENCE:3", "STATUS:CANCELLED", "DTSTART:"+later.Format("20060102T150405Z"))
	l.noFurther()
}

// noFurther runs the schedules again and again, and wants no mail and no write.
func (l *laptop) noFurther() {
	l.t.Helper()
	l.only()
	team := len(l.team)
	planner, tender := plan.New(l.store), tend.Open(l.store, "50")
	for n := range 11 {
		if n == 1 {
			l.count.Take() // the first run writes down when its search for releases without timers began
		}
		if _, err := planner.Run(l.t.Context(), json.RawMessage(`{"sparing":true}`)); err != nil {
			l.t.Fatal(err)
		}
		if _, err := tender.Run(l.t.Context(), nil); err != nil {
			l.t.Fatal(err)
		}
	}
	if n := l.count.Take(); n.Writes() != 0 || n.Total() == 0 {
		l.t.Errorf("ten more runs of the schedules made %v; want reads, and no writes", n)
	}
	l.headsUp()
	l.only()
	if len(l.team) != team {
		l.t.Errorf("people who work on the release got mails with nothing new: %s", subjects(l.team[team:]))
	}
}

// When a change request is removed from a release, those who had been told because of it are told.
func TestMails_ChangeRequestRemoved_PeopleAreTold(t *testing.T) {
	t.Parallel()
	l := start(t)
	l.change("CHG-1")
	l.change("CHG-2", "ci-shared")
	l.change("CHG-3", "ci-shared")
	l.task("T-1", "ann", "CHG-1")              // her only request is no longer part of it
	l.task("T-2", "bob", "CHG-1")              // one of his two requests is not
	l.task("T-3", "bob", "CHG-2")              //
	l.task("T-4", "cid", "", "ci-shared")      // not concerned: CHG-2 and CHG-3 touch it
	l.task("T-5", "dan", "CHG-1")              // cancels his request before
	l.task("T-6", "eve", "CHG-2", "ci-shared") // not concerned: hers is linked to CHG-2
	id, _ := l.scheduled(72*time.Hour, "CHG-1", "CHG-2", "CHG-3")
	l.headsUp()
	l.only("ann@example.com", "bob@example.com", "cid@example.com", "dan@example.com", "eve@example.com")
	l.do(http.MethodPatch, "/api/tasks/T-5", object{"status": "Cancelled"})
	l.do(http.MethodPost, "/api/releases/"+id+"/add-changes", object{"remove": []string{"CHG-1"}})
	l.waitIdle()
	mails := l.only("ann@example.com", "bob@example.com")
	contains(t, mails[0], "Your request is no longer part of release "+id, "Request T-1")
	event(t, mails[0], "SEQUENCE:2", "STATUS:CANCELLED")
	contains(t, mails[1], "no longer part of release "+id, "Request T-2")
	if strings.Contains(mails[1].Text, "T-3") || len(mails[1].Attachments) != 0 {
		t.Errorf("bob keeps T-3 and his calendar: %s %v", mails[1].Text, mails[1].Attachments)
	}
	l.noFurther()
	// The change request comes back, and they hear of it as of something new.
	l.do(http.MethodPost, "/api/releases/"+id+"/add-changes", object{"add": []string{"CHG-1"}})
	l.waitIdle()
	mails = l.only("ann@example.com", "bob@example.com")
	contains(t, mails[0], "Your request will be fulfilled as part of release "+id)
	event(t, mails[0], "SEQUENCE:3", "STATUS:CONFIRMED")
	contains(t, mails[1], "Your request will be fulfilled as part of release "+id, "Request T-2", "Request T-3")
	l.noFurther()
	// CHG-2 goes too. Everybody is told of the cancellation who knows of the window by then.
	l.do(http.MethodPost, "/api/releases/"+id+"/add-changes", object{"remove": []string{"CHG-2"}})
	l.waitIdle()
	contains(t, l.only("bob@example.com")[0], "Request T-3") // cid and eve are on ci-shared, through CHG-3
	l.transition(id, "cancelled")
	l.waitIdle()
	l.only("ann@example.com", "bob@example.com", "cid@example.com", "dan@example.com", "eve@example.com")
}

// Deployment and rollback each send one mail to a person, with all of their tasks, once they are
// settled. Nobody was told of the window here, so nobody has a calendar entry to be corrected.
func TestMails_ResolvedAndRolledBack_OneEach(t *testing.T) {
	t.Parallel()
	l := start(t)
	l.change("CHG-1")
	l.change("CHG-2", "ci-a")
	l.task("T-1", "ann", "CHG-1")
	l.task("T-2", "Ann", "CHG-2") // the same person as ann
	l.task("T-3", "bob", "CHG-2")
	l.task("T-4", "cid", "", "ci-a") // touched, not linked, and never promised anything
	l.task("T-5", "dan", "CHG-1")
	l.do(http.MethodPatch, "/api/tasks/T-5", object{"status": "Closed"})
	id, _ := l.scheduled(30*24*time.Hour, "CHG-1", "CHG-2")
	l.headsUp()
	l.only()
	l.transition(id, "in-progress", "deployed")
	l.waitIdle()
	mails := l.only("ann@example.com", "bob@example.com")
	contains(t, mails[0], "have been fulfilled with release "+id, "Request T-1", "Request T-2")
	contains(t, mails[1], "has been fulfilled with release "+id, "Request T-3")
	if len(mails[0].Attachments) != 0 {
		t.Errorf("ann has no entry in her calendar: %+v", mails[0].Attachments)
	}
	l.noFurther()
	l.transition(id, "rolled-back")
	l.waitIdle()
	mails = l.only("ann@example.com", "bob@example.com")
	contains(t, mails[0], "was rolled back", "errors rose", "Please do not submit them again", "nothing is lost", "Request T-2")
	l.noFurther()
}

func TestMails_FiftyTasksOnTwelveItems_AreOne(t *testing.T) {
	t.Parallel()
	l := start(t)
	var changes []string
	for c := range 4 {
		changes = append(changes, fmt.Sprintf("CHG-%d", c))
		l.change(changes[c], fmt.Sprintf("ci-%d", 3*c), fmt.Sprintf("ci-%d", 3*c+1), fmt.Sprintf("ci-%d", 3*c+2))
	}
	for i := range 50 {
		l.task(fmt.Sprintf("T-%02d", i), "ann", "", fmt.Sprintf("ci-%d", i%12), fmt.Sprintf("ci-%d", (i+5)%12))
	}
	_, _ = l.scheduled(24*time.Hour, changes...)
	l.headsUp()
	m := l.only("ann@example.com")[0]
	contains(t, m, "Your 50 requests", "… and 30 more", "Request T-00", "Request T-19")
	if strings.Contains(m.Text, "T-20") {
		t.Errorf("more than 20 are listed:\n%s", m.Text)
	}
	l.noFurther()
}

// After a bounce or a complaint the address gets no mail any more, and the release's log says so,
// once.
func TestMails_Bounce_SuppressesAndIsVisible(t *testing.T) {
	t.Parallel()
	l := start(t)
	l.change("CHG-1")
	for _, who := range []string{"ann", "bob", "cid"} {
		l.task("T-"+who, who, "CHG-1")
	}
	if err := l.Mail.Fail(mailbox.Fault{Kind: mailbox.Bounce, To: "ann@example.com"}, mailbox.Fault{Kind: mailbox.Complaint, To: "bob@example.com"}); err != nil {
		t.Fatal(err)
	}
	id, begins := l.scheduled(24*time.Hour, "CHG-1")
	l.headsUp()
	l.only("ann@example.com", "bob@example.com", "cid@example.com")
	l.do(http.MethodPatch, "/api/releases/"+id, object{"scheduledStart": begins.Add(time.Hour)})
	l.waitIdle()
	l.only("cid@example.com")
	var noted []string
	for _, entry := range l.do(http.MethodGet, "/api/releases/"+id, nil)["deploymentLog"].([]any) {
		if text := entry.(object)["text"].(string); strings.Contains(text, "did not reach") {
			noted = append(noted, text)
		}
	}
	if len(noted) != 1 || !strings.Contains(noted[0], "example.com") {
		t.Errorf("the log notes %q, want one entry with the address", noted)
	}
	for _, who := range []string{"ann@example.com", "BOB@example.com"} {
		if why, err := l.store.Suppressed(t.Context(), who); err != nil || why == "" {
			t.Errorf("%s is not suppressed: %v", who, err)
		}
	}
	l.noFurther()
}

package notify_test

import (
	"flag"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/releases/shared/local/mailbox"
	"example.com/releases/shared/notify/send"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit"
	"example.com/releases/shared/trustcenter"
)

var update = flag.Bool("update", false, "write the stories as they are told now to testdata")

// A release begins three days early, runs over its window and is rolled back, once while it runs and
// once after it was completed. What people are told of it, by page, feeds, calendar and mail, has to
// be one consistent story with the actual times. compare checks the times; the golden file is there
// to be read.
func TestStory_EarlyOverrunRolledBack_IsToldAlikeEverywhere(t *testing.T) {
	t.Parallel()
	for name, completed := range map[string]bool{"rolled-back-while-running": false, "rolled-back-after-completion": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newAccount(t)
			s.advance("2026-03-12T08:30:00Z", "It is announced for Monday 23 March, 18:00 to 20:00 UTC.")
			s.announce()
			s.tellMails()
			s.advance("2026-03-17T08:00:00Z", "Six days before, people are told.")
			s.look()
			s.tellMails()
			s.advance("2026-03-20T18:02:40Z", "It begins, three days early.")
			s.enter(release.InProgress, "")
			s.advance("2026-03-23T21:30:00Z", "It should have been over for an hour and a half.")
			s.look()
			s.tellMails()
			s.tellPages("/trust-center", ".ics")
			if completed {
				s.advance("2026-03-23T23:47:05Z", "It is completed.")
				s.enter(release.Deployed, "")
				s.tellMails()
				s.advance("2026-03-24T07:15:00Z", "It is rolled back.")
			} else {
				s.advance("2026-03-23T23:47:05Z", "It is rolled back.")
			}
			s.enter(release.RolledBack, "Sign-in failed for a third of the customers.")
			s.tellMails()
			s.advanceClock(time.Hour)
			s.tellPages("/trust-center", ".json", ".atom", ".ics")
			s.compare(completed)
			s.golden(name)
		})
	}
}

// account writes down a release's life, with everything that people are told of it.
type account struct {
	*fixture
	epoch   int // of its latest transition
	id      string
	page    http.Handler    // the Trust Center
	written map[string]bool // the mails that stand in text
	text    strings.Builder
}

func newAccount(t *testing.T) *account {
	t.Helper()
	s := &account{fixture: newFixture(t, fixtureOptions{}), written: map[string]bool{}}
	s.sender = send.Open(testkit.AWS(s.ses), s.Store, send.Options{Sender: "releases@example.com", Organisation: "Acme & Sons", Zone: "Europe/Berlin", Rate: "50"}).WithClock(s.now)
	s.page = trustcenter.Handler(s.Store.Published, trustcenter.Options{
		On: true, Zone: "Europe/Berlin", PublicURL: "https://releases.example.com", Organisation: "Acme & Sons", Now: s.now,
	})
	return s
}

func (s *account) write(format string, a ...any) { fmt.Fprintf(&s.text, format, a...) }

func (s *account) advance(when, what string) {
	s.t.Helper()
	then := must(time.Parse(time.RFC3339, when))(s.t)
	s.advanceClock(then.Sub(s.now()))
	s.write("\n######## %s: %s\n", when, what)
}

// announce creates and schedules the release. Ann's request is linked to its change request, Bob's
// names the configuration item that this affects; Rita manages it, Otto owns a step.
func (s *account) announce() {
	s.t.Helper()
	s.change("CHG-1", "portal")
	s.task("T-1", "ann", "CHG-1")
	s.task("T-2", "bob", "", "portal")
	start := time.Date(2026, 3, 23, 18, 0, 0, 0, time.UTC)
	end := start.Add(2 * time.Hour)
	minutes := 30
	in := operations.CreateReleaseInput{LinkedChangeRequestIDs: []string{"CHG-1"}}
	in.Name, in.Version, in.PublicSummary, in.ScheduledStart, in.ScheduledEnd = "Customer portal", "8.0", "Orders can be placed as usual.", &start, &end
	in.ReleaseManager, in.ReleaseManagerEmail = "Rita", "rita@example.com"
	in.RolloutSteps = []release.Step{{Order: 1, Description: "Switch the load balancer", OwnerEmail: "otto@example.com", EstimatedMinutes: minutes}}
	s.id = must(s.ops.CreateRelease(s.ctx, in, operations.Precondition{}))(s.t).ID
	s.transition(s.id, release.Approved, release.Scheduled)
	s.epoch = 2
	s.look()
}

func (s *account) enter(to release.Status, reason string) {
	s.t.Helper()
	must(s.ops.TransitionRelease(s.ctx, s.id, operations.TransitionInput{Status: string(to), RollbackReason: reason}, operations.Precondition{}))(s.t)
	s.advanceClock(2 * time.Minute)
	s.epoch++
	if to != release.InProgress {
		s.settle(s.id)
		s.plannedSettlement(s.id, s.epoch)
	}
	s.look()
}

// look plans and sends the mails about the release's window, as its timer and the streams do.
func (s *account) look() {
	s.t.Helper()
	s.planWindow(s.id)
	s.send()
}

// tellMails writes down the mails that have come since the last call.
func (s *account) tellMails() {
	mails := slices.DeleteFunc(s.inbox.Mails(), func(m mailbox.Mail) bool { return s.written[m.ID] })
	slices.SortFunc(mails, func(a, b mailbox.Mail) int { return strings.Compare(a.To+a.Subject, b.To+b.Subject) })
	if len(mails) == 0 {
		s.write("\n(no mail)\n")
	}
	for _, m := range mails {
		s.written[m.ID] = true
		s.write("\n==== Mail to %s: %s\n%s", m.To, m.Subject, m.Text)
		for _, a := range m.Attachments {
			s.write("---- %s\n%s", a.Name, unfolded(a.Content))
		}
	}
}

func unfolded(calendar string) string {
	return strings.ReplaceAll(strings.ReplaceAll(calendar, "\r\n ", ""), "\r\n", "\n")
}

var (
	notText = regexp.MustCompile(`(?s)<head>.*</head>|<figure.*</figure>|<footer.*</footer>|<style.*</style>`)
	block   = regexp.MustCompile(`</?(?:p|h[1-6]|li|dt|dd|div|article|section|ul|ol|dl|header|main|time|tr|nav)\b[^>]*>`)
	anyTag  = regexp.MustCompile(`<[^>]*>`)
)

// read returns the text that somebody reads on a page.
func read(page string) string {
	page = block.ReplaceAllString(notText.ReplaceAllString(page, ""), "\n")
	var lines []string
	for line := range strings.Lines(html.UnescapeString(anyTag.ReplaceAllString(page, ""))) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

func (s *account) get(path string) string {
	s.t.Helper()
	w := httptest.NewRecorder()
	s.page.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if w.Code != http.StatusOK {
		s.t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	return w.Body.String()
}

// tellPages writes down the overview, the release's page, and its feeds.
func (s *account) tellPages(page string, feeds ...string) {
	s.t.Helper()
	s.write("\n==== Page\n%s\n==== Page of the release\n%s", read(s.get(page)), read(s.get(page+"/"+s.id)))
	for _, feed := range feeds {
		s.write("\n==== Feed %s\n%s", feed, unfolded(s.get(page+"/"+s.id+feed)))
	}
}

// compare checks page, feeds and mails against what happened.
func (s *account) compare(completed bool) {
	s.t.Helper()
	const began, ended = "20260320T180200Z", "20260323T234700Z"
	feed := s.get("/trust-center.ics")
	calendars := []string{feed}
	back := 0
	for _, m := range s.inbox.Mails() {
		if strings.Contains(m.Text, "was rolled back") && len(m.Attachments) == 1 {
			back++
			calendars = append(calendars, m.Attachments[0].Content)
		}
	}
	if want := map[bool]int{false: 2, true: 1}[completed]; back != want {
		s.t.Errorf("%d people got the rollback's calendar entry, want %d", back, want)
	}
	for _, c := range calendars {
		for _, line := range []string{"DTSTART:" + began, "DTEND:" + ended, "STATUS:CONFIRMED", "UID:" + s.id + "@releases.example.com", "URL:https://releases.example.com/trust-center/" + s.id} {
			if !strings.Contains(c, line+"\r\n") {
				s.t.Errorf("%s is not in\n%s", line, c)
			}
		}
		if !strings.Contains(c, "Rolled back") {
			s.t.Errorf("nothing says that it was rolled back in\n%s", c)
		}
	}
	rolledBack := "2026-03-23T23:47:00Z"
	if completed {
		rolledBack = "2026-03-24T07:15:00Z"
	}
	if feed := s.get("/trust-center.json"); !strings.Contains(feed, `"actualStart": "2026-03-20T18:02:00Z"`) || !strings.Contains(feed, `"rolledBackAt": "`+rolledBack+`"`) {
		s.t.Errorf("the JSON is\n%s", feed)
	}
	for _, path := range []string{"/trust-center/" + s.id, "/trust-center.atom"} {
		if text := s.get(path); !strings.Contains(text, "Rolled back") || !strings.Contains(text, "Friday 20 March 2026, 19:02") || !strings.Contains(text, "Tuesday 24 March 2026, "+map[bool]string{false: "00:47", true: "08:15"}[completed]) {
			s.t.Errorf("%s is\n%s", path, text)
		}
	}
}

// golden compares the text with testdata, or writes it there with -update.
func (s *account) golden(name string) {
	s.t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(s.text.String()), 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
	if want := string(must(os.ReadFile(path))(s.t)); want != s.text.String() {
		s.t.Errorf("the story is told otherwise than in %s; if that is meant, run go test ./shared/notify -run Story -update and read it:\n%s", path, s.text.String())
	}
}

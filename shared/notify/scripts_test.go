package notify_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	netmail "net/mail"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/emersion/go-ical"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/glyph"
	"example.com/releases/shared/local/mailbox"
	"example.com/releases/shared/mail"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

// names are in eight scripts and more, some as long as a name may be, some with what breaks
// headers: quotes, an address, joiners.
var names = []string{
	"Zoë Ångström-Müller", "Дарья Ильинична Константинопольская", "Ελένη Παπαδοπούλου", "مریم می\u200cخواهد", "क्\u200dषितिज शर्मा",
	"山田 太郎", "김철수", "สมหญิง ใจดี", "אברהם כהן", "Nguyễn Thị Ánh", `O'Brien "the" <b@example.com>, Ann`, strings.Repeat("ж", 100), strings.Repeat("क्षि", 16), "👩\u200d💻 Ann",
}

// addresses have a number to be filled in. Some are international, one is as long as an address may
// be.
var addresses = []string{
	"ann+it%d@example.com", "o'brien%d@example.com", "ann%d@münchen.example", "taro%d@例え.テスト", "a.b-c_%d@sub.example.co.uk",
	"%02d" + strings.Repeat("a", 62) + "@" + strings.Repeat("b", 60) + "." + strings.Repeat("c", 60) + "." + strings.Repeat("d", 60) + ".exampl", // 254 bytes
}

func TestMails_NamesInEightScripts_ArriveAndParse(t *testing.T) {
	t.Parallel()
	w := newFixture(t, fixtureOptions{})
	w.change("CHG-1")
	const people = 40
	for n := range people {
		must(w.ops.CreateTask(w.ctx, operations.CreateTaskInput{ID: fmt.Sprintf("T-%02d", n), TaskPlan: release.TaskPlan{
			Title: names[n%len(names)], RequesterName: names[n%len(names)], RequesterEmail: fmt.Sprintf(addresses[n%len(addresses)], n), ChangeRequestID: "CHG-1",
		}}, operations.Precondition{}))(t)
	}
	start := began.Add(48 * hour)
	end := start.Add(2 * hour)
	in := operations.CreateReleaseInput{LinkedChangeRequestIDs: []string{"CHG-1"}}
	in.Name, in.ScheduledStart, in.ScheduledEnd = "انتشار می\u200cشود • क्\u200dष • 🚀", &start, &end
	in.ReleaseManager, in.ReleaseManagerEmail = strings.Repeat("Д", 52), "o'leary+rm@münchen.example"
	for n, name := range names[:8] {
		in.RolloutSteps = append(in.RolloutSteps, release.Step{Order: n + 1, Description: name, OwnerEmail: fmt.Sprintf(addresses[n%len(addresses)], n)})
	}
	r := must(w.ops.CreateRelease(w.ctx, in, operations.Precondition{}))(t)
	w.transition(r.ID, release.Approved, release.Scheduled)
	w.headsUp()
	w.wantMails(people + 1) // and the manager
	for _, m := range w.outbox() {
		if m.State != mail.Sent {
			t.Errorf("to %s: %s (%s)", m.Recipient, m.State, m.Reason)
		}
	}
	w.advanceClock(49 * hour)
	w.transition(r.ID, release.InProgress, release.Deployed)
	w.settle(r.ID)
	if _, done := w.plannedSettlement(r.ID, 4); !done {
		t.Fatal("the planning of the deployment's mails is not done")
	}
	w.send()
	w.wantMails(2*people + 1)
	for _, m := range w.inbox.Mails() {
		parse(t, m)
	}
}

// parse checks that a mail is valid MIME, and that everything in it can be read back undamaged.
func parse(t *testing.T, m mailbox.Mail) {
	t.Helper()
	message, err := netmail.ReadMessage(bytes.NewReader(m.Raw()))
	if err != nil {
		t.Fatalf("%s: %v", m.To, err)
	}
	for name, lines := range message.Header {
		for _, line := range lines {
			if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%s: the header %s is not ASCII: %q", m.To, name, line)
			}
		}
	}
	for _, name := range []string{"From", "To", "Reply-To"} {
		list, err := message.Header.AddressList(name)
		if err != nil || len(list) != 1 || len(m.Headers[name]) > 320 || !utf8.ValidString(list[0].Name) {
			t.Errorf("%s: %s of %d bytes: %v %v", m.To, name, len(m.Headers[name]), list, err)
			continue
		}
		if h, found := glyph.Line(list[0].Name); found {
			t.Errorf("%s: the name in %s contains %v", m.To, name, h)
		}
	}
	if to, err := message.Header.AddressList("To"); err == nil && to[0].Name == "" {
		t.Errorf("%s: the name was dropped", m.To)
	}
	kind, params, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/mixed" {
		t.Fatalf("%s: %s %v", m.To, kind, err)
	}
	parts := multipart.NewReader(message.Body, params["boundary"])
	calendars := 0
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%s: %v", m.To, err)
		}
		kind, params, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if err != nil {
			t.Fatal(err)
		}
		switch kind {
		case "multipart/alternative":
			alternatives := multipart.NewReader(part, params["boundary"])
			for _, want := range []string{m.Text, m.HTML} {
				p, err := alternatives.NextPart() // it undoes quoted-printable
				if err != nil {
					t.Fatal(err)
				}
				if got := must(io.ReadAll(p))(t); strings.ReplaceAll(string(got), "\r\n", "\n") != want {
					t.Errorf("%s: %s is damaged", m.To, p.Header.Get("Content-Type"))
				}
			}
		case "text/calendar":
			calendars++
			raw := must(io.ReadAll(base64.NewDecoder(base64.StdEncoding, part)))(t)
			cal, err := ical.NewDecoder(bytes.NewReader(raw)).Decode()
			if err != nil || len(cal.Events()) != 1 {
				t.Errorf("%s: the calendar: %v", m.To, err)
				continue
			}
			if summary, err := cal.Events()[0].Props.Text(ical.PropSummary); err != nil || !strings.Contains(summary, "می\u200cشود • क्\u200dष • 🚀") {
				t.Errorf("%s: the event's summary is %q %v", m.To, summary, err)
			}
		}
	}
	if strings.Contains(m.Subject, "planned") && calendars != 1 {
		t.Errorf("%s: %d calendar entries, want 1", m.To, calendars)
	}
}

// Addresses that cannot be mailed may be stored from a time when validation was weaker. Such a mail
// fails alone, the release's other mails go, and readiness names the addresses.
func TestMails_StoredAddressThatCannotBeMailed_FailsAloneAndIsNamed(t *testing.T) {
	t.Parallel()
	w := newFixture(t, fixtureOptions{})
	w.change("CHG-1")
	w.task("T-1", "ann", "CHG-1")
	old := release.Task{ID: "T-2", TaskPlan: release.TaskPlan{
		Title: "A lap\u202etop", RequesterName: "\u2800", RequesterEmail: "zoë@example.com", Status: release.TaskOpen, CIIDs: []string{}, ChangeRequestID: "CHG-1",
	}, CreatedAt: w.now(), UpdatedAt: w.now(), Revision: 1}
	must(w.Store.CreateTask(t.Context(), old, dynamo.Write{Stamp: release.Stamp{At: w.now(), By: release.System, Request: "old-task"}}))(t)
	id := w.scheduled(began.Add(48*hour), 2*hour, "CHG-1")
	must(w.Store.UpdateRelease(t.Context(), id, func(r release.Release) (release.Release, release.LogEntry, error) {
		r.ReleaseManager, r.ReleaseManagerEmail, r.Name = "Jürgen", "jürgen@example.de", "Spr\u202eing"
		r.Revision++
		return r, release.LogEntry{Kind: release.LogEdit}, nil
	}, dynamo.Write{Stamp: release.Stamp{At: w.now(), By: release.System, Request: "old-manager"}}))(t)

	w.headsUp()
	w.wantStates("ann heads-up 1 sent, zoë heads-up 1 failed")
	for _, m := range w.outbox() {
		if m.State == mail.Failed && !strings.Contains(m.Reason, "'ë' before the @") {
			t.Errorf("it failed because %q, want the reason to name the character", m.Reason)
		}
	}
	got := w.inbox.Mails()[0]
	if got.Headers["Reply-To"] != "" || !strings.Contains(got.Text, "Ask your service desk") || strings.Contains(got.Text, "Jürgen") {
		t.Errorf("the manager's address cannot be mailed, and the mail has the Reply-To %q and says %s", got.Headers["Reply-To"], got.Text)
	}
	for where, text := range map[string]string{"text": got.Text, "HTML": got.HTML, "calendar": got.Attachments[0].Content} {
		if strings.ContainsRune(text, '\u202e') || !strings.Contains(text, "Spring") {
			t.Errorf("the %s should show the release's name without U+202E: %q", where, text)
		}
	}
	readiness := must(w.ops.CheckReadiness(w.ctx, id))(t)
	named := ""
	for _, a := range readiness.Advice {
		if a.Code == "unmailable-addresses" {
			named = a.Detail
		}
	}
	if !strings.Contains(named, "jürgen@example.de (releaseManagerEmail") || !strings.Contains(named, "zoë@example.com (requester") {
		t.Errorf("readiness names %q, want the manager's and the requester's address", named)
	}
	// The items can still be edited: something else, and then the address itself.
	must(w.ops.UpdateRelease(w.ctx, id, []byte(`{"description":"Edited"}`), operations.Precondition{}))(t)
	must(w.ops.UpdateTask(w.ctx, "T-2", []byte(`{"title":"A laptop"}`), operations.Precondition{}))(t)
	if _, err := w.ops.UpdateTask(w.ctx, "T-2", []byte(`{"requesterEmail":"zoé@example.com"}`), operations.Precondition{}); !release.HasCode(err, "invalid-request") {
		t.Errorf("another address that cannot be mailed is answered %v, want invalid-request", err)
	}
	must(w.ops.UpdateTask(w.ctx, "T-2", []byte(`{"requesterEmail":"zoe@example.com"}`), operations.Precondition{}))(t)
	w.headsUp()
	w.wantStates("ann heads-up 1 sent, zoe heads-up 1 sent, zoë heads-up 1 failed")
}

// Unicode's case folding makes one address of these two people's (the Kelvin sign folds to k), and
// once a mail to one of them told of the other's task.
func TestPlan_TwoPeopleWhomUnicodeFoldsIntoOne_AreTold(t *testing.T) {
	t.Parallel()
	w := newFixture(t, fixtureOptions{})
	w.change("CHG-1")
	for id, email := range map[string]string{"T-1": "ann@münchen.example", "T-2": "Ann@xn--mnchen-3ya.example", "T-3": "KATE@example.com", "T-4": "kate@Example.com"} {
		must(w.ops.CreateTask(w.ctx, operations.CreateTaskInput{ID: id, TaskPlan: release.TaskPlan{Title: "t", RequesterEmail: email, ChangeRequestID: "CHG-1"}}, operations.Precondition{}))(t)
	}
	old := release.Task{ID: "T-5", TaskPlan: release.TaskPlan{Title: "Kelvin's", RequesterEmail: "\u212aate@example.com", Status: release.TaskOpen, CIIDs: []string{}, ChangeRequestID: "CHG-1"}, CreatedAt: w.now(), UpdatedAt: w.now(), Revision: 1}
	must(w.Store.CreateTask(t.Context(), old, dynamo.Write{Stamp: release.Stamp{At: w.now(), By: release.System, Request: "kelvin"}}))(t)
	w.scheduled(began.Add(48*hour), 2*hour, "CHG-1")
	w.headsUp()
	w.wantMails(2) // Ann and Kate, each once; nothing can be sent to the Kelvin sign
	for _, m := range w.inbox.Mails() {
		if strings.Contains(m.Text, "Kelvin") {
			t.Errorf("the mail to %s tells of another person's task: %s", m.To, m.Text)
		}
	}
	w.advanceClock(hour)
	w.headsUp()
	w.wantMails(2)
}

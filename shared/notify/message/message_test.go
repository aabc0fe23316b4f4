package message_test

import (
	"flag"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/notify/message"
)

var update = flag.Bool("update", false, "write the letters as they are now to testdata")

func day(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

func window(start, end string) mail.Window {
	return mail.Window{Start: day(start), End: day(end)}
}

var spring = window("2026-05-04T18:00:00Z", "2026-05-04T20:00:00Z")

func acme(zone string) message.Options {
	return message.Options{Zone: zone, Organisation: "Acme & Sons", Name: "Acme & Sons", Address: "releases@example.com"}
}

func base(kind mail.Kind, tasks int) mail.Notice {
	n := mail.Notice{
		Kind: kind, ReleaseID: "REL-2026-Q2-001", Name: "Ann Able", Address: "ann@example.com",
		Facts: mail.Facts{
			ReleaseName: "Spring maintenance", Version: "2026.2", Manager: "Rita Manager", ManagerEmail: "rita@example.com",
			Link: "https://releases.example.com/trust-center/REL-2026-Q2-001",
		},
		Window: spring, UID: "REL-2026-Q2-001@releases.example.com", Sequence: 1, Planned: day("2026-04-28T08:00:00Z"),
	}
	titles := []string{"New laptop for the front desk", "Access to the shared calendar of the sales team", "Printer on the second floor", "More room in the archive mailbox"}
	for i := range min(tasks, mail.MaxTasks) {
		n.Tasks = append(n.Tasks, mail.Task{ID: fmt.Sprintf("RITM-%04d", 1001+i), Title: titles[i%len(titles)]})
	}
	n.More = max(0, tasks-mail.MaxTasks)
	return n
}

// letters is one of every kind, and what makes them hard.
func letters() map[string]mail.Notice {
	all := map[string]mail.Notice{
		"heads-up":            base(mail.HeadsUp, 3),
		"heads-up-one":        base(mail.HeadsUp, 1),
		"heads-up-many":       base(mail.HeadsUp, 50),
		"rescheduled":         base(mail.Rescheduled, 2),
		"rescheduled-time":    base(mail.Rescheduled, 1),
		"withdrawn":           base(mail.Withdrawn, 2),
		"withdrawn-partly":    base(mail.Withdrawn, 1),
		"withdrawn-nothing":   base(mail.Withdrawn, 0),
		"cancelled":           base(mail.Withdrawn, 1),
		"resolved":            base(mail.Resolved, 3),
		"rolled-back":         base(mail.RolledBack, 2),
		"heads-up-ci":         base(mail.HeadsUp, 1),
		"heads-up-ci-some":    base(mail.HeadsUp, 3),
		"cancelled-ci":        base(mail.Withdrawn, 1),
		"cancelled-running":   base(mail.Withdrawn, 2),
		"window-fixed":        base(mail.WindowFixed, 0),
		"window-fixed-owner":  base(mail.WindowFixed, 0),
		"window-moved":        base(mail.WindowMoved, 0),
		"window-off":          base(mail.WindowOff, 0),
		"window-off-for-you":  base(mail.WindowOff, 0),
		"heads-up-manager":    base(mail.HeadsUp, 1),
		"stays-open":          base(mail.StaysOpen, 1),
		"stays-open-undone":   base(mail.StaysOpen, 2),
		"resolved-event":      base(mail.Resolved, 2),
		"rolled-back-running": base(mail.RolledBack, 1),
		"rolled-back-event":   base(mail.RolledBack, 1),
		"window-over":         base(mail.WindowOver, 0),
		"bare":                {Kind: mail.HeadsUp, ReleaseID: "REL-2026-Q2-002", Address: "bob@example.com", Window: spring, Tasks: []mail.Task{{ID: "T-1", Title: "x"}}},
		"hostile":             base(mail.RolledBack, 1),
		"heads-up-leap-day":   base(mail.HeadsUp, 1),
		"heads-up-overnight":  base(mail.HeadsUp, 1),
		"right-to-left":       base(mail.HeadsUp, 2),
		"right-to-left-back":  base(mail.RolledBack, 1),
	}
	edit := func(name string, change func(*mail.Notice)) {
		n := all[name]
		change(&n)
		all[name] = n
	}
	edit("window-over", func(n *mail.Notice) { n.UID, n.Name = "", "Rita Manager" })
	edit("rescheduled", func(n *mail.Notice) {
		// From summer time into the night in which it ends.
		n.Before, n.Window, n.Sequence = spring, window("2026-10-24T21:00:00Z", "2026-10-25T02:30:00Z"), 2
	})
	edit("rescheduled-time", func(n *mail.Notice) {
		n.Before, n.Window, n.Sequence = spring, window("2026-05-04T20:00:00Z", "2026-05-04T21:30:00Z"), 2
	})
	edit("withdrawn", func(n *mail.Notice) { n.Sequence = 2 })
	edit("withdrawn-nothing", func(n *mail.Notice) { n.Sequence, n.Cancelled, n.Tasks = 2, true, []mail.Task{} })
	edit("withdrawn-partly", func(n *mail.Notice) { n.Partly, n.UID = true, "" })
	edit("cancelled", func(n *mail.Notice) { n.Cancelled, n.Sequence, n.At = true, 2, day("2026-05-01T07:00:00Z") })
	edit("resolved", func(n *mail.Notice) { n.Window, n.UID, n.At = mail.Window{}, "", day("2026-05-04T19:41:00Z") })
	edit("rolled-back", func(n *mail.Notice) {
		n.Window, n.UID, n.At = mail.Window{}, "", day("2026-05-05T06:15:00Z")
		n.Reason = "Sign-in failed for a third of the users.\nThe previous version is back in place."
	})
	edit("rolled-back-running", func(n *mail.Notice) {
		n.Window, n.UID, n.At, n.Unfinished = mail.Window{}, "", day("2026-05-04T19:15:00Z"), true
		n.Reason = "Sign-in failed for a third of the users."
	})
	edit("heads-up-ci", func(n *mail.Notice) { n.CI, n.Unlinked = "db-1", 1 })
	edit("heads-up-ci-some", func(n *mail.Notice) { n.CI, n.Unlinked = "db-1", 2 })
	edit("cancelled-ci", func(n *mail.Notice) {
		n.Cancelled, n.Sequence, n.At = true, 2, day("2026-05-01T07:00:00Z")
		n.CI, n.Unlinked = "db-1", 1
	})
	edit("cancelled-running", func(n *mail.Notice) {
		n.Cancelled, n.Sequence, n.At, n.Began = true, 2, day("2026-05-04T18:40:00Z"), day("2026-05-04T18:02:00Z")
	})
	steps := []mail.OwnedStep{{Plan: "rollout", Order: 1, Description: "Put the site into maintenance mode"}, {Plan: "rollback", Order: 10, Description: "Switch traffic back to blue"}}
	edit("window-fixed", func(n *mail.Notice) { n.Name, n.Manages = "Rita Manager", true })
	edit("window-fixed-owner", func(n *mail.Notice) { n.Name, n.Steps, n.MoreSteps = "", steps, 3 })
	edit("window-moved", func(n *mail.Notice) {
		n.Name, n.Manages, n.Steps = "Rita Manager", true, steps[:1]
		n.Before, n.Window, n.Sequence = spring, window("2026-05-04T20:00:00Z", "2026-05-04T21:30:00Z"), 2
	})
	edit("window-off", func(n *mail.Notice) { n.Name, n.Cancelled, n.Sequence, n.Steps = "", true, 2, steps[:1] })
	edit("window-off-for-you", func(n *mail.Notice) { n.Name, n.Sequence = "", 2 })
	edit("heads-up-manager", func(n *mail.Notice) { n.Name, n.Manages, n.Steps = "Rita Manager", true, steps })
	over := func(n *mail.Notice, at string) {
		n.Window, n.Sequence, n.At = window("2026-05-01T07:03:00Z", at), 2, day(at)
	}
	edit("stays-open", func(n *mail.Notice) {
		over(n, "2026-05-01T08:12:00Z")
		n.CI, n.Unlinked = "db-1", 1
	})
	edit("stays-open-undone", func(n *mail.Notice) {
		n.Window, n.UID, n.At, n.Undone = mail.Window{}, "", day("2026-05-01T08:12:00Z"), true
		n.CI, n.Unlinked = "db-1", 2
	})
	edit("resolved-event", func(n *mail.Notice) {
		over(n, "2026-05-01T08:12:00Z")
		n.CI, n.Unlinked = "db-1", 1
	})
	edit("rolled-back-event", func(n *mail.Notice) {
		over(n, "2026-05-01T08:12:00Z")
		n.At, n.Reason, n.Sequence = day("2026-05-01T09:00:00Z"), "Sign-in failed for a third of the users.", 3
		n.CI, n.Unlinked = "db-1", 2
	})
	edit("hostile", func(n *mail.Notice) {
		n.Window, n.UID, n.At = mail.Window{}, "", day("2026-05-05T06:15:00Z")
		n.Name = `visit http://evil.example/<b>`
		n.ReleaseName = `<script>alert(1)</script> "quoted" & ` + strings.Repeat("long", 40)
		n.Tasks[0].Title = `</li><img src=x onerror=alert(1)> ünïcödé 日本語 {{.}}`
		n.Reason = `<a href="javascript:alert(1)">x</a>`
		n.Link = "javascript:alert(1)"
	})
	edit("right-to-left", func(n *mail.Notice) {
		n.Name, n.Manager, n.ReleaseName, n.Version = "שרה כהן", "أحمد عبد الرحمن بن خالد المنصور البغدادي", "تحديث الربيع", "2026.2"
		n.Tasks[0].Title, n.Tasks[1].Title = "מחשב נייד חדש (15 אינץ')", "صلاحية الوصول إلى Outlook"
	})
	edit("right-to-left-back", func(n *mail.Notice) {
		n.Window, n.UID, n.At = mail.Window{}, "", day("2026-05-05T06:15:00Z")
		n.Name, n.Manager, n.ReleaseName, n.Version = "أحمد المنصور", "שרה כהן", "עדכון אביב", ""
		n.Tasks[0].Title = "حاسوب محمول جديد"
		n.Reason = "تعذر تسجيل الدخول لثلث المستخدمين.\nThe previous version is back in place."
	})
	edit("heads-up-leap-day", func(n *mail.Notice) { n.Window = window("2028-02-28T23:30:00Z", "2028-02-29T01:00:00Z") })
	edit("heads-up-overnight", func(n *mail.Notice) { n.Window = window("2026-03-28T22:00:00Z", "2026-03-29T02:00:00Z") })
	return all
}

func TestMessage_EachKind_IsTheGoldenOne(t *testing.T) {
	w, err := message.New(acme("Europe/Berlin"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[mail.Kind]bool{}
	for name, n := range letters() {
		t.Run(name, func(t *testing.T) {
			seen[n.Kind] = true
			l, err := w.Write(n)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+".txt", "Subject: "+l.Subject+"\n\n"+l.Text)
			golden(t, name+".html", l.HTML)
			if l.Calendar != nil {
				golden(t, name+".ics", string(l.Calendar.Content))
			}
			repeated, err := w.Write(n)
			if err != nil || repeated.HTML != l.HTML || repeated.Text != l.Text {
				t.Errorf("the same notice gave another letter, %v", err)
			}
		})
	}
	for _, k := range mail.Kinds {
		if !seen[k] {
			t.Errorf("no golden letter of the kind %s", k)
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s has changed; look at it, and run go test ./shared/notify/message -update\ngot\n%s", path, got)
	}
}

// What the contract demands of every letter, apart from how it reads.
func TestMessage_EachKind_KeepsTheContract(t *testing.T) {
	w, err := message.New(acme("Europe/Berlin"))
	if err != nil {
		t.Fatal(err)
	}
	remote := regexp.MustCompile(`(?i)<(img|script|iframe|object|embed|video|audio|form|input|link|base)\b|<[^>]*\b(src|srcset|background|on[a-z]+)=|url\(|@import|@font-face`)
	for name, n := range letters() {
		l, err := w.Write(n)
		if err != nil {
			t.Fatal(err)
		}
		if c := []rune(l.Subject); len(c) >= 70 || strings.ContainsAny(l.Subject, "\r\n") || !strings.Contains(l.Subject, n.ReleaseID) {
			t.Errorf("%s: subject of %d characters: %q", name, len(c), l.Subject)
		}
		if found := remote.FindString(l.HTML); found != "" {
			t.Errorf("%s: the HTML contains %q", name, found)
		}
		for _, task := range n.Tasks {
			if !strings.Contains(strings.NewReplacer("\u2068", "", "\u2069", "").Replace(l.Text), task.Title+" ("+task.ID+")") {
				t.Errorf("%s: the text does not list %s", name, task.ID)
			}
		}
		reported := "Your request will be fulfilled as part of release " + n.ReleaseID + " scheduled for " + n.Window.Start.In(berlin(t)).Format("2006-01-02")
		if announces := n.Kind == mail.HeadsUp || n.Kind == mail.Rescheduled; announces != strings.Contains(l.Text, reported) || announces != strings.Contains(l.HTML, reported) {
			t.Errorf("%s: the sentence %q: wanted %v", name, reported, announces)
		}
		if (n.Kind == mail.HeadsUp || n.Kind == mail.Rescheduled) && !strings.Contains(visible(l.HTML), reported) {
			t.Errorf("%s: nobody sees the sentence in the HTML:\n%s", name, visible(l.HTML))
		}
		if repeated := "not submit"; (n.Kind == mail.RolledBack) && !strings.Contains(l.Text, repeated) {
			t.Errorf("%s does not say not to resubmit", name)
		}
		if strings.Contains(l.HTML, "javascript:") && strings.Contains(l.HTML, `href="javascript:`) {
			t.Errorf("%s: a hostile link survived", name)
		}
		if l.Calendar != nil {
			ics := string(l.Calendar.Content)
			status := "STATUS:CONFIRMED"
			if n.Kind == mail.Withdrawn || n.Kind == mail.WindowOff {
				status = "STATUS:CANCELLED"
			}
			for _, line := range []string{"METHOD:PUBLISH", `ORGANIZER;CN="Acme & Sons":mailto:releases@example.com`, "UID:" + n.UID, fmt.Sprintf("SEQUENCE:%d", n.Sequence), status, "DTSTART:" + n.Window.Start.UTC().Format("20060102T150405Z")} {
				if !strings.Contains(ics, line+"\r\n") {
					t.Errorf("%s: the event lacks %s:\n%s", name, line, ics)
				}
			}
			if l.Calendar.ContentType != "text/calendar; charset=utf-8; method=PUBLISH" || len(l.Calendar.ContentType) > 78 {
				t.Errorf("%s: content type %q", name, l.Calendar.ContentType)
			}
		}
	}
}

var (
	preheader = regexp.MustCompile(`<div style="display:none[^>]*>[^<]*</div>`)
	tags      = regexp.MustCompile(`<[^>]*>`)
	hidden    = regexp.MustCompile(`(?s)<head>.*</head>`)
)

// visible is what a client shows of the HTML.
func visible(s string) string {
	return html.UnescapeString(tags.ReplaceAllString(preheader.ReplaceAllString(hidden.ReplaceAllString(s, ""), ""), ""))
}

// A line may break after a hyphen, and half an id can neither be searched for nor read out.
// What is copied stays the id: the characters are its own.
func TestMessage_ReleaseID_OnOneLine(t *testing.T) {
	w, err := message.New(acme("Europe/Berlin"))
	if err != nil {
		t.Fatal(err)
	}
	for name, n := range letters() {
		n.Manager, n.ManagerEmail = "", "" // the footer then names the release
		l, err := w.Write(n)
		if err != nil {
			t.Fatal(err)
		}
		shown := strings.Count(visible(l.HTML), n.ReleaseID)
		if kept := strings.Count(l.HTML, `<span style="white-space:nowrap;">`+n.ReleaseID+"</span>"); kept == 0 || kept != shown {
			t.Errorf("%s: %d of %d ids are kept on one line", name, kept, shown)
		}
		for _, line := range strings.Split(l.Text, "\n") {
			if strings.HasSuffix(line, "-") || strings.Contains(line, "\u2011") {
				t.Errorf("%s: an id is broken: %q", name, line)
			}
		}
	}
}

// A name that is read from right to left stays where it is in its sentence; others are
// written as they are.
func TestMessage_RightToLeftName_Isolated(t *testing.T) {
	w, err := message.New(acme("Europe/Berlin"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := w.Write(letters()["right-to-left"])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Hello \u2068שרה כהן\u2069,", "\u2068تحديث الربيع\u2069, version 2026.2\n", "it goes to \u2068أحمد عبد الرحمن بن خالد المنصور البغدادي\u2069, who", "\u2068صلاحية الوصول إلى Outlook\u2069 (RITM-1002)"} {
		if !strings.Contains(strings.ReplaceAll(l.Text, "\n", " ")+"\n", strings.TrimSuffix(want, "\n")) {
			t.Errorf("the text lacks %q:\n%s", want, l.Text)
		}
	}
	for _, want := range []string{"Hello <bdi>שרה כהן</bdi>,", "<bdi>تحديث الربيع</bdi>, version <bdi>2026.2</bdi>", "it goes to <bdi>أحمد عبد الرحمن بن خالد المنصور البغدادي</bdi>, who", "<bdi>صلاحية الوصول إلى Outlook</bdi> <span"} {
		if !strings.Contains(l.HTML, want) {
			t.Errorf("the HTML lacks %q:\n%s", want, l.HTML)
		}
	}
	if name := "\u2068أحمد عبد الرحمن بن خالد المنصور البغدادي\u2069"; !strings.Contains(l.Text, name) {
		t.Errorf("a line ends within %q:\n%s", name, l.Text) // an isolate ends with its line
	}
	folded := strings.ReplaceAll(string(l.Calendar.Content), "\r\n ", "")
	if !strings.Contains(folded, "SUMMARY:REL-2026-Q2-001: \u2068تحديث الربيع\u2069 2026.2\r\n") {
		t.Errorf("the event is\n%s", folded)
	}
	n := base(mail.HeadsUp, 1)
	n.Name = "Ann\u2069\u202eelbA"
	if l, err = w.Write(n); err != nil || strings.ContainsAny(l.Text+l.HTML+string(l.Calendar.Content), "\u2068\u2069\u202e") || !strings.Contains(l.Text, "Hello AnnelbA,") {
		t.Errorf("marks where none are needed, or somebody's own: %v %s", err, l.Text)
	}
}

// Whose mail it is: at the top, in the last line, and as the event's organizer.
func TestMessage_OrganisationsName_Shown(t *testing.T) {
	for _, c := range []struct{ name, text, html string }{
		{"Acme & Sons", "automated message from Acme & Sons.", "automated message from <bdi>Acme &amp; Sons</bdi>."},
		{"<b>", "automated message from <b>.", "automated message from <bdi>&lt;b&gt;</bdi>."},
		{"שירותי ענן", "automated message from \u2068שירותי ענן\u2069.", "<bdi>שירותי ענן</bdi></p>"},
		{"", "automated message.", "automated message."},
		{strings.Repeat("ü", 300), "from " + strings.Repeat("ü", 78) + "….", strings.Repeat("ü", 78) + "…</bdi></p>"},
	} {
		o := acme("UTC")
		o.Organisation = c.name
		w, err := message.New(o)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range mail.Kinds {
			l, err := w.Write(base(kind, 1))
			if text := strings.ReplaceAll(l.Text, "\n", " "); err != nil || !strings.Contains(strings.ReplaceAll(text, ", sent once for each window", ""), c.text) {
				t.Errorf("%s, %q: %v in the text\n%s", kind, c.name, err, l.Text)
			}
			if !strings.Contains(strings.ReplaceAll(l.HTML, ", sent once for each window", ""), c.html) {
				t.Errorf("%s, %q: the HTML is\n%s", kind, c.name, l.HTML)
			}
		}
	}
	if _, err := message.New(message.Options{}); err == nil {
		t.Error("a writer whose events have no organizer")
	}
}

func berlin(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// Dates on which clocks and calendars play tricks, typed by hand.
func TestMessage_Dates_InTheOrganisationsZone(t *testing.T) {
	for _, c := range []struct{ zone, start, end, date, line string }{
		{"Europe/Berlin", "2026-05-04T18:00:00Z", "2026-05-04T20:00:00Z", "2026-05-04", "Monday, 4 May 2026, 20:00 to 22:00 (Europe/Berlin, UTC+02:00)"},
		// The date of the sentence is the zone's, not UTC's.
		{"Europe/Berlin", "2026-05-04T22:30:00Z", "2026-05-04T23:00:00Z", "2026-05-05", "Tuesday, 5 May 2026, 00:30 to 01:00 (Europe/Berlin, UTC+02:00)"},
		{"America/New_York", "2026-05-05T03:00:00Z", "2026-05-05T03:30:00Z", "2026-05-04", "Monday, 4 May 2026, 23:00 to 23:30 (America/New_York, UTC-04:00)"},
		// Clocks go forward at 02:00 on 29 March, and back at 03:00 on 25 October.
		{"Europe/Berlin", "2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z", "2026-03-29", "Sunday, 29 March 2026, 01:30 (UTC+01:00) to 03:30 (UTC+02:00), Europe/Berlin"},
		{"Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25", "Sunday, 25 October 2026, 02:30 (UTC+02:00) to 02:30 (UTC+01:00), Europe/Berlin"},
		// A leap day that is still 28 February in UTC, and one that is not a leap year.
		{"Europe/Berlin", "2028-02-28T23:30:00Z", "2028-02-29T01:00:00Z", "2028-02-29", "Tuesday, 29 February 2028, 00:30 to 02:00 (Europe/Berlin, UTC+01:00)"},
		{"Europe/Berlin", "2027-02-28T23:30:00Z", "2027-03-01T01:00:00Z", "2027-03-01", "Monday, 1 March 2027, 00:30 to 02:00 (Europe/Berlin, UTC+01:00)"},
		{"Asia/Kathmandu", "2026-12-31T18:00:00Z", "2026-12-31T20:00:00Z", "2026-12-31", "Thursday, 31 December 2026, 23:45 to Friday, 1 January 2027, 01:45 (Asia/Kathmandu, UTC+05:45)"},
		{"", "2026-05-04T18:00:00Z", "2026-05-04T20:00:00Z", "2026-05-04", "Monday, 4 May 2026, 18:00 to 20:00 (UTC)"},
	} {
		w, err := message.New(acme(c.zone))
		if err != nil {
			t.Fatal(err)
		}
		n := base(mail.HeadsUp, 1)
		n.Window = window(c.start, c.end)
		l, err := w.Write(n)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(l.Text, "scheduled for "+c.date) || !strings.Contains(l.Text, c.line) {
			t.Errorf("%s %s: wanted %s and %q in\n%s", c.zone, c.start, c.date, c.line, l.Text)
		}
		if c.zone != "" && !strings.Contains(l.Text, "(UTC)") {
			t.Errorf("%s: no UTC in\n%s", c.zone, l.Text)
		}
	}
}

func TestMessage_UnknownZone_Refused(t *testing.T) {
	if _, err := message.New(acme("Europe/Atlantis")); err == nil {
		t.Error("accepted")
	}
}

func TestMessage_UnknownKind_Refused(t *testing.T) {
	w, _ := message.New(acme("UTC"))
	if _, err := w.Write(mail.Notice{Kind: "new"}); err == nil {
		t.Error("accepted")
	}
}

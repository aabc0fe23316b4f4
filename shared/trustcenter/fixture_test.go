package trustcenter_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/releases/shared/release"
	"example.com/releases/shared/trustcenter"
)

// now is the moment of all tests: a Wednesday, three days before Berlin's clocks change.
var now = parseTime("2026-03-25T14:20:00Z")

func parseTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

// window is a release as the public sees it.
func window(id, name, version string, status release.Status, start, end string) release.Published {
	return release.Published{
		ID: id, Name: name, Version: version, Status: status, Start: parseTime(start), End: parseTime(end),
		WindowVersion: 1, ChangedAt: parseTime("2026-03-20T08:00:00Z"),
	}
}

// happened adds to a release what became of it: pairs of an event and a time.
func happened(p *release.Published, events ...string) {
	for i := 0; i < len(events); i += 2 {
		p.Happened = append(p.Happened, release.PublicEvent{What: release.Status(events[i]), At: parseTime(events[i+1])})
	}
}

// typical is an ordinary quarter: every status, a window over the change of clocks, one
// over days, and one that is overdue.
func typical() []release.Published {
	list := []release.Published{
		window("REL-2026-Q1-014", "Mail and calendar", "4.2", release.InProgress, "2026-03-25T13:00:00Z", "2026-03-25T16:30:00Z"),
		window("REL-2026-Q1-015", "New sign-in page", "2026.3", release.Scheduled, "2026-03-28T22:00:00Z", "2026-03-29T04:00:00Z"),
		window("REL-2026-Q1-016", "Phone system", "", release.Cancelled, "2026-03-31T17:00:00Z", "2026-03-31T19:00:00Z"),
		window("REL-2026-Q2-001", "Move of the archive to the second data centre", "1.0", release.Scheduled, "2026-04-10T16:00:00Z", "2026-04-12T20:00:00Z"),
		window("REL-2026-Q2-002", "Customer portal", "7.0", release.Scheduled, "2026-04-21T18:00:00Z", "2026-04-21T19:30:00Z"),
		window("REL-2026-Q1-013", "Printers, building C", "", release.Scheduled, "2026-03-25T14:00:00Z", "2026-03-25T15:00:00Z"),
		window("REL-2026-Q1-012", "Payroll", "12.1", release.Deployed, "2026-03-18T20:00:00Z", "2026-03-18T21:00:00Z"),
		window("REL-2026-Q1-011", "Wireless network", "3", release.RolledBack, "2026-03-11T19:00:00Z", "2026-03-11T23:00:00Z"),
		window("REL-2026-Q1-010", "Intranet search", "2.0", release.Deployed, "2026-02-24T20:00:00Z", "2026-02-24T20:45:00Z"),
		window("REL-2026-Q1-004", "Firewall", "9.9", release.Deployed, "2026-01-14T20:00:00Z", "2026-01-14T22:00:00Z"),
	}
	list[0].Summary = "You can read and send mail as usual. The calendar may answer slowly for some minutes."
	list[1].Summary = "Signing in looks different afterwards; your password stays the same.\nWhile we work, nobody can sign in. Whoever is signed in stays so."
	list[3].Summary = "Documents older than 2019 cannot be opened during the move."
	list[3].WindowVersion = 3
	happened(&list[0], "scheduled", "2026-03-16T09:12:31Z", "in-progress", "2026-03-25T13:02:47Z")
	happened(&list[2], "scheduled", "2026-03-02T10:00:00Z", "cancelled", "2026-03-20T07:59:10Z")
	happened(&list[3], "scheduled", "2026-02-02T10:00:00Z", "moved", "2026-03-01T11:00:00Z", "moved", "2026-03-19T11:00:00Z")
	list[3].Happened[0].Start, list[3].Happened[0].End = parseTime("2026-03-27T17:00:00Z"), parseTime("2026-03-29T20:00:00Z")
	list[3].Happened[1].Start, list[3].Happened[1].End = parseTime("2026-04-03T16:00:00Z"), parseTime("2026-04-05T20:00:00Z")
	list[3].Happened[2].Start, list[3].Happened[2].End = list[3].Start, list[3].End
	happened(&list[6], "scheduled", "2026-03-10T09:00:00Z", "in-progress", "2026-03-18T20:01:00Z", "deployed", "2026-03-18T20:20:00Z")
	happened(&list[7], "scheduled", "2026-03-01T09:00:00Z", "in-progress", "2026-03-11T19:05:00Z", "rolled-back", "2026-03-12T00:09:00Z")
	list[7].ChangedAt = parseTime("2026-03-12T00:10:00Z")
	return list
}

// rolledBackEarly started three days early, ran over and was rolled back.
func rolledBackEarly() release.Published {
	p := window("REL-2026-Q1-020", "Customer portal", "8.0", release.RolledBack, "2026-03-23T18:00:00Z", "2026-03-23T20:00:00Z")
	p.Summary = "Orders can be placed as usual."
	happened(&p, "scheduled", "2026-03-12T08:30:00Z", "in-progress", "2026-03-20T18:02:40Z", "rolled-back", "2026-03-23T23:47:05Z")
	p.Happened[0].Start, p.Happened[0].End = p.Start, p.End
	p.ChangedAt = parseTime("2026-03-23T23:48:00Z")
	return p
}

// hostile are names that people could give to hurt others, or that break weak pages.
var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `'; DROP TABLE releases; --`, `{{.Secret}}`, `</title></style></svg>`,
	"javascript:alert(1)", "\u202Egnp.exe\u202C", strings.Repeat("W", 200), strings.Repeat("漢", 66), strings.Repeat("👩‍👩‍👧", 11), strings.Repeat(`"`, 200), strings.Repeat("&", 200),
	"END:VCALENDAR\\nBEGIN:VEVENT", "a,b;c\\n:d", "]]></entry>", "\uFFFE\uFDD0", "e" + strings.Repeat("\u0301", 99), "اختبار", strings.Repeat(" ", 5) + "x", "\xff\xfe broken",
}

// public are the statuses that the public may see: a release is shown once it was scheduled.
func public() []release.Status {
	return slices.DeleteFunc(slices.Clone(release.Statuses), func(s release.Status) bool { return s == release.Planned || s == release.Approved })
}

// many is the most there can be: two hundred windows in every status, with long and
// hostile texts.
func many() []release.Published {
	var list []release.Published
	for n := range 200 {
		start := now.Add(time.Duration(n-90) * 11 * time.Hour)
		p := release.Published{
			ID: fmt.Sprintf("REL-2026-Q1-%03d", n), Name: hostile[n%len(hostile)], Version: hostile[(n+1)%len(hostile)],
			Status: public()[n%len(public())], Start: start, End: start.Add(time.Duration(1+n%50) * time.Hour),
			Summary: strings.Repeat(hostile[(n+2)%len(hostile)], 500/len(hostile[(n+2)%len(hostile)])), WindowVersion: 1 + n%3, ChangedAt: now.Add(-time.Duration(n) * time.Minute),
		}
		list = append(list, p)
	}
	return list
}

// site is the Trust Center with the given content.
func site(list []release.Published, adjust ...func(*trustcenter.Options)) http.Handler {
	o := trustcenter.Options{
		On: true, Zone: "Europe/Berlin", PublicURL: "https://releases.example.com",
		Now: func() time.Time { return now },
	}
	for _, a := range adjust {
		a(&o)
	}
	return trustcenter.Handler(func(context.Context, time.Time, time.Time) ([]release.Published, error) { return list, nil }, o)
}

// paths are all that is served, with the extension of their golden files.
var paths = map[string]string{
	"/trust-center": "html", "/trust-center.json": "json", "/trust-center.atom": "atom", "/trust-center.ics": "ics",
}

// get asks for a path and wants a 200.
func get(t testing.TB, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%s answers %d: %s", path, w.Code, w.Body)
	}
	return w
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

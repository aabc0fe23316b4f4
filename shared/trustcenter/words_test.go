package trustcenter_test

import (
	"bytes"
	"encoding/xml"
	"html"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/releases/shared/release"
	"example.com/releases/shared/trustcenter"
)

// content is the text of a page, without its head and its markup.
func content(body string) string {
	_, body, _ = strings.Cut(body, "<main>")
	text := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(body, " ")
	return strings.Join(strings.Fields(strings.ReplaceAll(html.UnescapeString(text), "\u00a0", " ")), " ")
}

// Times are right on the days when clocks change, in zones with odd offsets, and over
// midnight and New Year.
func TestTrustCenter_Times_InTheZone(t *testing.T) {
	for _, c := range []struct{ zone, start, end, local, utc, lasting string }{
		{
			"Europe/Berlin", "2026-03-28T22:00:00Z", "2026-03-29T04:00:00Z",
			"Saturday 28 March 2026, 23:00 – Sunday 29 March 2026, 06:00 Berlin time (CET, UTC+1 at the start; CEST, UTC+2 at the end)",
			"Saturday 28 March 2026, 22:00 – Sunday 29 March 2026, 04:00 UTC", "6 h",
		},
		{
			"America/New_York", "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z", // 01:30 comes twice
			"Sunday 1 November 2026, 01:30 – 01:30 New York time (EDT, UTC−4 at the start; EST, UTC−5 at the end)",
			"Sunday 1 November 2026, 05:30 – 06:30 UTC", "1 h",
		},
		{
			"Asia/Kathmandu", "2026-12-31T18:00:00Z", "2026-12-31T18:45:00Z",
			"Thursday 31 December 2026, 23:45 – Friday 1 January 2027, 00:30 Kathmandu time (UTC+5:45)",
			"Thursday 31 December 2026, 18:00 – 18:45 UTC", "45 min",
		},
		{
			"Europe/London", "2028-02-29T10:00:00Z", "2028-03-02T13:00:00Z",
			"Tuesday 29 February 2028, 10:00 – Thursday 2 March 2028, 13:00 London time (GMT, UTC)",
			"Tuesday 29 February 2028, 10:00 – Thursday 2 March 2028, 13:00 UTC", "2 days 3 h",
		},
		{
			"America/Argentina/Buenos_Aires", "2026-05-01T03:00:00Z", "2026-05-02T03:00:00Z",
			"Friday 1 May 2026, 00:00 – Saturday 2 May 2026, 00:00 Buenos Aires time (UTC−3)",
			"Friday 1 May 2026, 03:00 – Saturday 2 May 2026, 03:00 UTC", "1 day",
		},
		{
			"Etc/UTC", "2026-05-01T03:00:00Z", "2026-05-01T03:00:20Z", "",
			"Friday 1 May 2026, 03:00 – 03:00 UTC", "a moment",
		},
	} {
		list := []release.Published{window("REL-2026-Q2-009", "Something", "", release.Scheduled, c.start, c.end)}
		h := site(list, func(o *trustcenter.Options) { o.Zone = c.zone })
		var feed struct {
			Content string `xml:"entry>content"`
		}
		check(t, xml.Unmarshal(get(t, h, "/trust-center.atom").Body.Bytes(), &feed))
		lines := strings.Split(feed.Content, "\n")
		if want := slices.DeleteFunc([]string{"Scheduled.", c.local, c.utc}, func(s string) bool { return s == "" }); !slices.Equal(lines, want) {
			t.Errorf("%s: the feed says\n%q, want\n%q", c.zone, lines, want)
		}
		page := content(get(t, h, "/trust-center").Body.String())
		for _, part := range []string{strings.SplitN(c.local, " – ", 2)[0], strings.TrimSuffix(c.utc, " UTC"), c.lasting} {
			if !strings.Contains(page, part) {
				t.Errorf("%s: the page does not say %q: %s", c.zone, part, page)
			}
		}
	}
}

// What each status is called, at each side of its window, and where it stands.
func TestTrustCenter_EachStatus_HasItsWords(t *testing.T) {
	before, during, after := 2*time.Hour, -2*time.Hour, -30*time.Hour // when it starts, seen from now; each lasts a day
	wordless := public()
	for _, c := range []struct {
		status  release.Status
		starts  time.Duration
		section string
		says    string
	}{
		{release.Scheduled, before, "Coming up", "Scheduled Wednesday"},
		{release.Scheduled, during, "Coming up", "Not started yet It should have started by now. It will start as soon as we are ready."},
		{release.Scheduled, after, "The past 90 days", "Not started Its time has passed and it did not start."},
		{release.InProgress, before, "Happening now", "In progress It started earlier than planned."},
		{release.InProgress, during, "Happening now", "In progress Wednesday"},
		{release.InProgress, after, "Happening now", "In progress It is taking longer than planned."},
		{release.Deployed, before, "The past 90 days", "Completed Wednesday"},
		{release.Deployed, after, "The past 90 days", "Completed Tuesday"},
		{release.RolledBack, during, "The past 90 days", "Rolled back It did not go as planned, so we restored everything to how it was before."},
		{release.Cancelled, before, "Coming up", "Cancelled It will not take place."},
		{release.Cancelled, during, "Coming up", "Cancelled It will not take place."},
		{release.Cancelled, after, "The past 90 days", "Cancelled It did not take place."},
	} {
		wordless = slices.DeleteFunc(wordless, func(s release.Status) bool { return s == c.status })
		p := release.Published{ID: "REL-1", Name: "Something", Status: c.status, Start: now.Add(c.starts), End: now.Add(c.starts + 24*time.Hour)}
		page := get(t, site([]release.Published{p}), "/trust-center").Body.String()
		article := page[strings.Index(page, "<article"):]
		heading := page[:strings.Index(page, "<article")]
		heading = content("<main>" + heading[strings.LastIndex(heading, "<h2"):])
		if text := content("<main>" + article); heading != c.section || !strings.HasPrefix(text, "Something "+c.says) {
			t.Errorf("%s, starting in %v: under %q the page says %q, want under %q %q", c.status, c.starts, heading, text[:min(120, len(text))], c.section, c.says)
		}
	}
	if len(wordless) > 0 {
		t.Errorf("no row says what the public reads of a release that is %s", release.Join(wordless))
	}
}

// What is told of a release once it is known when it really began and ended: never the
// plan in its place, and how far off the plan it was where anybody would notice.
func TestTrustCenter_ActualTimes_AreTold(t *testing.T) {
	const start, end = "2026-03-27T18:00:00Z", "2026-03-27T20:00:00Z" // two days from now
	for name, c := range map[string]struct {
		status   release.Status
		happened []string
		section  string
		says     string
	}{
		"early": {
			release.InProgress,
			[]string{"in-progress", "2026-03-24T18:00:00Z"},
			"Happening now",
			"In progress It started 3 days earlier than planned. Since Tuesday 24 March 2026, 19:00 Berlin time (CET, UTC+1) Tuesday 24 March 2026, 18:00 UTC Planned: Friday 27 March 2026, 19:00 – 21:00 REL-1",
		},
		"finished before its window": {
			release.Deployed,
			[]string{"in-progress", "2026-03-24T18:00:00Z", "deployed", "2026-03-24T19:30:00Z"},
			"The past 90 days",
			"Completed It started 3 days earlier and ended 3 days 1 h earlier than planned. Tuesday 24 March 2026, 19:00 – 20:30 Berlin time (CET, UTC+1), 1 h 30 min",
		},
		"nearly as planned": {
			release.Deployed,
			[]string{"in-progress", "2026-03-27T18:04:10Z", "deployed", "2026-03-27T20:09:00Z"},
			"The past 90 days",
			"Completed Friday 27 March 2026, 19:04 – 21:09 Berlin time (CET, UTC+1), 2 h 5 min Friday 27 March 2026, 18:04 – 20:09 UTC Planned: Friday 27 March 2026, 19:00 – 21:00 REL-1",
		},
		"to the minute": {
			release.Deployed,
			[]string{"in-progress", start, "deployed", end},
			"The past 90 days",
			"Completed Friday 27 March 2026, 19:00 – 21:00 Berlin time (CET, UTC+1), 2 h Friday 27 March 2026, 18:00 – 20:00 UTC REL-1",
		},
		"rolled back later": {
			release.RolledBack,
			[]string{"in-progress", start, "deployed", end, "rolled-back", "2026-03-29T07:00:00Z"},
			"The past 90 days",
			"Rolled back It did not go as planned, so we restored everything to how it was before. Friday 27 March 2026, 19:00 – 21:00 Berlin time (CET, UTC+1), 2 h Friday 27 March 2026, 18:00 – 20:00 UTC Rolled back: Sunday 29 March 2026, 09:00 CEST REL-1",
		},
		"stopped": {
			release.Cancelled,
			[]string{"in-progress", start, "cancelled", "2026-03-27T18:30:00Z"},
			"The past 90 days",
			"Cancelled It was stopped while it was in progress. Friday 27 March 2026, 19:00 – 19:30",
		},
		"called off": {
			release.Cancelled,
			[]string{"cancelled", "2026-03-24T18:30:00Z"},
			"Coming up",
			"Cancelled It will not take place. Friday 27 March 2026, 19:00 – 21:00",
		},
	} {
		p := window("REL-1", "Something", "", c.status, start, end)
		happened(&p, c.happened...)
		body := get(t, site([]release.Published{p}), "/trust-center").Body.String()
		before := content("<main>" + body[:strings.Index(body, "<article")])
		if text := content("<main>" + body[strings.Index(body, "<article"):]); !strings.HasSuffix(before, c.section) || !strings.HasPrefix(text, "Something "+c.says) {
			t.Errorf("%s: after …%q the page says\n%q, want under %q\n%q", name, before[max(0, len(before)-40):], text[:min(260, len(text))], c.section, c.says)
		}
	}
}

// The answer to "is anything going on" is never at odds with the list below it.
func TestPage_Banner_AgreesWithTheList(t *testing.T) {
	all := typical()
	for name, c := range map[string]struct {
		list []release.Published
		says string
		not  string
	}{
		"only cancelled": {all[2:3], "Nothing is in progress right now What was planned has been cancelled: see the list below.", "planned at the moment"},
		"overdue":        {all[5:6], "Nothing is in progress right now Not started yet: Printers, building C , planned from Wednesday 25 March 2026, 15:00 (Berlin time).", "planned at the moment"},
		"overdue, next":  {[]release.Published{all[5], all[1]}, "Next: New sign-in page 2026.3 , Saturday 28 March 2026, 23:00 (Berlin time).", "planned at the moment"},
		"running":        {all[0:3], "Work is in progress Mail and calendar 4.2 , planned until Wednesday 25 March 2026, 17:30 (Berlin time).", "Nothing"},
		"past only":      {all[6:], "Nothing is in progress right now No work is planned at the moment.", "Coming up"},
		"none":           {nil, "Nothing is in progress right now No work is planned at the moment.", "Coming up"},
	} {
		text := content(get(t, site(c.list), "/trust-center").Body.String())
		if !strings.Contains(text, c.says) || strings.Contains(text, c.not) {
			t.Errorf("%s: the page says %q; want %q, and not %q", name, text[:min(400, len(text))], c.says, c.not)
		}
	}
}

// However long a name is, its version stays: two releases of one thing differ in nothing else.
func TestPage_LongName_KeepsItsVersion(t *testing.T) {
	p := window("REL-1", strings.Repeat("Very long name ", 10), "2026.3", release.Scheduled, "2026-03-28T22:00:00Z", "2026-03-29T04:00:00Z")
	body := get(t, site([]release.Published{p}), "/trust-center").Body.String()
	for _, want := range []string{"… 2026.3 · Scheduled</text>", "… 2026.3</bdi></a>, <time"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page has no %q", want)
		}
	}
}

// However people name things, the page has the same elements as with an honest name,
// and the feeds are as strict as ever.
func FuzzDocuments(f *testing.F) {
	for i, name := range hostile {
		f.Add(name, hostile[(i+1)%len(hostile)], hostile[(i+2)%len(hostile)], int64(i-5)*7200, int64(3600*i), uint8(i))
	}
	f.Fuzz(func(t *testing.T, name, version, summary string, starts, lasts int64, status uint8) {
		start := now.Add(time.Duration(starts%1e8) * time.Second)
		p := release.Published{
			ID: "REL-2026-Q1-001", Name: name, Version: "v" + version, Summary: "s" + summary, WindowVersion: 1, ChangedAt: now,
			Status: public()[int(status)%len(public())], Start: start, End: start.Add(time.Duration(1+max(0, lasts%1e8)) * time.Second),
		}
		honest := p
		honest.Name, honest.Version, honest.Summary = "Name", "v1", "Summary"
		got, want := get(t, site([]release.Published{p}), "/trust-center").Body.Bytes(), get(t, site([]release.Published{honest}), "/trust-center").Body.Bytes()
		if a, b := markup(got), markup(want); !slices.Equal(a, b) {
			t.Fatalf("the markup is\n%q\nwith an honest name\n%q", a, b)
		}
		if len(readJSON(t, get(t, site([]release.Published{p}), "/trust-center.json").Body.Bytes()).Releases) != 1 {
			t.Fatal("not one release in JSON")
		}
		if readAtom(t, get(t, site([]release.Published{p}), "/trust-center.atom").Body.Bytes()) != 1 {
			t.Fatal("not one entry in Atom")
		}
		if len(readCalendar(t, get(t, site([]release.Published{p}), "/trust-center.ics").Body.Bytes())) != 1 {
			t.Fatal("not one event in the calendar")
		}
	})
}

var (
	tags  = regexp.MustCompile(`<[^>]*>`)
	style = regexp.MustCompile(`(?s)<style>.*</style>`)
)

// markup lists all tags of a page, with their attributes.
func markup(body []byte) []string {
	var list []string
	for _, tag := range tags.FindAll(style.ReplaceAll(body, nil), -1) {
		list = append(list, string(bytes.TrimSpace(tag)))
	}
	return list
}

// UTC has several names, and under none of them is a time told twice.
func TestTrustCenter_ZonesThatAreUTC_TellTheTimeOnce(t *testing.T) {
	for _, zone := range []string{"UTC", "Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "UCT", "Universal", "Zulu"} {
		list := []release.Published{window("REL-2026-Q2-009", "Something", "", release.Scheduled, "2026-05-01T03:00:00Z", "2026-05-01T04:00:00Z")}
		feed := get(t, site(list, func(o *trustcenter.Options) { o.Zone = zone }), "/trust-center.atom").Body.String()
		if n := strings.Count(feed, "03:00 – 04:00"); n != 1 {
			t.Errorf("%s: the feed tells the window %d times", zone, n)
		}
	}
}

// Whatever ends a line in a summary, the next one begins on a line of its own.
func TestTrustCenter_LinesOfASummary_StayLines(t *testing.T) {
	for _, end := range []string{"\n", "\r\n", "\r", "\u2028", "\u2029"} {
		list := []release.Published{window("REL-2026-Q2-009", "Something", "", release.Scheduled, "2026-05-01T03:00:00Z", "2026-05-01T04:00:00Z")}
		list[0].Summary = "One." + end + "Two."
		var feed struct {
			Content string `xml:"entry>content"`
		}
		check(t, xml.Unmarshal(get(t, site(list), "/trust-center.atom").Body.Bytes(), &feed))
		if !strings.Contains(feed.Content, "One.\nTwo.") {
			t.Errorf("%q: the feed says %q", end, feed.Content)
		}
	}
}

// No single way of writing makes the page large.
func TestPage_LongTexts_StaysSmall(t *testing.T) {
	for _, text := range hostile {
		list := many()
		for i := range list {
			list[i].Name, list[i].Version = text, text[:min(len(text), release.MaxVersion)]
			list[i].Summary = strings.Repeat(text, release.MaxSummary/len(text))
		}
		if n := get(t, site(list), "/trust-center").Body.Len(); n > 50_000 {
			t.Errorf("with %.20q… everywhere it has %d bytes", text, n)
		}
	}
}

// A letter keeps as many marks as any script puts on one; a heap of them would be painted over
// what stands above.
func TestTrustCenter_MarksOnALetter_AreKeptUpToABound(t *testing.T) {
	for given, want := range map[int]int{8: 8, 9: 8, 99: 8} {
		list := []release.Published{window("REL-2026-Q2-009", "a"+strings.Repeat("\u0301", given)+"b"+strings.Repeat("\u0301", given), "", release.Scheduled, "2026-05-01T03:00:00Z", "2026-05-01T04:00:00Z")}
		page := get(t, site(list), "/trust-center.json").Body.String()
		if shown := strings.Count(page, "\u0301"); shown == 0 || strings.Contains(page, "a"+strings.Repeat("\u0301", want+1)) || !strings.Contains(page, "a"+strings.Repeat("\u0301", want)+"b"+strings.Repeat("\u0301", want)) {
			t.Errorf("%d marks on each letter: %d in all are shown, want %d on each", given, shown, want)
		}
	}
}

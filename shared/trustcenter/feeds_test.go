package trustcenter_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-ical"

	"example.com/releases/shared/release"
	"example.com/releases/shared/trustcenter"
)

// The feeds parse strictly with all there can be, and each has every release once.
func TestFeeds_TwoHundredReleases_AreValid(t *testing.T) {
	list := many()
	h := site(list)
	if got := readJSON(t, get(t, h, "/trust-center.json").Body.Bytes()); len(got.Releases) != len(list) {
		t.Errorf("%d releases in JSON", len(got.Releases))
	}
	if n := readAtom(t, get(t, h, "/trust-center.atom").Body.Bytes()); n != len(list) {
		t.Errorf("%d entries in Atom", n)
	}
	seen := map[string]bool{}
	for _, e := range readCalendar(t, get(t, h, "/trust-center.ics").Body.Bytes()) {
		seen[e.Props.Get("UID").Value] = true
	}
	if len(seen) != len(list) {
		t.Errorf("%d events in the calendar", len(seen))
	}
}

type feedJSON struct {
	Organisation *struct{ Name, URL string }
	Zone         string
	Releases     []struct {
		ID, URL, Name, Version, StatusText, StatusDetail, PublicSummary string
		Status                                                          release.Status
		ScheduledStart, ScheduledEnd                                    time.Time
		LocalStart, LocalEnd                                            time.Time
		ActualStart, ActualEnd, RolledBackAt, CancelledAt               *time.Time
		History                                                         []struct {
			Event                        release.Status
			At                           time.Time
			ScheduledStart, ScheduledEnd *time.Time
		}
	}
}

// readJSON takes the document if it has the fields that it may have and no others.
func readJSON(t *testing.T, body []byte) feedJSON {
	t.Helper()
	var f feedJSON
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		t.Fatalf("%v in\n%s", err, body)
	}
	for _, r := range f.Releases {
		if !r.ScheduledStart.Equal(r.LocalStart) || !r.ScheduledEnd.Equal(r.LocalEnd) || r.StatusText == "" {
			t.Errorf("%+v", r)
		}
	}
	return f
}

// readCalendar takes what somebody else's parser and encoder take: the latter refuses
// events that lack or repeat a property.
func readCalendar(t *testing.T, body []byte) []ical.Event {
	t.Helper()
	for line := range bytes.SplitSeq(bytes.TrimSuffix(body, []byte("\r\n")), []byte("\r\n")) {
		if len(line) > 75 || bytes.ContainsAny(line, "\r\n") {
			t.Fatalf("the line %q is no content line", line)
		}
	}
	c, err := ical.NewDecoder(bytes.NewReader(body)).Decode()
	if err == nil {
		err = ical.NewEncoder(io.Discard).Encode(c)
	}
	if err != nil {
		t.Fatalf("%v in\n%s", err, body)
	}
	for _, e := range c.Events() {
		for _, name := range []string{"DTSTART", "DTEND", "DTSTAMP", "SEQUENCE", "STATUS", "SUMMARY"} {
			if e.Props.Get(name) == nil {
				t.Errorf("an event has no %s", name)
			}
		}
	}
	return c.Events()
}

// count is how often an element may occur.
type count struct{ least, most int }

const often = 1 << 20

// atomGrammar is RFC 4287, section 4, as far as a feed without extensions goes: for
// each element its children; texts, dates and links are judged apart.
var atomGrammar = map[string]map[string]count{
	"feed": {
		"author": {1, often}, "category": {0, often}, "contributor": {0, often}, "generator": {0, 1}, "icon": {0, 1}, "id": {1, 1}, "link": {0, often},
		"logo": {0, 1}, "rights": {0, 1}, "subtitle": {0, 1}, "title": {1, 1}, "updated": {1, 1}, "entry": {0, often},
	},
	"entry": {
		"author": {0, often}, "category": {0, often}, "content": {0, 1}, "contributor": {0, often}, "id": {1, 1}, "link": {0, often},
		"published": {0, 1}, "rights": {0, 1}, "source": {0, 1}, "summary": {0, 1}, "title": {1, 1}, "updated": {1, 1},
	},
	"author": {"name": {1, 1}, "uri": {0, 1}, "email": {0, 1}},
}

// atomAttributes are those that an element may have, beside xml:lang and xml:base.
var atomAttributes = map[string]string{
	"link": "href rel type hreflang title length", "category": "term scheme label",
	"title": "type", "subtitle": "type", "summary": "type", "rights": "type", "content": "type src",
}

// element is an XML element as it stands.
type element struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Children []element  `xml:",any"`
}

func (e element) attr(name string) string {
	for _, a := range e.Attrs {
		if a.Name.Local == name && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}

// readAtom holds a feed to the grammar and returns the number of its entries.
func readAtom(t *testing.T, body []byte) int {
	t.Helper()
	var feed element
	d := xml.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(&feed); err != nil {
		t.Fatalf("%v in\n%s", err, body)
	}
	if _, err := d.Token(); err != nil && !errors.Is(err, io.EOF) {
		t.Fatalf("after the feed: %v", err)
	}
	if feed.XMLName.Local != "feed" {
		t.Fatalf("it is a %s", feed.XMLName.Local)
	}
	ids := map[string]int{}
	if err := judge(feed, ids); err != nil {
		t.Fatalf("%v in\n%s", err, body)
	}
	return len(ids) - 1
}

// judge holds one element, and all in it, to the grammar.
func judge(e element, ids map[string]int) error {
	name := e.XMLName.Local
	if e.XMLName.Space != "http://www.w3.org/2005/Atom" {
		return fmt.Errorf("%s is in the namespace %q", name, e.XMLName.Space)
	}
	for _, a := range e.Attrs {
		allowed := strings.Fields(atomAttributes[name])
		if a.Name.Space == "" && a.Name.Local != "xmlns" && !strings.Contains(" "+strings.Join(allowed, " ")+" ", " "+a.Name.Local+" ") {
			return fmt.Errorf("%s has the attribute %s", name, a.Name.Local)
		}
	}
	children, isParent := atomGrammar[name]
	if isParent && strings.TrimSpace(e.Text) != "" || !isParent && len(e.Children) > 0 {
		return fmt.Errorf("%s mixes text and elements: %q", name, e.Text)
	}
	found := map[string]int{}
	alternates := map[string]bool{}
	for _, c := range e.Children {
		found[c.XMLName.Local]++
		if c.XMLName.Local == "link" && c.attr("rel") == "alternate" {
			kind := c.attr("type") + " " + c.attr("hreflang")
			if alternates[kind] {
				return fmt.Errorf("%s has two alternates of the type %s", name, kind)
			}
			alternates[kind] = true
		}
		if err := judge(c, ids); err != nil {
			return err
		}
	}
	for child, n := range found {
		if most := children[child].most; n > most {
			return fmt.Errorf("%s has %d × %s, of which there may be %d", name, n, child, most)
		}
	}
	for child, c := range children {
		if found[child] < c.least {
			return fmt.Errorf("%s has no %s", name, child)
		}
	}
	if name == "entry" && found["content"] == 0 && len(alternates) == 0 {
		return fmt.Errorf("an entry has neither content nor an alternate")
	}
	return judgeText(e, ids)
}

func judgeText(e element, ids map[string]int) error {
	switch name := e.XMLName.Local; name {
	case "id":
		u, err := url.Parse(e.Text)
		if err != nil || !u.IsAbs() || ids[e.Text] > 0 {
			return fmt.Errorf("the id %q is not absolute, or not alone: %w", e.Text, err)
		}
		ids[e.Text]++
	case "updated", "published":
		if _, err := time.Parse(time.RFC3339, e.Text); err != nil {
			return fmt.Errorf("%s is %q", name, e.Text)
		}
	case "link":
		if u, err := url.Parse(e.attr("href")); err != nil || u.String() == "" {
			return fmt.Errorf("a link goes to %q: %w", e.attr("href"), err)
		}
	case "category":
		if e.attr("term") == "" {
			return fmt.Errorf("a category has no term")
		}
	case "name":
		if e.Text == "" {
			return fmt.Errorf("an author has no name")
		}
	case "title", "subtitle", "summary", "content":
		if kind := e.attr("type"); kind != "" && kind != "text" {
			return fmt.Errorf("%s is of the type %q, and nothing of ours is", name, kind)
		}
	}
	return nil
}

// What makes an entry and an event the same one stays when everything else changes.
func TestFeeds_Identities_AreStable(t *testing.T) {
	before, after := typical()[3:4], typical()[3:4]
	after[0].Name, after[0].Status, after[0].WindowVersion = "Renamed", release.Cancelled, 4
	after[0].Start, after[0].End = after[0].Start.AddDate(0, 1, 0), after[0].End.AddDate(0, 1, 0)
	was := readCalendar(t, get(t, site(before), "/trust-center.ics").Body.Bytes())[0]
	is := readCalendar(t, get(t, site(after), "/trust-center.ics").Body.Bytes())[0]
	for name, want := range map[string][2]string{
		"UID":      {"REL-2026-Q2-001@releases.example.com", "REL-2026-Q2-001@releases.example.com"},
		"SEQUENCE": {"3", "5"}, // window 3; window 4, and its cancellation
		"STATUS":   {"CONFIRMED", "CANCELLED"},
		"DTSTART":  {"20260410T160000Z", "20260510T160000Z"},
	} {
		if got := [2]string{was.Props.Get(name).Value, is.Props.Get(name).Value}; got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	const id = "<id>tag:releases.example.com,2026:REL-2026-Q2-001</id>"
	for _, list := range [][]release.Published{before, after} {
		if feed := get(t, site(list), "/trust-center.atom").Body.String(); !strings.Contains(feed, id) {
			t.Errorf("no %s in\n%s", id, feed)
		}
	}
}

func TestFeeds_Empty_AreValid(t *testing.T) {
	h := site(nil)
	if got := readJSON(t, get(t, h, "/trust-center.json").Body.Bytes()); got.Releases == nil || len(got.Releases) > 0 {
		t.Errorf("JSON has %v; want an empty list", got.Releases)
	}
	if n := readAtom(t, get(t, h, "/trust-center.atom").Body.Bytes()); n != 0 {
		t.Errorf("Atom has %d entries", n)
	}
	c, err := ical.NewDecoder(get(t, h, "/trust-center.ics").Body).Decode()
	if err != nil || len(c.Events()) > 0 || len(c.Children) == 0 {
		t.Errorf("the calendar has %d events and %d components: %v", len(c.Events()), len(c.Children), err)
	}
}

// Calendars have no open end: while a release runs past its window, its event ends with the
// hour. It is the same for that hour, and its sequence is no higher than when the release ends.
func TestCalendar_RunsPastItsWindow_DoesNotSayItIsOver(t *testing.T) {
	t.Parallel()
	p := window("REL-2026-Q1-021", "Archive", "1", release.InProgress, "2026-03-10T18:00:00Z", "2026-03-10T20:00:00Z")
	happened(&p, "in-progress", "2026-03-10T18:01:00Z")
	p.ChangedAt = parseTime("2026-03-10T18:02:00Z")
	event := func(p release.Published, at string) (text string, event *ical.Component) {
		h := site([]release.Published{p}, func(o *trustcenter.Options) { o.Now = func() time.Time { return parseTime(at) } })
		text = get(t, h, "/trust-center.ics").Body.String()
		c, err := ical.NewDecoder(strings.NewReader(text)).Decode()
		check(t, err)
		return text, c.Events()[0].Component
	}
	value := func(e *ical.Component, name string) string { return e.Props.Get(name).Value }
	for _, c := range []struct{ at, end, stamp string }{
		{"2026-03-10T18:30:00Z", "20260310T200000Z", "20260310T180200Z"},
		{"2026-03-10T19:59:59Z", "20260310T200000Z", "20260310T180200Z"},
		{"2026-03-10T20:00:00Z", "20260310T210000Z", "20260310T200000Z"},
		{"2026-03-10T20:59:00Z", "20260310T210000Z", "20260310T200000Z"},
		{"2026-03-10T21:00:00Z", "20260310T220000Z", "20260310T210000Z"},
		{"2026-03-12T07:15:00Z", "20260312T080000Z", "20260312T070000Z"},
	} {
		text, e := event(p, c.at)
		if value(e, "DTSTART") != "20260310T180100Z" || value(e, "DTEND") != c.end || value(e, "DTSTAMP") != c.stamp || value(e, "LAST-MODIFIED") != c.stamp {
			t.Errorf("at %s the event is\n%s", c.at, text)
		}
	}
	first, running := event(p, "2026-03-12T07:00:10Z")
	if repeated, _ := event(p, "2026-03-12T07:59:50Z"); repeated != first {
		t.Error("within the hour it changes")
	}
	p.Status, p.ChangedAt = release.Deployed, parseTime("2026-03-12T07:31:00Z")
	happened(&p, "deployed", "2026-03-12T07:30:00Z")
	text, over := event(p, "2026-03-12T07:40:00Z")
	if value(over, "DTEND") != "20260312T073000Z" || value(over, "SEQUENCE") <= value(running, "SEQUENCE") || value(over, "DTSTAMP") <= value(running, "DTSTAMP") {
		t.Errorf("when it has ended, the event is\n%s", text)
	}
}

// The newest news is first: a release that was completed long ago and rolled back today stands
// before one that was completed yesterday.
func TestPast_RolledBackLongAfterCompletion_IsFirst(t *testing.T) {
	t.Parallel()
	old := window("REL-2025-Q4-001", "Archive", "1", release.RolledBack, "2025-12-01T18:00:00Z", "2025-12-01T20:00:00Z")
	happened(&old, "in-progress", "2025-12-01T18:00:00Z", "deployed", "2025-12-01T19:00:00Z", "rolled-back", "2026-03-25T09:00:00Z")
	yesterday := window("REL-2026-Q1-002", "Mail", "1", release.Deployed, "2026-03-24T18:00:00Z", "2026-03-24T20:00:00Z")
	happened(&yesterday, "in-progress", "2026-03-24T18:00:00Z", "deployed", "2026-03-24T19:00:00Z")
	h := site([]release.Published{yesterday, old})
	got := readJSON(t, get(t, h, "/trust-center.json").Body.Bytes()).Releases
	if len(got) != 2 || got[0].ID != old.ID {
		t.Errorf("the first is %+v", got)
	}
	if page := get(t, h, "/trust-center").Body.String(); strings.Index(page, `id="`+old.ID) > strings.Index(page, `id="`+yesterday.ID) {
		t.Error("the page has the older news first")
	}
}

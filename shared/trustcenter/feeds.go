package trustcenter

import (
	"cmp"
	"encoding/json"
	"encoding/xml"
	"slices"
	"strings"
	"time"

	"example.com/releases/shared/calendar"
	"example.com/releases/shared/release"
)

const (
	feedTitle    = "Trust Center: planned work"
	feedSubtitle = "What is coming, what is happening now, and how it went."
)

// jsonRelease has the API's field names, and repeats the window with the offset of the
// organisation's zone.
type jsonRelease struct {
	ID             string         `json:"id"`
	URL            string         `json:"url"`
	Name           string         `json:"name"`
	Version        string         `json:"version,omitempty"`
	Status         release.Status `json:"status"`
	StatusText     string         `json:"statusText"`
	StatusDetail   string         `json:"statusDetail,omitempty"`
	ScheduledStart time.Time      `json:"scheduledStart"`
	ScheduledEnd   time.Time      `json:"scheduledEnd"`
	LocalStart     time.Time      `json:"localStart"`
	LocalEnd       time.Time      `json:"localEnd"`
	ActualStart    *time.Time     `json:"actualStart,omitempty"`
	ActualEnd      *time.Time     `json:"actualEnd,omitempty"`
	RolledBackAt   *time.Time     `json:"rolledBackAt,omitempty"`
	CancelledAt    *time.Time     `json:"cancelledAt,omitempty"`
	PublicSummary  string         `json:"publicSummary,omitempty"`
	History        []jsonEvent    `json:"history"`
}

// jsonEvent is something that happened; its window is the one that was announced then.
type jsonEvent struct {
	Event          release.Status `json:"event"`
	At             time.Time      `json:"at"`
	ScheduledStart *time.Time     `json:"scheduledStart,omitempty"`
	ScheduledEnd   *time.Time     `json:"scheduledEnd,omitempty"`
}

type jsonOrganisation struct {
	Name string `json:"name"`
	URL  string `json:"url,omitempty"`
}

func renderJSON(v view) ([]byte, error) {
	list := []jsonRelease{}
	for _, e := range v.all() {
		r := jsonRelease{
			ID: e.ID, URL: v.address(releasePath(e.ID)), Name: e.Name, Version: e.Version,
			Status: e.Status, StatusText: e.Word, StatusDetail: e.Sentence,
			ScheduledStart: e.Start, ScheduledEnd: e.End, LocalStart: e.Start.In(v.zone), LocalEnd: e.End.In(v.zone),
			ActualStart: e.stamp(release.InProgress), ActualEnd: e.stamp(release.Deployed),
			RolledBackAt: e.stamp(release.RolledBack), CancelledAt: e.stamp(release.Cancelled),
			PublicSummary: e.Summary, History: []jsonEvent{},
		}
		for _, h := range e.Happened {
			event := jsonEvent{Event: h.What, At: h.At}
			if !h.Start.IsZero() {
				event.ScheduledStart, event.ScheduledEnd = &h.Start, &h.End
			}
			r.History = append(r.History, event)
		}
		list = append(list, r)
	}
	var who *jsonOrganisation
	if v.Organisation != "" {
		who = &jsonOrganisation{v.Organisation, v.OrganisationURL}
	}
	body, err := json.MarshalIndent(struct {
		Organisation *jsonOrganisation `json:"organisation,omitempty"`
		Zone         string            `json:"zone"`
		Releases     []jsonRelease     `json:"releases"`
	}{who, v.zone.String(), list}, "", "  ")
	return append(body, '\n'), err
}

// stamp is when something happened; nil where it did not.
func (e entry) stamp(what release.Status) *time.Time {
	if at, ok := e.When(what); ok {
		return &at
	}
	return nil
}

// The parts of an Atom feed (RFC 4287) that we use.
type (
	atomFeed struct {
		XMLName  xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
		Lang     string      `xml:"xml:lang,attr"`
		ID       string      `xml:"id"`
		Title    string      `xml:"title"`
		Subtitle string      `xml:"subtitle"`
		Updated  string      `xml:"updated"`
		Author   string      `xml:"author>name"`
		Links    []atomLink  `xml:"link"`
		Entries  []atomEntry `xml:"entry"`
	}
	atomLink struct {
		Rel  string `xml:"rel,attr"`
		Type string `xml:"type,attr"`
		Href string `xml:"href,attr"`
	}
	atomEntry struct {
		ID       string       `xml:"id"`
		Title    string       `xml:"title"`
		Updated  string       `xml:"updated"`
		Category atomCategory `xml:"category"`
		Link     atomLink     `xml:"link"`
		Content  string       `xml:"content"`
	}
	atomCategory struct {
		Term  string `xml:"term,attr"`
		Label string `xml:"label,attr"`
	}
)

// newest sorts by the last change, newest first, as feed readers expect.
func newest(v view) []entry {
	list := v.all()
	slices.SortStableFunc(list, func(a, b entry) int { return b.ChangedAt.Compare(a.ChangedAt) })
	return list
}

func renderAtom(v view) ([]byte, error) {
	feed := atomFeed{
		Lang: "en", ID: tag("trust-center", v.url), Title: feedTitle, Subtitle: feedSubtitle, Author: cmp.Or(v.Organisation, "Trust Center"),
		// Atom requires a date. A feed without entries has today's, so that it changes once a
		// day only.
		Updated: release.FormatTime(v.now.Truncate(24 * time.Hour)),
		Links: []atomLink{
			{"self", "application/atom+xml", v.address(atomPath)},
			{"alternate", "text/html", v.address(pagePath)},
		},
	}
	for i, e := range newest(v) {
		updated := release.FormatTime(e.ChangedAt)
		if i == 0 {
			feed.Updated = updated
		}
		feed.Entries = append(feed.Entries, atomEntry{
			ID: tag(e.ID, v.url), Title: e.Word + ": " + oneLine(e.Title()), Updated: updated,
			Category: atomCategory{string(e.Status), e.Word},
			Link:     atomLink{"alternate", "text/html", v.address(releasePath(e.ID))},
			Content:  e.About(),
		})
	}
	body, err := xml.MarshalIndent(feed, "", " ")
	return slices.Concat([]byte(xml.Header), body, []byte("\n")), err
}

// tag is an entry's identity for all time (RFC 4151), made of the same parts as its
// event's.
func tag(name, url string) string {
	name, host, _ := strings.Cut(calendar.UID(name, url), "@")
	if strings.ContainsAny(host, ":%") { // an IPv6 address is no authority
		host = "releases"
	}
	return "tag:" + host + ",2026:" + name
}

func renderCalendar(v view) ([]byte, error) {
	c := calendar.Calendar{
		Name: feedTitle, Description: feedSubtitle, Zone: v.zone.String(), Refresh: time.Hour,
	}
	for _, e := range v.all() {
		start, end := e.event()
		event := calendar.Event{
			UID: calendar.UID(e.ID, v.url), Sequence: calendar.Sequence(e.WindowVersion, e.revisions()), Cancelled: e.Kind == cancelled,
			Start: start, End: end, Changed: later(e.ChangedAt, e.overrun.Add(-time.Hour)), Title: oneLine(e.headline()), Description: e.About() + "\n\n" + e.ID,
		}
		if v.url != "" {
			event.URL = v.address(releasePath(e.ID))
		}
		c.Events = append(c.Events, event)
	}
	return c.Encode(), nil
}

// event returns the times of the calendar entry: when the release really took place, once that
// is known. While it runs, its end is the planned one, because calendars have no open end; and
// once that is past, the end of this hour, so that nobody reads that it is over. The entry then
// changes once an hour, and its stamp with it. Its sequence does not: it grows again when the
// release ends, and would then have to be higher than one for each hour.
func (e entry) event() (start, end time.Time) {
	if start, end = e.Main.Start, e.Main.End; end.IsZero() {
		end = e.Published.End
	}
	end = later(end, e.overrun)
	// "DTEND MUST be later than DTSTART" (RFC 5545, 3.8.2.2).
	if !end.After(start) {
		end = start.Add(max(time.Minute, e.Published.End.Sub(e.Published.Start)))
		if !e.Main.End.IsZero() {
			end = start.Add(time.Minute)
		}
	}
	return start, end
}

// headline is the event's title. A calendar knows events that are cancelled, and none that were
// rolled back.
func (e entry) headline() string {
	if e.Kind == undone {
		return e.Word + ": " + e.Title()
	}
	return e.Title()
}

// revisions counts what has happened since the window was announced.
func (e entry) revisions() int {
	n := 0
	for _, what := range []release.Status{release.InProgress, release.Deployed, release.RolledBack, release.Cancelled} {
		if _, happened := e.When(what); happened || e.Status == what {
			n++
		}
	}
	return n
}

func oneLine(s string) string { return strings.ReplaceAll(s, "\n", " ") }

// Package calendar writes iCalendar objects (RFC 5545): a release's window as a calendar
// event, the same in the public feed and attached to a mail. It must not know who gets it or
// how.
package calendar

import (
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Event is one window.
type Event struct {
	// UID stays the same for the release's whole life, so that calendars update the
	// event they have; see UID.
	UID string
	// Sequence grows with each new window, and with what happens after it; see Sequence.
	Sequence  int
	Cancelled bool

	Start, End time.Time
	// Changed is when this version of the event was made.
	Changed time.Time

	Title       string
	Description string // may have several lines
	URL         string // where to read more; empty for nowhere
}

// Organizer is who publishes an event.
type Organizer struct{ Name, Address string }

// Calendar is an iCalendar object with events. One with a Name can be subscribed to.
//
// One with an Organizer is a published object in the sense of iTIP (METHOD:PUBLISH), whose
// events must say who publishes them (RFC 5546, 3.2.1). Without it, Outlook makes whoever opens
// the event its organizer (odoo/odoo#100426), and Gmail says that the organizer is unknown
// (pretix/pretix#3211). A feed has no method, and so needs none (RFC 5545, 3.7.2 and 3.8.4.3):
// nothing is sent to anybody, and Outlook asks people to accept what they download with an
// organizer in it (civicrm/civicrm-core#28954).
type Calendar struct {
	Organizer   Organizer
	Name        string
	Description string
	Zone        string        // the IANA zone that the publisher lives in
	Refresh     time.Duration // how often subscribers should look again
	Events      []Event
}

// UID is the event's identity: the release and the host of the public URL, since two
// organisations may have releases of the same id.
func UID(releaseID, publicURL string) string {
	host := "releases"
	if u, err := url.Parse(publicURL); err == nil && u.Hostname() != "" {
		host = u.Hostname()
	}
	return releaseID + "@" + host
}

// Sequence is the window's version. Whatever happens to the release after that is a revision
// too: that it began, ended, was rolled back, was cancelled. Without a higher number,
// calendars that already have the event may ignore the change.
func Sequence(windowVersion, happened int) int { return windowVersion + happened }

// Encode writes the object. Times are in UTC, so that the object needs no time zone
// definitions and every calendar shows them in its reader's zone.
func (c Calendar) Encode() []byte {
	var w writer
	w.line("BEGIN", "VCALENDAR")
	w.line("VERSION", "2.0")
	w.line("PRODID", "-//Releases//Releases//EN")
	w.line("CALSCALE", "GREGORIAN")
	if c.Organizer.Address != "" {
		w.line("METHOD", "PUBLISH")
	}
	if c.Name != "" {
		w.text("NAME", c.Name) // RFC 7986, and its non-standard predecessor
		w.text("X-WR-CALNAME", c.Name)
		w.text("DESCRIPTION", c.Description)
		w.text("X-WR-CALDESC", c.Description)
		w.text("X-WR-TIMEZONE", c.Zone)
	}
	if c.Refresh > 0 {
		every := "PT" + strconv.Itoa(int(c.Refresh.Minutes())) + "M"
		w.line("REFRESH-INTERVAL;VALUE=DURATION", every)
		w.line("X-PUBLISHED-TTL", every)
	}
	for _, e := range c.Events {
		w.event(e, c.Organizer)
	}
	if len(c.Events) == 0 {
		w.nothing()
	}
	w.line("END", "VCALENDAR")
	return []byte(w.String())
}

type writer struct{ strings.Builder }

func (w *writer) event(e Event, by Organizer) {
	status := "CONFIRMED"
	if e.Cancelled {
		status = "CANCELLED"
	}
	w.line("BEGIN", "VEVENT")
	w.text("UID", e.UID)
	w.line("SEQUENCE", strconv.Itoa(e.Sequence))
	w.line("STATUS", status)
	if by.Address != "" {
		name := ""
		if by.Name != "" {
			name = `;CN="` + quotable(by.Name) + `"`
		}
		w.line("ORGANIZER"+name, "mailto:"+url.PathEscape(by.Address))
	}
	// In a published object, the stamp is when the event was last revised. It must not be
	// the time of the download, or every download would look changed.
	w.line("DTSTAMP", stamp(e.Changed))
	w.line("LAST-MODIFIED", stamp(e.Changed))
	w.line("DTSTART", stamp(e.Start))
	w.line("DTEND", stamp(e.End))
	w.text("SUMMARY", e.Title)
	w.text("DESCRIPTION", e.Description)
	if e.URL != "" {
		w.line("URL", e.URL)
	}
	w.line("TRANSP", "TRANSPARENT") // it does not show people as busy
	w.line("CLASS", "PUBLIC")
	w.line("END", "VEVENT")
}

// nothing writes the component of a calendar without events: the grammar requires at least
// one, and a time zone is invisible.
func (w *writer) nothing() {
	w.line("BEGIN", "VTIMEZONE")
	w.line("TZID", "UTC")
	w.line("BEGIN", "STANDARD")
	w.line("DTSTART", "19700101T000000")
	w.line("TZOFFSETFROM", "+0000")
	w.line("TZOFFSETTO", "+0000")
	w.line("END", "STANDARD")
	w.line("END", "VTIMEZONE")
}

func stamp(t time.Time) string { return t.UTC().Format("20060102T150405Z") }

// text writes a property with free text; an empty one is left out.
func (w *writer) text(name, value string) {
	if value != "" {
		w.line(name, escape(value))
	}
}

// quotable makes any string the inside of a quoted parameter value, which has no way to write a
// quotation mark (RFC 5545, 3.1).
func quotable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '\''
		case r < ' ' || r == 0x7f:
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// escape makes any string a value of type TEXT: line breaks become \n, other control
// characters have no way to be written and become spaces.
func escape(s string) string {
	var b strings.Builder
	s = strings.ToValidUTF8(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s), "\uFFFD")
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\\' || r == ';' || r == ',':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// longest is how many octets a line may have before it must be folded.
const longest = 75

// line writes a content line, folded between characters, never inside one.
func (w *writer) line(name, value string) {
	rest := name + ":" + value
	for room := longest; len(rest) > room; room = longest - 1 {
		cut := room
		for !utf8.RuneStart(rest[cut]) {
			cut--
		}
		w.WriteString(rest[:cut])
		w.WriteString("\r\n ")
		rest = rest[cut:]
	}
	w.WriteString(rest)
	w.WriteString("\r\n")
}

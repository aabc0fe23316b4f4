package trustcenter

import (
	"time"

	"example.com/releases/shared/release"
)

// span is a period of time in words; its end may be open.
type span struct {
	Start, End time.Time
	// From and To are in the organisation's zone, UTCFrom and UTCTo in UTC.
	From, To, UTCFrom, UTCTo string
	// Place and Clock say which zone; both are empty where that is UTC.
	Place, Clock string
	Lasting      string
}

func newSpan(start, end time.Time, zone *time.Location) span {
	s := span{Start: start, End: end}
	if end.IsZero() {
		s.UTCFrom, s.From = start.UTC().Format(minute), start.In(zone).Format(minute)
	} else {
		s.Lasting = lasting(end.Sub(start))
		s.UTCFrom, s.UTCTo = between(start, end, time.UTC)
		s.From, s.To = between(start, end, zone)
	}
	if !isUTC(zone) {
		last := end
		if end.IsZero() {
			last = start
		}
		s.Place, s.Clock = place(zone), clock(start, last, zone)
	}
	return s
}

// same reports whether two spans read the same.
func (s span) same(other span) bool { return s.UTCFrom == other.UTCFrom && s.UTCTo == other.UTCTo }

// Brief is the span in one zone, in a line.
func (s span) Brief() string {
	zone := "UTC"
	if s.Place != "" {
		zone = s.Place
	}
	if s.To == "" {
		return "since " + s.From + " " + zone
	}
	return s.From + " – " + s.To + " " + zone
}

// lines returns the span in the organisation's zone and in UTC, each after the given prefix.
func (s span) lines(before string) []string {
	words := func(from, to string) string {
		if to == "" {
			return "since " + from
		}
		return from + " – " + to
	}
	var list []string
	if s.Place != "" {
		list = append(list, before+words(s.From, s.To)+" "+s.Place+" ("+s.Clock+")")
	}
	return append(list, before+words(s.UTCFrom, s.UTCTo)+" UTC")
}

// Heading is what Main is, on the release's own page.
func (e entry) Heading() string {
	_, begun := e.When(release.InProgress)
	switch {
	case e.Kind == running:
		return "In progress"
	case e.Kind == cancelled && !begun, e.Kind == ahead, e.Kind == late:
		return "Planned"
	case !begun:
		return "Planned" // the actual time was not recorded
	}
	return "Took place"
}

// pointInTime is a point in time in words.
type pointInTime struct {
	At         time.Time
	Local, UTC string
}

func newPoint(t time.Time, zone *time.Location) pointInTime {
	return pointInTime{At: t, Local: t.In(zone).Format(minute) + " " + shortClock(t.In(zone)), UTC: t.UTC().Format(minute) + " UTC"}
}

// chapter is something that happened.
type chapter struct {
	When pointInTime
	What release.Status
	Word string
	// Window is the one that was made known, where it is about one.
	Window *span
	Text   string // all of it in a line
}

// chapters lists what happened when, oldest first.
func chapters(p release.Published, zone *time.Location) []chapter {
	words := map[release.Status]string{
		release.Scheduled: "Announced", release.Moved: "Moved", release.InProgress: "Started",
		release.Deployed: "Completed", release.RolledBack: "Rolled back", release.Cancelled: "Cancelled",
	}
	var list []chapter
	for _, e := range p.Happened {
		c := chapter{When: newPoint(e.At, zone), What: e.What, Word: words[e.What]}
		c.Text = c.Word
		if !e.Start.IsZero() && !e.End.IsZero() {
			s := newSpan(e.Start.UTC(), e.End.UTC(), zone)
			c.Window, c.Text = &s, c.Word+" "+c.Joint()+" "+s.From+" – "+s.To
			if s.Place == "" {
				c.Text += " UTC"
			}
		}
		list = append(list, c)
	}
	return list
}

// Joint is the word between what happened and its window.
func (c chapter) Joint() string {
	if c.What == release.Moved {
		return "to"
	}
	return "for"
}

package trustcenter

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"

	"example.com/releases/shared/release"
)

// view is what all four documents say, worked out once.
type view struct {
	now  time.Time
	zone *time.Location
	url  string // the public URL; may be empty

	Running []entry // in progress, longest first
	Ahead   []entry // still to come, soonest first
	Past    []entry // over, newest first
}

// entry is one window in words.
type entry struct {
	release.Published
	Words
	// From and To are in the organisation's zone, UTCFrom and UTCTo in UTC.
	From, To, UTCFrom, UTCTo string
	Until                    string // To, with its day in any case
	// Place and Clock say which zone; both are empty where that is UTC.
	Place, Clock string
	Lasting      string
}

// Words are a status as people say it.
type Words struct {
	Kind     string // one of the kinds of windows that are drawn alike
	Word     string
	Sentence string // what it means; empty where the word says it all
}

// The kinds, in the order of the legend.
const (
	ahead     = "ahead"
	late      = "late"
	running   = "running"
	done      = "done"
	undone    = "undone"
	cancelled = "cancelled"
)

// wording says what a status means to somebody who waits for the end of it.
func wording(p release.Published, now time.Time) Words {
	begun, over := !now.Before(p.Start), !now.Before(p.End)
	switch p.Status {
	case release.Scheduled:
		switch {
		case over:
			return Words{late, "Not started", "Its time has passed and it did not start."}
		case begun:
			return Words{late, "Not started yet", "It should have started by now. It will start as soon as we are ready."}
		}
		return Words{ahead, "Scheduled", ""}
	case release.InProgress:
		switch {
		case over:
			return Words{running, "In progress", "It is taking longer than planned."}
		case !begun:
			return Words{running, "In progress", "It started earlier than planned."}
		}
		return Words{running, "In progress", ""}
	case release.Deployed:
		return Words{done, "Completed", ""}
	case release.RolledBack:
		return Words{undone, "Rolled back", "It did not go as planned, so we restored everything to how it was before."}
	case release.Cancelled:
		if over {
			return Words{cancelled, "Cancelled", "It did not take place."}
		}
		return Words{cancelled, "Cancelled", "It will not take place."}
	}
	return Words{ahead, string(p.Status), ""}
}

func newView(all []release.Published, now time.Time, zone *time.Location, url string) view {
	v := view{now: now, zone: zone, url: url}
	for _, p := range all {
		e := newEntry(p, now, zone)
		switch over := !now.Before(p.End); {
		case e.Kind == running:
			v.Running = append(v.Running, e)
		// What was called off stays in its place until its time has passed: people who
		// count on it look there.
		case !over && (p.Status == release.Scheduled || p.Status == release.Cancelled):
			v.Ahead = append(v.Ahead, e)
		default:
			v.Past = append(v.Past, e)
		}
	}
	slices.SortFunc(v.Running, byStart)
	slices.SortFunc(v.Ahead, byStart)
	slices.SortFunc(v.Past, func(a, b entry) int { return byStart(b, a) })
	return v
}

func byStart(a, b entry) int {
	return cmp.Or(a.Start.Compare(b.Start), a.End.Compare(b.End), strings.Compare(a.ID, b.ID))
}

func newEntry(p release.Published, now time.Time, zone *time.Location) entry {
	p.Name, p.Version, p.Summary = clean(p.Name), clean(p.Version), clean(p.Summary)
	p.Start, p.End, p.ChangedAt = p.Start.UTC(), p.End.UTC(), p.ChangedAt.UTC()
	e := entry{Published: p, Words: wording(p, now), Lasting: lasting(p.End.Sub(p.Start))}
	e.UTCFrom, e.UTCTo = between(p.Start, p.End, time.UTC)
	e.From, e.To = between(p.Start, p.End, zone)
	e.Until = p.End.In(zone).Format(day + ", 15:04")
	if !isUTC(zone) {
		e.Place, e.Clock = place(zone), clock(p.Start, p.End, zone)
	}
	return e
}

// Title is the release's name with its version.
func (e entry) Title() string {
	if e.Version == "" {
		return e.Name
	}
	return e.Name + " " + e.Version
}

// Brief is the title where there is little room.
func (e entry) Brief() string { return shorten(oneLine(e.Title()), 60) }

// Local is the window in the organisation's zone, in a line; empty where that is UTC.
func (e entry) Local() string {
	if e.Place == "" {
		return ""
	}
	return e.From + " – " + e.To + " " + e.Place + " (" + e.Clock + ")"
}

// UTC is the window in UTC, in a line.
func (e entry) UTC() string { return e.UTCFrom + " – " + e.UTCTo + " UTC" }

// About is everything there is to say, in lines.
func (e entry) About() string {
	lines := []string{strings.TrimSpace(e.Word + ". " + e.Sentence)}
	if local := e.Local(); local != "" {
		lines = append(lines, local)
	}
	lines = append(lines, e.UTC())
	if e.Summary != "" {
		lines = append(lines, "", e.Summary)
	}
	return strings.Join(lines, "\n")
}

// all lists every entry, in the order of the page.
func (v view) all() []entry { return slices.Concat(v.Running, v.Ahead, v.Past) }

// address is the page's, or a part of it; relative where the public URL is not known.
func (v view) address(path string) string {
	if v.url == "" {
		return strings.TrimPrefix(path, "/")
	}
	return v.url + path
}

// mostMarks is more than any script puts on one letter.
const mostMarks = 8

// clean makes a text that somebody wrote fit for every format: valid, without control
// characters, without those that turn the direction of what follows them (a name could
// make the status beside it read backwards), and without heaps of accents, which would
// be painted over what stands above.
func clean(s string) string {
	marks := 0
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.In(r, unicode.Mn, unicode.Me) {
			marks = 0
		} else if marks++; marks > mostMarks {
			return -1
		}
		switch {
		case r == '\n':
			return r
		case r == '\r' || r == '\u2028' || r == '\u2029':
			return '\n'
		case unicode.IsControl(r):
			return ' '
		case r >= '\u202A' && r <= '\u202E', r >= '\u2066' && r <= '\u2069':
			return -1
		case r&0xFFFE == 0xFFFE, r >= 0xFDD0 && r <= 0xFDEF:
			return '\uFFFD' // no character, by definition
		}
		return r
	}, s))
}

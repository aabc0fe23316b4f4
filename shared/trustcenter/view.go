package trustcenter

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"

	"example.com/releases/shared/release"
)

// view is the content of all documents, computed once.
type view struct {
	now  time.Time
	zone *time.Location
	url  string // the public URL; may be empty
	site

	Running []entry // in progress, longest first
	Ahead   []entry // still to come, soonest first
	Past    []entry // over, newest first
}

// site says who runs the Trust Center.
type site struct{ Organisation, OrganisationURL string }

// entry is one release in words.
type entry struct {
	release.Published
	Words
	// Main is the period that matters most: the planned window until the release starts, then
	// the actual one, whose end is open while the release runs.
	Main span
	// Plan is the planned window where it differs from Main; Back is when a deployed release
	// was rolled back.
	Plan *span
	Back *pointInTime
	// Chapters is what happened when.
	Chapters []chapter
	// begun and ended are what the release is drawn and sorted by.
	begun, ended time.Time
	// overrun is the hour until when a release that is past its window surely runs; zero for
	// any other.
	overrun time.Time
}

// Words are a status in plain words.
type Words struct {
	Kind     string // decides how the window is drawn
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

// wording says what a status means to somebody outside who is affected by the release.
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
		var started string
		if at, known := p.When(release.InProgress); known {
			if off := differs(at, p.Start); off != "" {
				started = "It started " + off + " than planned"
			}
		} else if !begun {
			started = "It started earlier than planned"
		}
		if over {
			return Words{running, "In progress", sentences(started, "It is taking longer than planned")}
		}
		return Words{running, "In progress", sentences(started)}
	case release.Deployed:
		return Words{done, "Completed", against(p, release.Deployed, "ended")}
	case release.RolledBack:
		const restored = "It did not go as planned, so we restored everything to how it was before"
		if _, complete := p.When(release.Deployed); complete {
			return Words{undone, "Rolled back", sentences(restored)}
		}
		return Words{undone, "Rolled back", strings.TrimSpace(sentences(restored) + " " + against(p, release.RolledBack, "ended"))}
	case release.Cancelled:
		if _, begun := p.When(release.InProgress); begun {
			return Words{cancelled, "Cancelled", "It was stopped while it was in progress."}
		}
		if over {
			return Words{cancelled, "Cancelled", "It did not take place."}
		}
		return Words{cancelled, "Cancelled", "It will not take place."}
	}
	return Words{ahead, string(p.Status), ""}
}

// against says in one sentence how far the actual times differed from the plan, where the
// difference is noticeable.
func against(p release.Published, end release.Status, ended string) string {
	begun, known := p.When(release.InProgress)
	over, ends := p.When(end)
	if !known || !ends {
		return ""
	}
	start, finish := differs(begun, p.Start), differs(over, p.End)
	switch {
	case start != "" && finish != "":
		return "It started " + start + " and " + ended + " " + finish + " than planned."
	case start != "":
		return "It started " + start + " than planned."
	case finish != "":
		return "It " + ended + " " + finish + " than planned."
	}
	return ""
}

// noticeable is the smallest difference from the plan that is worth mentioning.
const noticeable = 15 * time.Minute

func differs(is, planned time.Time) string {
	is, planned = is.Truncate(time.Minute), planned.Truncate(time.Minute)
	switch d := is.Sub(planned); {
	case d >= noticeable:
		return lasting(d) + " later"
	case d <= -noticeable:
		return lasting(-d) + " earlier"
	}
	return ""
}

func sentences(all ...string) string {
	var b strings.Builder
	for _, s := range all {
		if s != "" {
			b.WriteString(" " + s + ".")
		}
	}
	return strings.TrimSpace(b.String())
}

func newView(all []release.Published, now time.Time, zone *time.Location, url string, s site) view {
	v := view{now: now, zone: zone, url: url, site: s}
	for _, p := range all {
		e := newEntry(p, now, zone)
		_, begun := p.When(release.InProgress)
		switch over := !now.Before(p.End); {
		case e.Kind == running:
			v.Running = append(v.Running, e)
		// A release that was cancelled before it began stays among the upcoming ones until its
		// window is over: that is where people who planned for it look.
		case !over && (p.Status == release.Scheduled || p.Status == release.Cancelled && !begun):
			v.Ahead = append(v.Ahead, e)
		default:
			v.Past = append(v.Past, e)
		}
	}
	slices.SortFunc(v.Running, byStart)
	slices.SortFunc(v.Ahead, byStart)
	slices.SortFunc(v.Past, func(a, b entry) int {
		return cmp.Or(b.last().Compare(a.last()), byStart(b, a))
	})
	return v
}

func byStart(a, b entry) int {
	return cmp.Or(a.begun.Compare(b.begun), a.ended.Compare(b.ended), strings.Compare(a.ID, b.ID))
}

func newEntry(p release.Published, now time.Time, zone *time.Location) entry {
	p.Name, p.Version, p.Summary = clean(p.Name), clean(p.Version), clean(p.Summary)
	p.Start, p.End, p.ChangedAt = p.Start.UTC(), p.End.UTC(), p.ChangedAt.UTC()
	p.Happened = slices.Clone(p.Happened)
	for n := range p.Happened {
		p.Happened[n].At = p.Happened[n].At.UTC().Truncate(time.Minute) // nobody is told seconds
	}
	e := entry{Published: p, Words: wording(p, now)}
	plan := newSpan(p.Start, p.End, zone)
	e.Main, e.begun, e.ended = plan, p.Start, p.End
	if p.Status == release.InProgress && !now.Before(p.End) {
		e.overrun = now.Truncate(time.Hour).Add(time.Hour)
	}
	started, begun := p.When(release.InProgress)
	if begun {
		e.begun, e.Plan = started, &plan
		switch over, ended := e.over(); {
		case ended:
			e.ended, e.Main = over, newSpan(started, over, zone)
		case p.Status == release.InProgress:
			e.Main = newSpan(started, time.Time{}, zone)
			if e.ended = later(p.End, started); e.ended.Before(now) {
				e.ended = now.Truncate(time.Hour)
			}
		default: // it ended, and the time was not recorded
			e.begun, e.Plan = p.Start, nil
		}
		if e.Plan != nil && e.Plan.same(e.Main) {
			e.Plan = nil
		}
	}
	if back, undone := p.When(release.RolledBack); undone && begun && p.Status == release.RolledBack {
		if _, complete := p.When(release.Deployed); complete {
			m := newPoint(back, zone)
			e.Back = &m
		}
	}
	e.Chapters = chapters(p, zone)
	return e
}

// over returns when work on the release ended. For a release that was rolled back after it was
// deployed, that is the time of deployment.
func (e entry) over() (time.Time, bool) {
	for _, what := range []release.Status{release.Deployed, release.RolledBack, release.Cancelled} {
		if at, ok := e.When(what); ok {
			return at, true
		}
	}
	return time.Time{}, false
}

// last is when something last happened to a release that is over: it may be rolled back long
// after it was completed, and then that is the news.
func (e entry) last() time.Time {
	if e.Back != nil {
		return later(e.ended, e.Back.At)
	}
	return e.ended
}

// Title is the release's name with its version.
func (e entry) Title() string {
	if e.Version == "" {
		return e.Name
	}
	return e.Name + " " + e.Version
}

// Brief is the title where there is little room.
func (e entry) Brief() string { return titleWithin(e, 34) }

// titleWithin shortens the name, never the version (unless that is too long itself): two
// releases of one product often differ in nothing else.
func titleWithin(e entry, room float64) string {
	version := shorten(oneLine(e.Version), room/3)
	if version == "" {
		return shorten(oneLine(e.Name), room)
	}
	return shorten(oneLine(e.Name), room-width(version)-width(" ")) + " " + version
}

// About is everything there is to say, in lines.
func (e entry) About() string {
	lines := []string{strings.TrimSpace(e.Word + ". " + e.Sentence)}
	lines = append(lines, e.Main.lines("")...)
	if e.Plan != nil {
		lines = append(lines, e.Plan.lines("Planned: ")...)
	}
	if e.Back != nil {
		lines = append(lines, "Rolled back: "+e.Back.Local, "Rolled back: "+e.Back.UTC)
		if e.Back.Local == e.Back.UTC {
			lines = lines[:len(lines)-1]
		}
	}
	if e.Summary != "" {
		lines = append(lines, "", e.Summary)
	}
	if len(e.Chapters) > 0 {
		lines = append(lines, "", "What happened when:")
		for _, c := range e.Chapters {
			lines = append(lines, c.When.Local+": "+c.Text)
		}
	}
	return strings.Join(lines, "\n")
}

// all lists every entry, in the order of the page.
func (v view) all() []entry { return slices.Concat(v.Running, v.Ahead, v.Past) }

// only narrows the view to one release; false where that is not shown.
func (v view) only(id string) (view, bool) {
	pick := func(list []entry) []entry {
		for _, e := range list {
			if e.ID == id {
				return []entry{e}
			}
		}
		return nil
	}
	v.Running, v.Ahead, v.Past = pick(v.Running), pick(v.Ahead), pick(v.Past)
	return v, len(v.all()) == 1
}

// address returns the absolute URL of a path, or a relative one where the public URL is not
// known.
func (v view) address(path string) string {
	if v.url == "" {
		return strings.TrimPrefix(path, "/")
	}
	return v.url + path
}

// mostMarks is more combining marks than any script puts on one letter.
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

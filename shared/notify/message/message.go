// Package message words notices: subject, text, HTML and the calendar's event, for
// people who never heard of releases. It must know neither tables nor SES.
package message

import (
	"errors"
	"fmt"
	"mime"
	"strings"
	"time"
	_ "time/tzdata" // the organisation's zone must be there wherever this runs

	"example.com/releases/shared/calendar"
	"example.com/releases/shared/glyph"
	"example.com/releases/shared/mail"
)

// Message is a notice in words.
type Message struct {
	Subject string
	Text    string
	HTML    string
	// Calendar is the attached event; nil for none.
	Calendar *Attachment
}

// Attachment is a file that goes with a message.
type Attachment struct {
	Name        string
	ContentType string
	Content     []byte
}

// Writer words notices for one organisation.
type Writer struct {
	zone         *time.Location
	organisation string
	organizer    calendar.Organizer
}

// Options are what an organisation's mails have in common.
type Options struct {
	// Zone is the organisation's zone, an IANA name; empty is UTC.
	Zone string
	// Organisation is its name; empty for none.
	Organisation string
	// Name and Address are what mails come from, and so the organizer of their calendar events.
	Name, Address string
}

// New returns a writer of an organisation's mails.
func New(o Options) (*Writer, error) {
	location, err := time.LoadLocation(o.Zone)
	if err != nil {
		return nil, fmt.Errorf("message: the organisation's zone: %w", err)
	}
	if o.Address == "" {
		return nil, errors.New("message: calendar events need an organizer: the address that mails come from")
	}
	return &Writer{zone: location, organisation: clip(o.Organisation, maxOrganisation), organizer: calendar.Organizer{Name: o.Name, Address: o.Address}}, nil
}

// maxOrganisation bounds the organisation's name, in bytes.
const maxOrganisation = 160

// Write words a notice. The same notice always gives the same message.
func (w *Writer) Write(n mail.Notice) (Message, error) {
	v, err := w.view(n)
	if err != nil {
		return Message{}, err
	}
	body, err := v.html()
	if err != nil {
		return Message{}, err
	}
	l := Message{Subject: v.Subject, Text: v.text(), HTML: body}
	if n.UID != "" && !n.Window.Start.IsZero() {
		l.Calendar = w.event(n, v)
	}
	return l, nil
}

// view is what text and HTML both show, in the order they show it. Names in it are isolated;
// see isolate.
type view struct {
	Organisation string
	ReleaseID    string
	Subject      string
	Title        string // the main message
	Greeting     string
	Lead         string // the sentence that states it
	Touch        string // what has to be known about it; may be empty
	Facts        []detailRow
	Lists        []list   // the reader's tasks, and their steps
	After        []string // what it means for the reader
	Link         string
	Footer       []string
	Mood         string // colours the HTML's rule: plan, change, off, done
}

// list is what a mail lists under a heading, and how many there are beyond that.
type list struct {
	Heading string
	Items   []mail.Task
	More    string
}

// list adds a list, unless there is nothing in it.
func (v *view) list(heading string, items []mail.Task, more int) {
	l := list{Heading: heading, Items: items}
	if more > 0 {
		l.More = fmt.Sprintf("… and %d more", more)
	}
	if len(items)+more > 0 {
		v.Lists = append(v.Lists, l)
	}
}

// detailRow is a labelled line, or several.
type detailRow struct {
	Label string
	Lines []string
	Was   bool // no longer true, as the label says
	Prose bool // somebody's own words, which have a direction of their own
}

func (w *Writer) view(n mail.Notice) (view, error) {
	count := len(n.Tasks) + n.More
	one := count <= 1
	number := func(single, several string) string {
		if one {
			return single
		}
		return several
	}
	v := view{Organisation: w.organisation, ReleaseID: n.ReleaseID, Greeting: greeting(n.Name), Link: n.Link}
	listing := number("Your request", fmt.Sprintf("Your %d requests", count))
	v.Facts = append(v.Facts, detailRow{Label: "Release", Lines: []string{nameOf(n)}})
	day := n.Window.Start.In(w.zone).Format("2 Jan 2006")
	switch n.Kind {
	case mail.HeadsUp, mail.Rescheduled:
		v.Lead = fmt.Sprintf("Your request will be fulfilled as part of release %s scheduled for %s.", n.ReleaseID, n.Window.Start.In(w.zone).Format(time.DateOnly))
		v.Facts = append(v.Facts, w.window("When", n.Window))
		v.After = []string{"You do not need to do anything. The attached calendar entry shows when it happens; if the date changes, we will tell you."}
		if n.Unlinked > 0 && n.Unlinked >= count {
			v.After = []string{fmt.Sprintf("What this means: the release changes something that %s about, and it may give you what you asked for. When it is over, we will tell you whether %s open.",
				number("your request is", "your requests are"), number("your request stays", "your requests stay")), v.After[0]}
		}
		v.Touch = touches(n, count)
		v.Mood, v.Title = "plan", number("Your request is planned", "Your requests are planned")
		v.Subject = fmt.Sprintf("%s for %s (%s)", v.Title, day, n.ReleaseID)
		if n.Unlinked > 0 && n.Unlinked >= count {
			v.Title = number("A release touches your request", "A release touches your requests")
			v.Subject = fmt.Sprintf("A release on %s touches your %s (%s)", day, number("request", "requests"), n.ReleaseID)
		}
		if n.Kind == mail.Rescheduled {
			what := "date"
			if n.Before.Start.In(w.zone).Format(time.DateOnly) == n.Window.Start.In(w.zone).Format(time.DateOnly) {
				what = "time"
			}
			v.Facts = append(v.Facts, w.was("Instead of", n.Before))
			v.Mood, v.Title = "change", fmt.Sprintf("A new %s for your %s", what, number("request", "requests"))
			v.Subject = fmt.Sprintf("New %s for your %s: %s (%s)", what, number("request", "requests"), day, n.ReleaseID)
			v.After = []string{"The release has been moved. You do not need to do anything; opening the attached calendar entry updates the one that you have."}
		}
	case mail.Withdrawn:
		w.withdrawn(&v, n, day, number)
		if n.Partly {
			listing = number("No longer planned", fmt.Sprintf("No longer planned (%d)", count))
		}
	case mail.Resolved:
		v.Mood, v.Title = "done", number("Your request is done", "Your requests are done")
		v.Lead = fmt.Sprintf("%s been fulfilled with release %s and %s now resolved.", number("Your request has", "Your requests have"), n.ReleaseID, number("is", "are"))
		v.Facts = append(v.Facts, w.formatTime("Completed", n.At))
		v.Touch = others(n)
		v.Subject = fmt.Sprintf("%s (%s)", v.Title, n.ReleaseID)
		v.After = []string{fmt.Sprintf("If something does not work as you expected, reply to this mail and name the %s.", number("request", "request you mean"))}
	case mail.RolledBack:
		v.Mood, v.Title = "off", number("Your request is open again", "Your requests are open again")
		v.Lead = fmt.Sprintf("Release %s was rolled back and its changes were undone. %s open again.", n.ReleaseID, number("Your request is", "Your requests are"))
		if n.Unfinished {
			v.Title = number("Your request stays open", "Your requests stay open")
			v.Lead = fmt.Sprintf("Release %s was rolled back before it was complete, and its changes were undone. %s.", n.ReleaseID, v.Title)
		}
		v.Touch = others(n)
		v.Facts = append(v.Facts, w.formatTime("Rolled back", n.At), detailRow{Label: "Reason", Lines: lines(n.Reason), Prose: true})
		v.Subject = fmt.Sprintf("%s (%s rolled back)", v.Title, n.ReleaseID)
		v.After = []string{
			fmt.Sprintf("Please do not submit %s again: nothing is lost. The team is working on it and will contact you.", number("it", "them")),
		}
	case mail.StaysOpen:
		w.staysOpen(&v, n, number)
	case mail.WindowFixed, mail.WindowMoved, mail.WindowOff:
		w.team(&v, n, day)
	case mail.WindowOver:
		v.Mood, v.Title = "off", "The window is over, but the release has not begun"
		v.Lead = fmt.Sprintf("Release %s is still scheduled, though its window has ended.", n.ReleaseID)
		v.Facts = append(v.Facts, w.was("Was planned for", n.Window))
		v.Subject = fmt.Sprintf("Still scheduled after its window: %s", n.ReleaseID)
		v.After = []string{"Please record what happened: begin it if it is running, give it a new window, or cancel it. Everyone who was told of the window will be told. You will not be reminded of this window again."}
	default:
		return v, fmt.Errorf("message: there are no words for the kind %q", n.Kind)
	}
	if over := n.Kind == mail.Resolved || n.Kind == mail.RolledBack || n.Kind == mail.StaysOpen; over && n.UID != "" {
		v.After = append(v.After, "Opening the attached calendar entry corrects the one that you have: it then shows when the release really took place.")
	}
	v.list(listing, n.Tasks, n.More)
	steps(&v, n)
	if len(v.Subject) >= maxSubject {
		v.Subject = strings.TrimSpace(clip(v.Subject, maxSubject-1))
	}
	v.Footer = w.footer(n)
	return v, nil
}

func (w *Writer) withdrawn(v *view, n mail.Notice, day string, number func(string, string) string) {
	v.Mood = "off"
	was := w.was("Was planned for", n.Window)
	switch {
	case n.Partly:
		v.Title = number("One of your requests is no longer planned", "Some of your requests are no longer planned")
		v.Subject = fmt.Sprintf("%s (%s)", v.Title, n.ReleaseID)
		v.Lead = fmt.Sprintf("%s no longer part of release %s. Your other requests are not affected.", number("The request below is", "The requests below are"), n.ReleaseID)
	case n.Cancelled:
		v.Title = number("Your request is no longer planned", "Your requests are no longer planned")
		v.Subject = fmt.Sprintf("No longer planned for %s: your %s (%s)", day, number("request", "requests"), n.ReleaseID)
		v.Lead = w.cancelled(n)
		v.Facts = append(v.Facts, was)
	default:
		v.Title = number("Your request is no longer planned", "Your requests are no longer planned")
		v.Subject = fmt.Sprintf("No longer planned for %s: your %s (%s)", day, number("request", "requests"), n.ReleaseID)
		v.Lead = fmt.Sprintf("%s no longer part of release %s.", number("Your request is", "Your requests are"), n.ReleaseID)
		v.Facts = append(v.Facts, was)
	}
	v.After = []string{fmt.Sprintf("Please do not submit %s again: %s open, and we will tell you when there is a new date.",
		number("it", "them"), number("your request stays", "your requests stay"))}
	if n.Cancelled && n.Unlinked > 0 && n.Unlinked == len(n.Tasks)+n.More {
		v.Touch = unlinked("would have touched", n, number)
		v.After = []string{fmt.Sprintf("You do not need to do anything. Please do not submit %s again: %s open.", number("it", "them"), number("your request stays", "your requests stay"))}
	}
	if len(n.Tasks) == 0 {
		v.After = []string{"You do not need to do anything."}
	}
	if n.UID != "" {
		v.After = append(v.After, "Opening the attached calendar entry marks the one you have as cancelled.")
	}
}

// cancelled is the sentence that a release will not take place any more.
func (w *Writer) cancelled(n mail.Notice) string {
	if !n.Began.IsZero() {
		return fmt.Sprintf("Release %s was cancelled after it had begun.", n.ReleaseID)
	}
	return fmt.Sprintf("Release %s has been cancelled. Nothing will happen on %s.", n.ReleaseID, n.Window.Start.In(w.zone).Format(time.DateOnly))
}

// maxSubject is the length at which mail clients cut subjects.
const maxSubject = 70

func nameOf(n mail.Notice) string {
	if n.ReleaseName == "" {
		return n.ReleaseID
	}
	name := isolate(n.ReleaseName)
	if n.Version != "" {
		name += ", version " + isolate(n.Version)
	}
	return name
}

// greeting names the reader, unless the name does not look like one: it came from outside,
// and a mail of ours must not carry somebody's link.
func greeting(name string) string {
	name = strings.TrimSpace(name)
	if name == "" || strings.ContainsAny(name, "@/\\<>") || strings.Contains(strings.ToLower(name), "www.") {
		return "Hello,"
	}
	return "Hello " + isolate(clip(name, 80)) + ","
}

func (w *Writer) footer(n mail.Notice) []string {
	automated := "This is an automated message"
	if w.organisation != "" {
		automated += " from " + isolate(w.organisation)
	}
	if mail.OfTeam(n.Kind) {
		return teamFooter(n, automated+", sent once for each window.")
	}
	if n.Kind == mail.WindowOver {
		return []string{"You receive this mail because you manage the release. " + automated + ", sent once for each window."}
	}
	return []string{questions(n), "You receive this mail because of requests that you submitted. " + automated + "."}
}

// questions says whom to ask.
func questions(n mail.Notice) string {
	switch {
	case n.ManagerEmail == "":
		return "Questions? Ask your service desk and name " + n.ReleaseID + "."
	case n.Manager != "":
		return fmt.Sprintf("Questions? Reply to this mail; it goes to %s, who manages the release.", isolate(n.Manager))
	}
	return "Questions? Reply to this mail."
}

// clip cuts between characters as people see them.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return glyph.Cut(s, most-len("…")) + "…"
}

func lines(s string) []string {
	return strings.Split(strings.ReplaceAll(strings.TrimSpace(s), "\r\n", "\n"), "\n")
}

// event is the window as a calendar event.
func (w *Writer) event(n mail.Notice, v view) *Attachment {
	cancelled := n.Kind == mail.Withdrawn || n.Kind == mail.WindowOff
	title := n.ReleaseID
	if n.ReleaseName != "" {
		title += ": " + isolate(n.ReleaseName)
		if n.Version != "" {
			title += " " + isolate(n.Version)
		}
	}
	if n.Kind == mail.RolledBack || n.Undone {
		title = "Rolled back: " + title
	}
	about := []string{v.Lead}
	for _, l := range v.Lists {
		for _, i := range l.Items {
			about = append(about, "• "+isolate(i.Title)+" ("+i.ID+")")
		}
		if l.More != "" {
			about = append(about, l.More)
		}
	}
	c := calendar.Calendar{Organizer: w.organizer, Events: []calendar.Event{{
		UID: n.UID, Sequence: n.Sequence, Cancelled: cancelled, Start: n.Window.Start, End: n.Window.End, Changed: n.Planned,
		Title: plain(title), Description: plain(strings.Join(about, "\n")), URL: n.Link,
	}}}
	return &Attachment{
		Name:        n.ReleaseID + ".ics",
		ContentType: mime.FormatMediaType("text/calendar", map[string]string{"charset": "utf-8", "method": "PUBLISH"}),
		Content:     c.Encode(),
	}
}

// window shows a window in the organisation's zone and in UTC.
func (w *Writer) window(label string, window mail.Window) detailRow {
	f := detailRow{Label: label, Lines: []string{between(window.Start.In(w.zone), window.End.In(w.zone))}}
	if w.zone != time.UTC {
		f.Lines = append(f.Lines, between(window.Start.UTC(), window.End.UTC()))
	}
	return f
}

// was shows a window that no longer holds.
func (w *Writer) was(label string, window mail.Window) detailRow {
	f := w.window(label, window)
	f.Was = true
	return f
}

func (w *Writer) formatTime(label string, at time.Time) detailRow {
	f := detailRow{Label: label, Lines: []string{long(at.In(w.zone)) + zoneOf(at.In(w.zone))}}
	if w.zone != time.UTC {
		f.Lines = append(f.Lines, long(at.UTC())+zoneOf(at.UTC()))
	}
	return f
}

// between words a window in one time zone. Where the clocks change in between, each end
// gives its offset.
func between(start, end time.Time) string {
	zone, until := zoneOf(start), end.Format("15:04")
	if start.Format(time.DateOnly) != end.Format(time.DateOnly) {
		until = long(end)
	}
	if zone == zoneOf(end) {
		return long(start) + " to " + until + zone
	}
	return fmt.Sprintf("%s (UTC%s) to %s (UTC%s), %s", long(start), start.Format("-07:00"), until, end.Format("-07:00"), start.Location())
}

func long(t time.Time) string { return t.Format("Monday, 2 January 2006, 15:04") }

// zoneOf names the zone and how far it is from UTC at that moment.
func zoneOf(t time.Time) string {
	if t.Location() == time.UTC {
		return " (UTC)"
	}
	return fmt.Sprintf(" (%s, UTC%s)", t.Location(), t.Format("-07:00"))
}

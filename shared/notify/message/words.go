package message

import (
	"fmt"
	"strings"
	"time"

	"example.com/releases/shared/glyph"
	"example.com/releases/shared/mail"
)

// view words a notice: subject, lead and what follows, by the kind of the notice.
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

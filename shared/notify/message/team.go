package message

import (
	"fmt"
	"time"

	"example.com/releases/shared/mail"
)

// mostOfStep is how much of a step's description a mail shows, in bytes.
const mostOfStep = 200

// steps lists what the reader does in the release, in a mail to them as a requester, too.
func steps(v *view, n mail.Notice) {
	var own []mail.Task
	for _, s := range n.Steps {
		own = append(own, mail.Task{ID: fmt.Sprintf("%s step %d", s.Plan, s.Order), Title: clip(s.Description, mostOfStep)})
	}
	heading := "Your step in this release"
	if count := len(n.Steps) + n.MoreSteps; count > 1 {
		heading = fmt.Sprintf("Your %d steps in this release", count)
	}
	v.list(heading, own, n.MoreSteps)
	if n.Manages && !mail.OfTeam(n.Kind) {
		v.After = append(v.After, "You also manage this release.")
	}
}

// role says what the reader does in the release.
func role(n mail.Notice) string {
	count := len(n.Steps) + n.MoreSteps
	own := fmt.Sprintf("own %d of its steps", count)
	if count == 1 {
		own = "own one of its steps"
	}
	switch {
	case n.Manages && count > 0:
		return "You manage it and " + own + "."
	case n.Manages:
		return "You manage it."
	}
	return "You " + own + "."
}

// team words what those who work on a release are told of its window.
func (w *Writer) team(v *view, n mail.Notice, day string) {
	date := n.Window.Start.In(w.zone).Format(time.DateOnly)
	if !n.Manages && n.Manager != "" {
		v.Facts = append(v.Facts, detailRow{Label: "Managed by", Lines: []string{isolate(n.Manager)}})
	}
	switch n.Kind {
	case mail.WindowFixed:
		v.Mood, v.Title = "plan", "The release is scheduled"
		v.Subject = fmt.Sprintf("Scheduled for %s: %s", day, n.ReleaseID)
		v.Lead = fmt.Sprintf("Release %s is scheduled for %s. %s", n.ReleaseID, date, role(n))
		v.Facts = append(v.Facts, w.window("When", n.Window))
		v.After = []string{"The attached calendar entry shows its window; if that changes, we will tell you."}
	case mail.WindowMoved:
		v.Mood, v.Title = "change", "The release has a new window"
		v.Subject = fmt.Sprintf("New window on %s: %s", day, n.ReleaseID)
		v.Lead = fmt.Sprintf("Release %s has been moved to %s. %s", n.ReleaseID, date, role(n))
		v.Facts = append(v.Facts, w.window("When", n.Window), w.was("Instead of", n.Before))
		v.After = []string{"Opening the attached calendar entry updates the one that you have."}
	case mail.WindowOff:
		v.Mood, v.Title = "off", "The release was cancelled"
		v.Subject = fmt.Sprintf("Cancelled, was planned for %s: %s", day, n.ReleaseID)
		if n.Cancelled {
			v.Lead = w.cancelled(n)
			v.Facts = append(v.Facts, w.was("Was planned for", n.Window))
		} else {
			v.Title, v.Subject = "You no longer work on the release", fmt.Sprintf("You no longer work on %s", n.ReleaseID)
			v.Lead = fmt.Sprintf("You no longer manage release %s and own none of its steps.", n.ReleaseID)
			v.Facts = append(v.Facts, w.window("When", n.Window))
		}
		v.After = []string{"You do not need to do anything."}
		if n.UID != "" {
			v.After = append(v.After, "Opening the attached calendar entry marks the one you have as cancelled.")
		}
	}
}

func teamFooter(n mail.Notice, automated string) []string {
	why := "You receive this mail because you own steps of the release."
	switch {
	case n.Kind == mail.WindowOff:
		why = "You receive this mail because you were told of the release as somebody who works on it."
	case n.Manages:
		why = "You receive this mail because you manage the release."
	}
	why += " " + automated
	if n.Manages {
		return []string{why}
	}
	return []string{questions(n), why}
}

package message

import (
	"mime"
	"strings"

	"example.com/releases/shared/calendar"
	"example.com/releases/shared/mail"
)

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

package message

import (
	"fmt"

	"example.com/releases/shared/mail"
)

// touches says of tasks that are found only because they name a configuration item that
// nobody has promised to close them. The sentence for all of them is the contract's.
func touches(n mail.Notice, count int) string {
	switch {
	case n.CI == "" || n.Unlinked == 0:
		return ""
	case n.Unlinked < count:
		return fmt.Sprintf("It touches %s, which %d of your requests %s; %s not linked to a change in it and may stay open.", isolate(n.CI), n.Unlinked, verb(n, "names", "name"), verb(n, "that one is", "those are"))
	}
	return fmt.Sprintf("It touches %s, which your request names; your request is not linked to a change in it and may stay open.", isolate(n.CI))
}

// others says, at the end of a release, what becomes of the tasks that it did not reach.
func others(n mail.Notice) string {
	if n.CI == "" || n.Unlinked == 0 {
		return ""
	}
	return fmt.Sprintf("%s %s, which the release touched; %s not linked to a change in it and %s open.",
		verb(n, "Another request of yours names", fmt.Sprintf("%d other requests of yours name", n.Unlinked)), isolate(n.CI), verb(n, "it is", "they are"), verb(n, "stays", "stay"))
}

// unlinked says, of tasks all of which stay open, why they were found at all.
func unlinked(touched string, n mail.Notice, number func(string, string) string) string {
	return fmt.Sprintf("The release %s %s, which %s; %s not linked to a change in it.", touched, isolate(n.CI),
		number("your request names", "your requests name"), number("your request is", "your requests are"))
}

func verb(n mail.Notice, one, several string) string {
	if n.Unlinked == 1 {
		return one
	}
	return several
}

func (w *Writer) staysOpen(v *view, n mail.Notice, number func(string, string) string) {
	v.Mood, v.Title = "plan", number("Your request stays open", "Your requests stay open")
	v.Subject = fmt.Sprintf("%s (%s)", v.Title, n.ReleaseID)
	what, when := "is complete", "Completed"
	if n.Undone {
		what, when = "was rolled back", "Rolled back"
	}
	v.Lead = fmt.Sprintf("Release %s %s. %s.", n.ReleaseID, what, v.Title)
	v.Touch = unlinked("touched", n, number)
	v.Facts = append(v.Facts, w.formatTime(when, n.At))
	v.After = []string{fmt.Sprintf("You do not need to do anything. Please do not submit %s again: nothing is lost.", number("it", "them"))}
	if !n.Undone {
		v.After = append(v.After, fmt.Sprintf("If the release has given you what you need, reply to this mail, so that %s can be closed.", number("your request", "your requests")))
	}
}

package message

import (
	"fmt"
	"time"

	"example.com/releases/shared/mail"
)

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

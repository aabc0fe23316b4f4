package trustcenter

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // 450 KB; Lambda's image promises no zones, and a laptop may have old ones
)

// day is how a date is written everywhere.
const day = "Monday 2 January 2006"

// minute is how a moment is written.
const minute = day + ", 15:04"

// between writes both ends of a window in a zone: the day once where it is the same.
func between(start, end time.Time, zone *time.Location) (from, to string) {
	start, end = start.In(zone), end.In(zone)
	from, to = start.Format(day+", 15:04"), end.Format(day+", 15:04")
	if start.Format(day) == end.Format(day) {
		to = end.Format("15:04")
	}
	return from, to
}

// isUTC tells whether the zone needs no line of its own beside UTC.
func isUTC(zone *time.Location) bool {
	switch zone.String() {
	case "UTC", "Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "UCT", "Universal", "Zulu":
		return true
	}
	return false
}

// place is what people call the zone: "Berlin time" for Europe/Berlin.
func place(zone *time.Location) string {
	name := zone.String()
	area, city, found := strings.Cut(name, "/")
	if !found || area == "Etc" {
		return name
	}
	if i := strings.LastIndexByte(city, '/'); i >= 0 {
		city = city[i+1:]
	}
	return strings.ReplaceAll(city, "_", " ") + " time"
}

// clock says which of the zone's times is meant: "CEST, UTC+2". Where clocks change in
// the middle of a window, both of its ends are said.
func clock(start, end time.Time, zone *time.Location) string {
	a, b := offset(start.In(zone)), offset(end.In(zone))
	if a == b {
		return a
	}
	return a + " at the start; " + b + " at the end"
}

// shortClock is which of the zone's times it is, as shortly as can be: CEST, or UTC+5:45.
func shortClock(t time.Time) string {
	short, _, _ := strings.Cut(offset(t), ",")
	return short
}

func offset(t time.Time) string {
	abbreviation, seconds := t.Zone()
	sign := '+'
	if seconds < 0 {
		sign, seconds = '−', -seconds
	}
	utc := fmt.Sprintf("UTC%c%d", sign, seconds/3600)
	if minutes := seconds / 60 % 60; minutes != 0 {
		utc += fmt.Sprintf(":%02d", minutes)
	}
	if seconds == 0 {
		utc = "UTC"
	}
	// Zones without letters of their own have an abbreviation like "+03".
	if abbreviation == "" || strings.ContainsAny(abbreviation, "+-0123456789") || abbreviation == utc {
		return utc
	}
	return abbreviation + ", " + utc
}

// lasting words a duration: what passes between two instants, whatever clocks do.
func lasting(d time.Duration) string {
	if d = d.Round(time.Minute); d >= 24*time.Hour {
		d = d.Round(time.Hour) // minutes are nothing then
	}
	days, hours, minutes := int(d.Hours())/24, int(d.Hours())%24, int(d.Minutes())%60
	var parts []string
	switch {
	case days == 1:
		parts = append(parts, "1\u00a0day")
	case days > 1:
		parts = append(parts, fmt.Sprint(days, "\u00a0days"))
	}
	if hours > 0 {
		parts = append(parts, fmt.Sprint(hours, "\u00a0h"))
	}
	if minutes > 0 && days == 0 {
		parts = append(parts, fmt.Sprint(minutes, "\u00a0min"))
	}
	if len(parts) == 0 {
		return "a moment"
	}
	return strings.Join(parts, " ")
}

// stampOf is an instant for machines.
func stampOf(t time.Time) string { return t.UTC().Format("2006-01-02T15:04Z") }

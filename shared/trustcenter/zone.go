package trustcenter

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // 450 KB; Lambda's image promises no zones, and a laptop may have old ones
)

// day is the layout of a date, the same everywhere.
const day = "Monday 2 January 2006"

// minute is the layout of a point in time.
const minute = day + ", 15:04"

// between formats both ends of a window in a zone, with the date only once where it is the
// same.
func between(start, end time.Time, zone *time.Location) (from, to string) {
	start, end = start.In(zone), end.In(zone)
	from, to = start.Format(day+", 15:04"), end.Format(day+", 15:04")
	if start.Format(day) == end.Format(day) {
		to = end.Format("15:04")
	}
	return from, to
}

// isUTC reports whether the zone is UTC under any name, so that times need not be given twice.
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

// clock says which of the zone's times is meant: "CEST, UTC+2". Where clocks change during a
// window, it says so for both ends.
func clock(start, end time.Time, zone *time.Location) string {
	a, b := offset(start.In(zone)), offset(end.In(zone))
	if a == b {
		return a
	}
	return a + " at the start; " + b + " at the end"
}

// shortClock is the shortest form of clock: CEST, or UTC+5:45.
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

// lasting puts a duration into words. It is the elapsed time, even where clocks change in
// between.
func lasting(d time.Duration) string {
	if d = d.Round(time.Minute); d >= 24*time.Hour {
		d = d.Round(time.Hour) // minutes do not matter then
	}
	days, hours, minutes := int(d.Hours())/24, int(d.Hours())%24, int(d.Minutes())%60
	var parts []string
	switch days {
	case 0:
	case 1:
		parts = append(parts, "1\u00a0day")
	default:
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

// stampOf formats a time for the datetime attribute.
func stampOf(t time.Time) string { return t.UTC().Format("2006-01-02T15:04Z") }

package trustcenter

import (
	"fmt"
	"slices"
	"time"
	"unicode"
)

// timeline is what is drawn. Positions are percentages of the width and nothing is
// scaled, so that the drawing is as wide as its reader's screen and its text as large
// as the rest.
type timeline struct {
	Rows   []bar
	Ticks  []tick
	Now    string
	Height int
	Legend []Words
	Left   int // windows that are listed but lie outside
}

type bar struct {
	entry
	X1, X2  string
	Text, Y int
	Label   string
	Right   bool // in the right half: the label ends where the bar ends
}

type tick struct {
	X, Label string
	Minor    bool // left out where there is little room
}

const (
	rowHeight = 40
	axis      = 34 // room for the labels above the rows
	mostRows  = 14
	past      = 30 // days that the drawing reaches at most
	future    = 60
)

// draw puts the nearest windows on a scale of days. Now is drawn to the hour: a page
// that changed each second could never be "not modified".
func draw(v view, listed []entry) timeline {
	now := v.now.Truncate(time.Hour)
	earliest, latest := now.AddDate(0, 0, -past), now.AddDate(0, 0, future)
	var shown []entry
	for _, e := range listed {
		if e.End.After(earliest) && e.Start.Before(latest) && len(shown) < mostRows {
			shown = append(shown, e)
		}
	}
	t := timeline{Left: len(listed) - len(shown)}
	if len(shown) == 0 {
		return t
	}
	slices.SortStableFunc(shown, byStart)
	lo, hi := now.AddDate(0, 0, -3), now.AddDate(0, 0, 10)
	for _, e := range shown {
		if e.Start.Before(lo) {
			lo = later(e.Start, earliest)
		}
		if e.End.After(hi) {
			hi = earlier(e.End, latest)
		}
	}
	s := newScale(lo, hi, v.zone)
	t.Ticks, t.Now = s.ticks(), s.percent(now)
	t.Height = axis + len(shown)*rowHeight
	for n, e := range shown {
		y := axis + n*rowHeight
		b := bar{entry: e, X1: s.percent(e.Start), X2: s.percent(e.End), Text: y + 14, Y: y + 26, Right: s.share(e.Start) > 50}
		b.Label = shorten(oneLine(e.Title()), mostCells-len(e.Word)-3) + " · " + e.Word
		t.Rows = append(t.Rows, b)
	}
	for _, kind := range []string{ahead, late, running, done, undone, cancelled} {
		for _, b := range t.Rows {
			if b.Kind == kind {
				t.Legend = append(t.Legend, b.Words)
				break
			}
		}
	}
	return t
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// scale maps time to the width: whole days of the organisation's zone.
type scale struct{ from, to time.Time }

func newScale(lo, hi time.Time, zone *time.Location) scale {
	lo, hi = lo.In(zone), hi.In(zone)
	return scale{
		time.Date(lo.Year(), lo.Month(), lo.Day(), 0, 0, 0, 0, zone),
		time.Date(hi.Year(), hi.Month(), hi.Day()+1, 0, 0, 0, 0, zone),
	}
}

// share is where an instant lies, in percent; what lies outside lies on the edge. The
// bars' round ends need a little room on both sides.
func (s scale) share(t time.Time) float64 {
	x := float64(t.Sub(s.from)) / float64(s.to.Sub(s.from))
	return 2.5 + 95*min(1, max(0, x))
}

func (s scale) percent(t time.Time) string { return fmt.Sprintf("%.2f%%", s.share(t)) }

// ticks marks days, or Mondays where there are many: thirteen at most.
func (s scale) ticks() []tick {
	days := int(s.to.Sub(s.from).Hours()/24 + 0.5)
	step := 1
	switch {
	case days > 26:
		step = 7
	case days > 13:
		step = 2
	}
	first := 0
	if step == 7 {
		first = (8 - int(s.from.Weekday())) % 7
	}
	var list []tick
	inside := 0
	for n := first; n < days; n += step {
		d := time.Date(s.from.Year(), s.from.Month(), s.from.Day()+n, 0, 0, 0, 0, s.from.Location())
		t := tick{X: s.percent(d), Label: d.Format("2 Jan"), Minor: true}
		if x := s.share(d); x > 7 && x < 93 { // a label closer to the edge may be cut off
			t.Minor = inside%3 != 0
			inside++
		}
		list = append(list, t)
	}
	return list
}

// mostCells is how much of a label fits above its bar on the narrowest screen.
const mostCells = 42

// shorten cuts a text to a number of cells; wide characters take two.
func shorten(s string, cells int) string {
	used, cut := 0, 0
	for i, r := range s {
		if used <= cells-1 {
			cut = i
		}
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		case r >= 0x1100 && (r <= 0x115F || r >= 0x2E80 && r <= 0xD7A3 || r >= 0xF900 && r <= 0xFAFF || r >= 0xFE30 && r <= 0xFF60 || r >= 0x1F300):
			used += 2
		default:
			used++
		}
		if used > cells {
			return s[:cut] + "…"
		}
	}
	return s
}

package trustcenter

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// timeline is the drawing on the page. Positions are percentages of the width and nothing is
// scaled, so that the drawing is as wide as its reader's screen and its text as large as the
// rest.
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
	Label   string // for a narrow screen; Long is for one of 1024 pixels and more
	Long    string
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
		if e.ended.After(earliest) && e.begun.Before(latest) && len(shown) < mostRows {
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
		if e.begun.Before(lo) {
			lo = later(e.begun, earliest)
		}
		if e.ended.After(hi) {
			hi = earlier(e.ended, latest)
		}
	}
	s := newScale(lo, hi, v.zone)
	t.Ticks, t.Now = s.ticks(), s.percent(now)
	t.Height = axis + len(shown)*rowHeight
	for n, e := range shown {
		y := axis + n*rowHeight
		b := bar{entry: e, X1: s.percent(e.begun), X2: s.percent(e.ended), Text: y + 14, Y: y + 26, Right: s.share(e.begun) > 50}
		state := " · " + e.Word
		b.Label, b.Long = titleWithin(e, labelRoom-width(state))+state, titleWithin(e, wideRoom-width(state))+state
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

// share is the position of a time, in percent; times outside the scale are on its edge. The
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
		x := s.share(d)
		if x < 4 || x > 96 { // its label would be cut off on a screen of middle width
			t.Label = ""
		}
		if x > 7 && x < 93 { // and closer to the edge than this, it would be on a narrow one
			t.Minor = inside%3 != 0
			inside++
		}
		list = append(list, t)
	}
	return list
}

// labelRoom is how many ems of a label fit above its bar on the narrowest supported screen:
// 320 pixels wide, of which the page leaves 262, with a font of 12 pixels.
const labelRoom = 21.5

// wideRoom is the same for a wide screen, where a label has half of the drawing's 990 pixels,
// with a font of 13 pixels.
const wideRoom = 36

// width estimates how wide a text is, in ems. It assumes the widest of the common fonts, so
// that nothing is cut off; a test measures it.
func width(s string) float64 {
	var sum float64
	for _, r := range s {
		sum += widthOf(r)
	}
	return sum
}

func widthOf(r rune) float64 {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case strings.ContainsRune("iljI.,:;'|!·", r):
		return 0.36
	case strings.ContainsRune(" ftr()[]/-\\\"*", r):
		return 0.48
	case strings.ContainsRune("mwMW@%&", r):
		return 1.02
	case r < 0x80 && unicode.IsUpper(r):
		return 0.8
	case r < 0x250:
		return 0.66
	case r >= 0x1F000:
		return 1.5
	case r >= 0x1100:
		return 1.2
	}
	return 0.9
}

// shorten cuts a text to a width.
func shorten(s string, most float64) string {
	used, cut := 0.0, 0
	for i, r := range s {
		if used <= most-widthOf('…') {
			cut = i
		}
		if used += widthOf(r); used > most {
			return strings.TrimRight(s[:cut], " ") + "…"
		}
	}
	return s
}

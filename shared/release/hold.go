package release

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// MaxHolds is how many holds a release can have at once, one per person.
const MaxHolds = 20

// Hold stops a release in its status until a person lifts it: while there is any, only
// cancelled and rolled-back can be entered.
type Hold struct {
	By      string    `json:"by" doc:"Who placed it."`
	Subject string    `json:"subject" doc:"The subject of their token, by which it is lifted."`
	Since   time.Time `json:"since" doc:"Since when it stands."`
	Text    string    `json:"text" doc:"Why they placed it."`
}

// HoldChange is the part of a log entry that says whose hold was placed, changed or lifted.
type HoldChange struct {
	Placed bool   `json:"placed" doc:"True where it was placed, or its text replaced; false where it was lifted."`
	Holder string `json:"holder" doc:"The subject of whoever placed it."`
}

// PlaceHold checks whether a hold may be placed and returns it. A person who already has one
// replaces its text, and Since stays.
func (r Release) PlaceHold(words string, by Stamp) (Hold, error) {
	if !r.Live() {
		return Hold{}, r.Conflict("release-ended", "%s is %s: there is nothing left to stop, and no hold was placed.", r.ID, r.Status)
	}
	h := Hold{By: by.By.Author(), Subject: by.By.Subject, Since: by.At.UTC().Truncate(time.Second), Text: words}
	if n := slices.IndexFunc(r.Holds, func(h Hold) bool { return h.Subject == by.By.Subject }); n >= 0 {
		h.Since = r.Holds[n].Since
		return h, nil
	}
	if len(r.Held) >= MaxHolds {
		return Hold{}, r.Conflict("too-many-holds", "%s is already held by %d people, the most that can hold a release; it stays held.", r.ID, len(r.Held))
	}
	return h, nil
}

// HoldPlaced is the log entry for a hold that was placed or changed.
func (r Release) HoldPlaced(h Hold, by Stamp) LogEntry {
	e := EntryBy(LogHold, h.Text, by)
	e.Status, e.Hold = r.Status, &HoldChange{Placed: true, Holder: h.Subject}
	return e
}

// HoldLifted is the log entry for a hold that was lifted.
func (r Release) HoldLifted(h Hold, by Stamp) LogEntry {
	e := EntryBy(LogHold, "Lifted the hold of "+h.By, by)
	if h.Subject == by.By.Subject {
		e.Text = "Lifted their hold"
	}
	e.Status, e.Hold = r.Status, &HoldChange{Holder: h.Subject}
	return e
}

func (r Release) heldError(to Status) *Error {
	e := r.Conflict("held", "%s cannot become %s while it is held.", r.ID, to)
	e.Holds = r.Holds
	return e
}

// maxHoldsTold and maxReason bound what a sentence says about holds; the data beside it has
// all of them.
const (
	maxHoldsTold = 3
	maxReason    = 200
)

// HoldsText says who holds a release, since when, and why, in their words.
func HoldsText(holds []Hold) string {
	if len(holds) == 0 {
		return "Somebody holds it."
	}
	var all []string
	for _, h := range holds[:min(maxHoldsTold, len(holds))] {
		why := strings.Join(strings.Fields(h.Text), " ")
		if len(why) > maxReason {
			why = strings.ToValidUTF8(why[:maxReason], "") + "…"
		}
		all = append(all, fmt.Sprintf("%s since %s: “%s”", h.By, FormatTime(h.Since), strings.TrimSuffix(why, ".")))
	}
	text := "Held by " + strings.Join(all, "; by ")
	if more := len(holds) - maxHoldsTold; more > 0 {
		text += fmt.Sprintf("; and by %d more", more)
	}
	return text + "."
}

// heldDetail says that a release is held, without quoting anybody: the holds are in the data
// beside it.
func heldDetail(holders int) string {
	who := "One person holds it"
	if holders > 1 {
		who = fmt.Sprintf("%d people hold it", holders)
	}
	return who + " (see holds): only cancelled and rolled-back can be entered until a person lifts every hold."
}

package release

import (
	"fmt"
	"strings"
	"testing"
)

func holder(subject string) Stamp {
	return Stamp{At: now, By: Person{Subject: subject, Name: strings.ToUpper(subject)}}
}

// The rule for every status, typed by hand: what goes on is held, what ends the release is not.
func TestAdvance_Held_OnlyCancelledAndRolledBack(t *testing.T) {
	for from, want := range ofEachStatus(t, map[Status]string{
		Planned: "approved:held cancelled:", Approved: "scheduled:held cancelled:", Scheduled: "in-progress:held cancelled:",
		InProgress: "deployed:held rolled-back: cancelled:", Deployed: "rolled-back:", RolledBack: "", Cancelled: "",
	}) {
		r := complete(from)
		r.Held, r.Holds = []string{"otto"}, []Hold{{By: "Otto", Subject: "otto", Since: now, Text: "disk full"}}
		var got []string
		for _, to := range AllowedNext(from) {
			_, err := r.Advance(TransitionRequest{To: to, Reason: "why"}, holder("ada"))
			code := ""
			if e, refused := err.(*Error); refused { //nolint:errorlint // it is ours, as it is made
				code = e.Code
				if len(e.Holds) != 1 || e.Holds[0].Text != "disk full" || strings.Contains(e.Detail, "disk") {
					t.Errorf("%s: %+v", to, e)
				}
			}
			got = append(got, string(to)+":"+code)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", from, got, want)
		}
	}
}

// What is missing beside the hold is told once it is lifted: the hold comes first.
func TestAdvance_HeldAndUnapproved_TheHoldIsTold(t *testing.T) {
	r := complete(Planned)
	r.Unapproved, r.Held = []string{"CHG-2"}, []string{"otto"}
	if _, err := r.Advance(TransitionRequest{To: Approved}, holder("ada")); !HasCode(err, "held") {
		t.Errorf("got %v", err)
	}
}

func TestReadiness_Held_SaysByWhom(t *testing.T) {
	r := complete(InProgress)
	r.Held, r.Holds = []string{"otto"}, []Hold{{By: "Otto", Subject: "otto", Since: now, Text: "disk full"}}
	got := r.CheckReadiness(nil, now, nil, 0)
	if len(got.Holds) != 1 || got.Next[0].Status != Deployed || got.Next[0].Ready || got.Next[0].Conditions[0].Holds || got.Holds[0].By != "Otto" || !strings.HasPrefix(got.Next[0].Conditions[0].Detail, "One person holds it") {
		t.Errorf("%+v", got)
	}
	for _, n := range got.Next[1:] {
		if !n.Ready || len(n.Conditions) != 0 {
			t.Errorf("%s is held too: %+v", n.Status, n)
		}
	}
	r.Held, r.Holds = nil, nil
	if got := r.CheckReadiness(nil, now, nil, 0); !got.Next[0].Ready || got.Holds != nil {
		t.Errorf("lifted: %+v", got)
	}
}

func TestPlaceHold_BoundAndEnd(t *testing.T) {
	r := complete(Planned)
	for n := range MaxHolds {
		subject := fmt.Sprint("p", n)
		h, err := r.PlaceHold("stop", holder(subject))
		if err != nil || h.Subject != subject || h.By != strings.ToUpper(subject) || h.Text != "stop" {
			t.Fatalf("%d: %+v, %v", n, h, err)
		}
		r.Held, r.Holds = append(r.Held, subject), append(r.Holds, h)
	}
	if _, err := r.PlaceHold("stop", holder("late")); !HasCode(err, "too-many-holds") {
		t.Errorf("one too many: %v", err)
	}
	if h, err := r.PlaceHold("go", holder("p3")); err != nil || h.Text != "go" {
		t.Errorf("their own again: %+v, %v", h, err)
	}
	for status, code := range ofEachStatus(t, map[Status]string{
		Planned: "", Approved: "", Scheduled: "", InProgress: "", Deployed: "", RolledBack: "release-ended", Cancelled: "release-ended",
	}) {
		r := complete(status)
		if _, err := r.PlaceHold("stop", holder("otto")); code == "" && err != nil || code != "" && !HasCode(err, code) {
			t.Errorf("%s: %v", status, err)
		}
	}
}

// However many hold it and however much they write, a sentence stays one.
func TestHoldsText_LongAndMany_IsBounded(t *testing.T) {
	var holds []Hold
	for n := range MaxHolds {
		holds = append(holds, Hold{By: fmt.Sprint("P", n), Since: now, Text: strings.Repeat("ü\n", MaxText/3)})
	}
	text := HoldsText(holds)
	if len(text) > 1000 || !strings.Contains(text, "P2 since") || strings.Contains(text, "P3") || !strings.Contains(text, "by 17 more") || strings.Contains(text, "\n") || strings.ToValidUTF8(text, "?") != text {
		t.Error(text)
	}
	if text := HoldsText(holds[:1]); strings.Contains(text, "more") {
		t.Error(text)
	}
}

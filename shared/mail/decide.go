package mail

import (
	"slices"

	"example.com/releases/shared/release"
)

// action is what to do so that a person is correctly informed.
type action int

const (
	nothing  action = iota
	retract         // the pending mail is not sent: it is no longer true
	announce        // a heads-up, or that the window has moved
	withdraw        // the release will not run for this person
	// These are for tasks that are no longer part of the release while the window stays as
	// the person knows it. Where there are no such tasks, there is nothing to do.
	withdrawPart // tell which they are
	announceAnew // the pending mail lists them: another one replaces it
	wait         // until the pending mail is on its way
)

// should is what a person should know of a release's window.
type should int

const (
	asTheyDo   should = iota // there is nothing to say about the window
	noWindow                 // that the release will not run for them
	thisWindow               // the window as it is now
)

// knows is what has reached a person, or is being sent and cannot be stopped any more.
type knows int

const (
	noneYet knows = iota
	anotherWindow
	itsWindow
	itsWindowInPart // they were told that some of their tasks are not part of it, and now those are again
)

// latest is the state of the latest mail, and whether it says what the person should know.
type latest int

const (
	saysOther latest = iota // it is gone: arrived, refused or superseded
	saysIt
	pendingSaysOther
	pendingSaysIt
)

// decisions is the complete rule: what a person should know × what they know × what the
// latest mail says. Why a table and not ifs: three answers that each may be "not yet" have
// 48 combinations, and a test walks through all of them.
//
// Where the latest mail says what the person should know, that was tried (it was sent, or
// refused) and is not tried again; only tasks may still have to be mentioned. Missing rows
// cannot occur: whoever should know of no window does not know this one.
var decisions = [3][4][4]action{
	asTheyDo: { // saysIt: that the release will not run for them
		//              saysOther     saysIt        pendingSaysOther  pendingSaysIt
		noneYet:       {nothing, nothing, wait, nothing},
		anotherWindow: {withdrawPart, nothing, wait, nothing},
	},
	noWindow: {
		noneYet:       {nothing, nothing, retract, nothing},
		anotherWindow: {withdraw, nothing, withdraw, nothing},
	},
	thisWindow: {
		noneYet:         {announce, nothing, announce, announceAnew},
		anotherWindow:   {announce, withdrawPart, announce, announceAnew},
		itsWindow:       {nothing, withdrawPart, retract, announceAnew},
		itsWindowInPart: {nothing, announce, retract, announce},
	},
}

// Step is what is to be written for one person: their row and, in the same transaction, a
// mail that is superseded and a new one, where there are such.
type Step struct {
	Row       RecipientState
	Supersede string // the id of a pending mail
	Notice    *Notice
}

// Decide says what must be done so that a person knows what they should of a release's
// window; false where they do. It is a pure function of what was read: called again, it
// returns the same until something changes.
//
// row is what the person was told, empty but for its key where that is nothing; state is
// that of the mail row.MailID; who is nil where no open task of theirs is affected any
// more; lost are their open tasks that only dropped change requests affect.
func (s Snapshot) Decide(row RecipientState, state State, who *Person, lost Listing) (Step, bool) {
	after := row
	pending := ""
	switch state {
	case Sending, Sent, Unknown:
		after.Known, after.KnownWindow = row.Effect, row.EffectWindow
	case Pending:
		pending = row.MailID
	}
	tried := row.Effect
	if state == Superseded {
		tried = after.Known // the pending mail was not tried
	}
	if !s.Off() {
		after.Via = intersection(row.Via, s.ChangeIDs)
	}
	want, version := s.should(after.Known, who, lost)
	back := who != nil && who.Back
	switch decisions[want][knowsOf(after.Known, version, back)][latestOf(tried == version, pending != "")] {
	case retract:
		after.MailID, after.Effect, after.EffectWindow = "", after.Known, after.KnownWindow
		if want == thisWindow {
			after.Via = who.Via
		}
		return Step{Row: after, Supersede: pending}, true
	case announce:
		return s.announce(after, version, pending, who), true
	case withdraw:
		return s.withdraw(after, pending, who, lost), true
	case withdrawPart:
		if lost.Count > 0 {
			after.Left = union(row.Left, Difference(row.Via, s.ChangeIDs))
			return s.withdrawPart(after, lost), true
		}
	case announceAnew:
		if lost.Count > 0 {
			return s.announce(after, version, pending, who), true
		}
	case wait:
		if lost.Count > 0 {
			return Step{}, false
		}
	}
	return Step{Row: after}, len(after.Via) < len(row.Via)
}

// should is what the person should know, with the version of that window, 0 for none.
func (s Snapshot) should(known int, who *Person, lost Listing) (want should, version int) {
	switch {
	case s.Off():
		return noWindow, 0
	case s.Status != release.Scheduled:
		return asTheyDo, 0
	case who == nil && lost.Count > 0:
		return noWindow, 0
	case who == nil, len(s.Unapproved) > 0:
		// Nobody is told of a date that the CAB may yet refuse.
		return asTheyDo, 0
	case known > 0 && Ahead(s.Release, s.Now), Due(s.Release, s.Now):
		return thisWindow, s.WindowVersion
	}
	return asTheyDo, 0
}

func knowsOf(known, version int, back bool) knows {
	switch {
	case known == 0:
		return noneYet
	case known != version:
		return anotherWindow
	case back:
		return itsWindowInPart
	}
	return itsWindow
}

func latestOf(says, pending bool) latest {
	switch {
	case pending && says:
		return pendingSaysIt
	case pending:
		return pendingSaysOther
	case says:
		return saysIt
	}
	return saysOther
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// intersection returns those ids that are among others.
func intersection(ids, among []string) []string {
	var in []string
	for _, id := range ids {
		if slices.Contains(among, id) {
			in = append(in, id)
		}
	}
	return in
}

// Difference returns those ids that are not among others.
func Difference(ids, among []string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return slices.Contains(among, id) })
}

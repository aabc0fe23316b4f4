package chaos_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// rules is the sequential specification of lifecycle, decisions, edits, holds and scope, small
// enough for a search: how each request may be answered in a state, and which state follows.
// Settlements are left out: what has to wait for one is refused with "settling", which is
// accepted at any time.
type rules struct {
	changes  []string
	releases []string
	standard uint32 // change requests of the type Standard, which are always approved
}

// state is the state of everything that the rules know. Change requests and clients are bits,
// so that states compare fast.
type state struct {
	releases [16]releaseState
	approved uint32 // change requests
	outdated uint32 // those that were edited while their release was deployed
}

type releaseState struct {
	status uint8 // index into everyStatus plus 1; 0: the release does not exist
	linked uint32
	held   uint32 // the clients who hold it
}

// step is an operation with its outcome.
type step struct {
	*op
	release, change int    // indexes into the rules' lists; -1: none
	subject         uint32 // whose hold it is
	linked, held    uint32 // what a read showed
	done            bool   // it was acknowledged, or a log has it
	unsure          bool   // nobody knows whether it was carried out
}

func (r *rules) bit(id string) uint32 {
	n := slices.Index(r.changes, id)
	if n < 0 {
		return 0
	}
	return 1 << n
}

func (r *rules) bits(ids []string) (all uint32) {
	for _, id := range ids {
		all |= r.bit(id)
	}
	return all
}

// judgeLinearizable checks the history of transitions, decisions, edits, notes, holds, scopes
// and reads: the rules must allow an order of all requests in which each lies between its call
// and its answer.
func (v *verdict) judgeLinearizable() {
	r := &rules{changes: v.ids("ChangesTable", "CR#"), releases: v.ids("ReleasesTable", "REL#")}
	if len(r.releases) > 16 || len(r.changes) > 32 {
		v.fault("too many releases or change requests for the search: %d, %d", len(r.releases), len(r.changes))
		return
	}
	start := state{}
	for _, o := range v.ops {
		if o.kind == "create-change" && o.to == "Standard" {
			r.standard |= r.bit(o.target)
		}
	}
	start.approved = r.standard
	var history []porcupine.Operation
	subjects := []string{}
	number := func(subject string) uint32 {
		n := slices.Index(subjects, subject)
		if n < 0 {
			n, subjects = len(subjects), append(subjects, subject)
		}
		return 1 << n
	}
	for n, o := range v.ops {
		s := &step{op: o, release: slices.Index(r.releases, o.target), change: slices.Index(r.changes, o.target), subject: number(o.who)}
		switch o.kind {
		case "transition", "note", "hold", "decide", "edit-change", "create":
			s.done = o.acked() || o.ret == 0 && len(v.places[o.name]) > 0
			if s.done && o.kind == "create" {
				for _, p := range v.places[o.name] {
					s.release = slices.Index(r.releases, p.log)
				}
			}
		case "scope", "delete", "look":
			s.done, s.unsure = o.acked(), o.ret == 0
		case "lift":
			s.done, s.unsure, s.subject = o.acked(), o.ret == 0, number(o.to)
		default:
			continue
		}
		if o.ret == 0 && (!s.done && !s.unsure || o.kind == "look") {
			continue // it was not carried out, or it is a read whose answer nobody saw
		}
		if o.kind == "look" && s.done {
			s.linked = r.bits(texts(o.answer.Body["linkedChangeRequestIds"]))
			for _, h := range objects(o.answer.Body["holds"]) {
				subject, _ := h["subject"].(string)
				s.held |= number(subject)
			}
			s.to, _ = o.answer.Body["status"].(string)
		}
		ret := o.ret
		if ret == 0 {
			ret = math.MaxInt64
		}
		history = append(history, porcupine.Operation{ClientId: n, Input: s, Call: o.call, Output: s, Return: ret})
	}
	result, info := r.search(start, history)
	if result == porcupine.Ok {
		return
	}
	v.fault("the history is not linearizable (%v): %s", result, r.stuckAt(history, info, start))
}

// search looks for an order that the rules allow.
func (r *rules) search(start state, history []porcupine.Operation) (porcupine.CheckResult, porcupine.LinearizationInfo) {
	model := porcupine.NondeterministicModel{
		Init: func() []any { return []any{start} },
		Step: func(before, in, _ any) []any {
			var all []any
			for _, after := range r.step(before.(state), in.(*step)) {
				all = append(all, after)
			}
			return all
		},
	}
	return porcupine.CheckOperationsVerbose(model.ToModel(), history, time.Minute)
}

// stuckAt takes the longest order that was found, and names the operations that could not follow
// in it, with the states in which they were tried.
func (r *rules) stuckAt(history []porcupine.Operation, info porcupine.LinearizationInfo, start state) string {
	var most []*step
	for _, partials := range info.PartialLinearizationsOperations() {
		for _, p := range partials {
			if len(p) > len(most) {
				most = nil
				for _, o := range p {
					most = append(most, o.Input.(*step))
				}
			}
		}
	}
	states := []state{start}
	for _, s := range most {
		var next []state
		for _, x := range states {
			for _, y := range r.step(x, s) {
				if !slices.Contains(next, y) {
					next = append(next, y)
				}
			}
		}
		states = next
	}
	text := fmt.Sprintf("%d of %d operations fit into one order", len(most), len(history))
	slices.SortFunc(history, func(a, b porcupine.Operation) int { return cmp.Compare(a.Return, b.Return) })
	n := 0
	for _, o := range history {
		s := o.Input.(*step)
		if slices.Contains(most, s) || n == 3 {
			continue
		}
		n++
		text += fmt.Sprintf(";\n\tthen not %s %s of %s to %s %v %v at %d to %d: %d %s, linked %b, held %b", s.kind, s.name, s.target, s.to, s.add, s.remove, s.call, s.ret, s.answer.Status, s.answer.code(), s.linked, s.held)
		for _, x := range states {
			if s.release >= 0 {
				text += fmt.Sprintf("; it is %s, linked %b, held %b, approved %b", x.releases[s.release].name(), x.releases[s.release].linked, x.releases[s.release].held, x.approved)
			}
		}
	}
	return text
}

func texts(v any) (all []string) {
	list, _ := v.([]any)
	for _, x := range list {
		if s, ok := x.(string); ok {
			all = append(all, s)
		}
	}
	return all
}

func objects(v any) (all []map[string]any) {
	list, _ := v.([]any)
	for _, x := range list {
		if o, ok := x.(map[string]any); ok {
			all = append(all, o)
		}
	}
	return all
}

// statusNumber is a status as releaseState stores it.
func statusNumber(name string) uint8 { return uint8(slices.Index(everyStatus, name) + 1) }

func (s releaseState) name() string {
	if s.status == 0 {
		return ""
	}
	return everyStatus[s.status-1]
}

func (s releaseState) live() bool { return s.status != 0 && !ended(s.name()) }

// holder returns the live release that has one of the change requests; nil if there is none.
func (s state) holder(change uint32) *releaseState {
	for n := range s.releases {
		if s.releases[n].live() && s.releases[n].linked&change != 0 {
			return &s.releases[n]
		}
	}
	return nil
}

// step returns the states that may follow an operation; none where its answer is not allowed.
func (r *rules) step(s state, o *step) []state {
	after, legal := r.carriedOut(s, o)
	switch {
	case o.unsure && legal:
		return []state{s, after}
	case o.unsure:
		return []state{s}
	case o.done && legal:
		return []state{after}
	case o.done:
		return nil
	case r.mayRefuse(s, o):
		return []state{s}
	}
	return nil
}

// carriedOut returns the state after an operation, and whether the rules allow it.
func (r *rules) carriedOut(s state, o *step) (state, bool) {
	change := uint32(0)
	if o.change >= 0 {
		change = 1 << o.change
	}
	switch o.kind {
	case "decide":
		if at := s.holder(change); at != nil && (at.name() == "in-progress" || at.name() == "deployed") {
			return s, false
		}
		s.approved &^= change
		s.outdated &^= change
		if o.to == "approved" {
			s.approved |= change
		}
		return s, true
	case "edit-change":
		at := s.holder(change)
		if at != nil && at.name() == "in-progress" {
			return s, false
		}
		switch {
		case r.standard&change != 0:
		case at != nil && at.name() == "deployed":
			s.outdated |= change
		default:
			s.approved &^= change
		}
		return s, true
	}
	if o.release < 0 {
		return s, o.kind == "lift" || o.unsure
	}
	x := &s.releases[o.release]
	if o.kind == "create" {
		added := r.bits(o.add)
		ok := x.status == 0 && s.holder(added) == nil
		*x = releaseState{status: statusNumber("planned"), linked: added}
		return s, ok
	}
	if x.status == 0 {
		return s, false
	}
	status := x.name()
	switch o.kind {
	case "transition":
		ok := slices.Contains(allowed(status), o.to)
		if !ended(o.to) {
			ok = ok && x.held == 0
		}
		if o.to == "approved" || o.to == "scheduled" || o.to == "in-progress" {
			ok = ok && x.linked&^s.approved == 0
		}
		x.status = statusNumber(o.to)
		if o.to == "rolled-back" {
			// The settlement takes away the approval of what was edited meanwhile. It may as well
			// do so at once: no other release can link the change request before it is settled.
			s.approved &^= x.linked & s.outdated
			s.outdated &^= x.linked
		}
		return s, ok
	case "hold":
		ok := !ended(status)
		x.held |= o.subject
		return s, ok
	case "lift":
		x.held &^= o.subject
		return s, true
	case "note":
		return s, true
	case "delete":
		ok := status == "planned" || status == "cancelled"
		*x = releaseState{}
		return s, ok
	case "look":
		return s, o.to == status && o.linked == x.linked && o.held == x.held
	case "scope":
		ok := r.scoped(s, x, o)
		return s, ok
	}
	return s, false
}

// scoped links and removes change requests, and tells whether that was allowed and is what the
// answer says.
func (r *rules) scoped(before state, x *releaseState, o *step) bool {
	added, removed := r.bits(o.add)&^x.linked, r.bits(o.remove)&x.linked
	ok := true
	if o.done {
		ok = added == r.bits(texts(o.answer.Body["added"])) && removed == r.bits(texts(o.answer.Body["removed"]))
	}
	if added|removed != 0 {
		status := x.name()
		ok = ok && (status == "planned" || status == "approved" || status == "scheduled")
		ok = ok && (status == "planned" || added&^before.approved == 0)
		ok = ok && before.holder(added) == nil
	}
	x.linked = x.linked&^removed | added
	return ok
}

// mayRefuse tells whether a refusal is right in a state. Refusals with other codes are none of
// these rules' business.
func (r *rules) mayRefuse(s state, o *step) bool {
	var x releaseState
	if o.release >= 0 {
		x = s.releases[o.release]
	}
	change := uint32(0)
	if o.change >= 0 {
		change = 1 << o.change
	}
	status := x.name()
	at := s.holder(change)
	switch o.answer.code() {
	case "invalid-transition":
		return !slices.Contains(allowed(status), o.to)
	case "held":
		return x.held != 0 && !ended(o.to)
	case "cab-approval-missing":
		return x.linked&^s.approved != 0
	case "not-found":
		return x.status == 0
	case "release-ended":
		return ended(status)
	case "not-deletable":
		return status != "planned" && status != "cancelled"
	case "decision-frozen":
		return at != nil && (at.name() == "in-progress" || at.name() == "deployed")
	case "change-frozen":
		return at != nil && at.name() == "in-progress"
	case "scope-frozen":
		return status != "planned" && status != "approved" && status != "scheduled"
	case "linked-elsewhere":
		return s.holder(r.bits(o.add)) != nil
	}
	return true
}

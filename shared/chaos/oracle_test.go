package chaos_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// The oracle is the contract (docs/api.md, docs/architecture.md) and the invariants of
// docs/faults.md, typed a second time without a look at the code under test. What the product
// has done it learns from the API, the bus and the inbox. Three things these do not show: which
// items there ever were and in which order they were written, for which it reads the tables'
// streams, and the states of mails, for which it reads the outbox.

// entry is an entry of a log, as the API shows it.
type entry struct {
	ID, Kind, Text, Status, Subject, ChangeRequestID, Decision, Digest string

	Added, Removed []struct{ ID, CABDecision, Digest string }
	Changes        []struct{ Field, To string }
	Hold           *struct {
		Placed bool
		Holder string
	}
	Settlement *struct{ Epoch, Changes, Tasks int }
	Step       *struct {
		Plan      string
		Order     int
		Completed bool
	}
}

// shown is a release as the API shows it.
type shown struct {
	ID, Status, Name, Description        string
	ScheduledStart, ScheduledEnd         string
	ActualStart, ActualEnd, RolledBackAt string
	RolledBackReason                     string
	LinkedChangeRequestIDs               []string
	AllowedNextStatuses                  []string
	LinkedChangeRequests                 []struct{ ID, CABDecision, ApprovalStatus string }
	Holds                                []struct{ Subject, Text string }
	RolloutSteps                         []struct {
		Order     int
		Completed bool
	}
	Settlement *struct {
		Epoch   int
		State   string
		Changes struct{ Total, Settled int }
	}
}

// history is what is known of one release.
type history struct {
	id      string
	log     []entry // oldest first
	is      shown
	there   bool            // not deleted
	entered []string        // the statuses of its transitions, by epoch
	linked  map[string]bool // by its log: the change requests in it, and whether each is approved
}

// settled is a settlement that tasks follow.
type settled struct {
	release string
	epoch   int
	kind    string
	comment string
}

// verdict is one check of a simulation's result.
type verdict struct {
	*simulation
	ask       *client
	histories map[string]*history
	places    map[string][]place   // where logs have an operation, by its name
	truth     map[string][]settled // what tasks have to follow, by change request, in order
	due       map[string]string    // mails, by the task for which they are due
}

// place is an entry in the log of a release or change request.
type place struct {
	log  string
	at   int
	kind string
}

func (w *simulation) judge() {
	v := &verdict{simulation: w, ask: w.client(97), histories: map[string]*history{}, places: map[string][]place{}, truth: map[string][]settled{}, due: map[string]string{}}
	for _, id := range v.ids("ReleasesTable", "REL#") {
		v.readRelease(id)
	}
	for _, id := range slices.Sorted(maps.Keys(v.histories)) {
		v.replay(v.histories[id])
	}
	v.settlements()
	v.judgeChanges()
	v.judgeOutcomes()
	v.judgeOrder()
	v.judgeTasks()
	v.judgeBus()
	v.judgeMails()
	v.judgeEvidence()
	v.judgeLinearizable()
}

// get reads from the API.
func (v *verdict) get(path string, into any) bool {
	a := do(context.Background(), v.ask.api, v.ask.caller, "GET", path, "", nil)
	if a.Status == 404 {
		return false
	}
	if !a.acked() {
		v.fault("GET %s: %d %s", path, a.Status, a.Text)
		return false
	}
	if err := json.Unmarshal([]byte(a.Text), into); err != nil {
		v.fault("GET %s: %v", path, err)
	}
	return true
}

// ids returns the ids of all main items that a table ever had.
func (v *verdict) ids(table, prefix string) []string {
	var all []string
	for _, r := range v.feed(table) {
		id, ok := strings.CutPrefix(r.Change.Keys["pk"].String(), prefix)
		if ok && r.Change.Keys["sk"].String() == "M" && !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	slices.Sort(all)
	return all
}

// readLog reads all pages of a log, the oldest entry first.
func (v *verdict) readLog(path string) []entry {
	var all []entry
	cursor := ""
	for {
		var page struct {
			Entries    []entry
			NextCursor string
		}
		if !v.get(path+"?limit=100"+cursor, &page) {
			break
		}
		all = append(all, page.Entries...)
		if page.NextCursor == "" {
			break
		}
		cursor = "&cursor=" + page.NextCursor
	}
	slices.Reverse(all)
	return all
}

func (v *verdict) readRelease(id string) {
	h := &history{id: id, linked: map[string]bool{}}
	h.log = v.readLog("/releases/" + id + "/log")
	h.there = v.get("/releases/"+id, &h.is)
	v.histories[id] = h
	v.index(id, h.log)
}

// named finds the names of operations (see client.op) in texts.
var named = regexp.MustCompile(`\bc\d+-\d+\b`)

// index notes which operations a log has, and where.
func (v *verdict) index(log string, entries []entry) {
	for at, e := range entries {
		words := e.Text
		if e.Kind != "decision" { // a decision repeats the text it is on, with the name of that edit
			for _, c := range e.Changes {
				words += " " + c.To
			}
		}
		names := named.FindAllString(words, -1)
		slices.Sort(names)
		for _, name := range slices.Compact(names) {
			v.places[name] = append(v.places[name], place{log, at, e.Kind})
		}
	}
}

// lifecycle says from which statuses each status can be entered.
var lifecycle = map[string]string{
	"approved": "planned", "scheduled": "approved", "in-progress": "scheduled", "deployed": "in-progress",
	"rolled-back": "in-progress deployed", "cancelled": "planned approved scheduled in-progress",
}

// allowed returns the statuses that can follow, by the same table.
func allowed(from string) []string {
	var all []string
	for to, froms := range lifecycle {
		if slices.Contains(strings.Fields(froms), from) {
			all = append(all, to)
		}
	}
	slices.Sort(all)
	return all
}

func ended(status string) bool { return status == "rolled-back" || status == "cancelled" }

// replay goes through a release's log from the start, checks each entry against the rules, and
// compares the result with the release as it is (I3, I11, I12).
func (v *verdict) replay(h *history) {
	status, description := "", ""
	start, end := "", ""
	holds, steps := map[string]string{}, map[string]bool{}
	settledEpoch := 0
	wrong := func(at int, format string, args ...any) {
		v.fault("%s, entry %d (%s %q): %s", h.id, at, h.log[at].Kind, h.log[at].Text, fmt.Sprintf(format, args...))
	}
	for at, e := range h.log {
		if at == 0 != (e.Kind == "created") {
			wrong(at, "a log begins with \"created\", and has it only there")
		}
		frozen := status == "in-progress" || status == "deployed" || ended(status)
		switch e.Kind {
		case "created":
			status = "planned"
			for _, c := range e.Added {
				h.linked[c.ID] = c.CABDecision == "approved"
			}
		case "transition":
			if !slices.Contains(allowed(status), e.Status) {
				wrong(at, "to %s from %s, which allows %v", e.Status, status, allowed(status))
			}
			if len(holds) > 0 && !ended(e.Status) {
				wrong(at, "while it is held by %v", holds)
			}
			for id, approved := range h.linked {
				if !approved && !ended(e.Status) && e.Status != "deployed" {
					wrong(at, "while %s is not approved", id)
				}
			}
			if e.Status == "rolled-back" && !strings.Contains(e.Text, "because of") {
				wrong(at, "without a reason")
			}
			status = e.Status
			h.entered = append(h.entered, status)
			switch status {
			case "deployed":
				v.met.Deployed++
			case "rolled-back":
				v.met.RolledBack++
			case "cancelled":
				v.met.Cancelled++
			}
		case "scope":
			if frozen {
				wrong(at, "while %s", status)
			}
			for _, c := range e.Added {
				if _, there := h.linked[c.ID]; there {
					wrong(at, "%s is in it already", c.ID)
				}
				h.linked[c.ID] = c.CABDecision == "approved"
				if status != "planned" && !h.linked[c.ID] {
					wrong(at, "%s is not approved, and the release is %s", c.ID, status)
				}
			}
			for _, c := range e.Removed {
				if _, there := h.linked[c.ID]; !there {
					wrong(at, "%s is not in it", c.ID)
				}
				delete(h.linked, c.ID)
			}
		case "decision", "approval-voided":
			if _, there := h.linked[e.ChangeRequestID]; !there || frozen {
				wrong(at, "%s is in it: %t, and it is %s", e.ChangeRequestID, there, status)
			}
			h.linked[e.ChangeRequestID] = e.Kind == "decision" && e.Decision == "approved"
		case "hold":
			switch {
			case e.Hold == nil:
				wrong(at, "it does not say whose hold it is")
			case e.Hold.Placed && ended(status):
				wrong(at, "a hold is placed, and the release is %s", status)
			case e.Hold.Placed:
				holds[e.Hold.Holder] = e.Text
			case holds[e.Hold.Holder] == "":
				wrong(at, "%s lifts a hold, and has none", e.Hold.Holder)
			default:
				delete(holds, e.Hold.Holder)
			}
		case "edit":
			if e.ChangeRequestID != "" {
				if _, there := h.linked[e.ChangeRequestID]; !there || status == "in-progress" {
					wrong(at, "%s is in it: %t, and it is %s", e.ChangeRequestID, there, status)
				}
				break
			}
			if ended(status) {
				wrong(at, "an edit, and the release is %s", status)
			}
			for _, c := range e.Changes {
				switch c.Field {
				case "description":
					description = c.To
				case "scheduledStart":
					start = c.To
				case "scheduledEnd":
					end = c.To
				}
				if strings.HasPrefix(c.Field, "scheduled") && (status == "in-progress" || status == "deployed") {
					wrong(at, "the window moves while %s", status)
				}
			}
		case "step":
			steps[fmt.Sprint(e.Step.Plan, e.Step.Order)] = e.Step.Completed
			if status == "planned" || status == "approved" || ended(status) {
				wrong(at, "a step, and the release is %s", status)
			}
		case "settlement":
			if e.Settlement.Epoch <= settledEpoch || e.Settlement.Epoch > len(h.entered) {
				wrong(at, "it is of epoch %d, after one of epoch %d, and there were %d transitions", e.Settlement.Epoch, settledEpoch, len(h.entered))
			}
			settledEpoch = e.Settlement.Epoch
			if e.Settlement.Changes != len(h.linked) {
				wrong(at, "it settled %d change requests, and the release has %d", e.Settlement.Changes, len(h.linked))
			}
		case "note":
		case "deleted":
			if at != len(h.log)-1 || status != "planned" && status != "cancelled" {
				wrong(at, "the release is %s, and %d entries follow", status, len(h.log)-1-at)
			}
			if h.there {
				wrong(at, "but the release is there")
			}
		default:
			wrong(at, "an unknown kind")
		}
	}
	last := ""
	if len(h.log) > 0 {
		last = h.log[len(h.log)-1].Kind
	}
	if !h.there {
		if last != "deleted" {
			v.fault("%s is gone, and its log ends with %s", h.id, last)
		}
		return
	}
	want := shownRelease{status, slices.Sorted(maps.Keys(h.linked)), slices.Sorted(maps.Keys(holds)), allowed(status), description}
	got := shownRelease{h.is.Status, slices.Sorted(slices.Values(h.is.LinkedChangeRequestIDs)), nil, slices.Sorted(slices.Values(h.is.AllowedNextStatuses)), h.is.Description}
	for _, hold := range h.is.Holds {
		got.Holds = append(got.Holds, hold.Subject)
		if holds[hold.Subject] != hold.Text {
			v.fault("%s: the hold of %s says %q, want %q", h.id, hold.Subject, hold.Text, holds[hold.Subject])
		}
	}
	slices.Sort(got.Holds)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		v.fault("%s is %v, want by its log %v", h.id, got, want)
	}
	if start != "" && (h.is.ScheduledStart != start || end != "" && h.is.ScheduledEnd != end) {
		v.fault("%s: the window is %s to %s, by its log %s to %s", h.id, h.is.ScheduledStart, h.is.ScheduledEnd, start, end)
	}
	for _, s := range h.is.RolloutSteps {
		if s.Completed != steps[fmt.Sprint("rollout", s.Order)] {
			v.fault("%s: step %d is completed: %t", h.id, s.Order, s.Completed)
		}
	}
	for _, c := range h.is.LinkedChangeRequests {
		if approved := c.CABDecision == "approved" && c.ApprovalStatus == "Approved"; approved != h.linked[c.ID] && !ended(status) {
			v.fault("%s shows %s as approved: %t", h.id, c.ID, approved)
		}
	}
	v.judgeSettlement(h, settledEpoch)
}

type shownRelease struct {
	Status              string
	Linked, Holds, Next []string
	Description         string
}

// judgeSettlement checks that a release shows its latest settlement as complete, and that the
// last one that its log tells of (logged) is the same.
func (v *verdict) judgeSettlement(h *history, logged int) {
	latest := 0
	for n, status := range h.entered {
		if status == "deployed" || ended(status) {
			latest = n + 1
		}
	}
	switch s := h.is.Settlement; {
	case latest == 0:
		if s != nil {
			v.fault("%s shows a settlement, and there was nothing to settle: %+v", h.id, *s)
		}
	case s == nil || s.Epoch != latest || s.State != "settled" || s.Changes.Settled != s.Changes.Total || s.Changes.Total != len(h.linked):
		v.fault("%s: the settlement of epoch %d is %+v, with %d change requests", h.id, latest, s, len(h.linked))
	case logged != latest && len(h.linked) > 0:
		v.fault("%s: the log tells of the settlement of epoch %d, the latest is %d", h.id, logged, latest)
	}
}

// settlements collects, by change request, what its tasks have to follow. A change request is in
// one live release at a time, so the order of its settlements is that of the releases' stream.
func (v *verdict) settlements() {
	seen := map[string]bool{}
	for _, r := range v.feed("ReleasesTable") {
		id, ok := strings.CutPrefix(r.Change.Keys["pk"].String(), "REL#")
		h := v.histories[id]
		if !ok || h == nil || r.Change.Keys["sk"].String() != "M" || r.Change.NewImage == nil {
			continue
		}
		status := r.Change.NewImage["status"].String()
		if status != "deployed" && status != "rolled-back" || seen[id+status] {
			continue
		}
		seen[id+status] = true
		s := settled{id, slices.Index(h.entered, status) + 1, status, "Rollback: " + h.is.RolledBackReason}
		if status == "deployed" {
			s.comment = "Resolved as part of release " + id + ", deployed " + h.is.ActualEnd
		}
		for c := range h.linked {
			v.truth[c] = append(v.truth[c], s)
		}
	}
}

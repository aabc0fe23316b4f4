package release

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestNearest_WhatWasMeant_IsFoundOrNothingIs(t *testing.T) {
	statuses := []string{"planned", "approved", "scheduled", "in-progress", "deployed", "rolled-back", "cancelled"}
	arguments := []string{"id", "status", "note", "rollback_reason", "ifRevision", "idempotencyKey"}
	for _, c := range []struct {
		wrote string
		of    []string
		want  string
	}{
		{"in progress", statuses, "in-progress"},
		{"IN_PROGRESS", statuses, "in-progress"},
		{"rolledback", statuses, "rolled-back"},
		{"canceled", statuses, "cancelled"},
		{"aproved", statuses, "approved"},
		{"deploy", statuses, "deployed"},
		{"deplyoed", statuses, "deployed"},
		{"finished", statuses, ""},
		{"done", statuses, ""},
		{"", statuses, ""},
		{"releaseId", arguments, "id"},
		{"release_id", arguments, "id"},
		{"rollbackReason", arguments, "rollback_reason"},
		{"reason", arguments, "rollback_reason"},
		{"revision", arguments, "ifRevision"},
		{"comment", arguments, ""},
		{"ed", statuses, ""},             // half of them end so
		{"aprovd", statuses, "approved"}, // two slips in six letters
		{"aprod", statuses, ""},          // and in fewer
		{"cel", statuses, "cancelled"},
		{"ce", statuses, ""},
		{"cat", []string{"cats", "catalogue"}, ""}, // one as near as the other
		{strings.Repeat("x", 64), []string{strings.Repeat("x", 64)}, strings.Repeat("x", 64)},
		{strings.Repeat("x", 65), []string{strings.Repeat("x", 65)}, ""},
	} {
		if got, found := Nearest(c.wrote, c.of); found && got != c.want || found != (c.want != "") {
			t.Errorf("%q: %q %v, not %q", c.wrote, got, found, c.want)
		}
	}
}

// Whoever repeats a transition that succeeded is told so, and not where it could go on to.
func TestAdvance_ToWhereItStands_SaysSo(t *testing.T) {
	for _, s := range Statuses {
		_, err := Release{ID: "REL-1", Status: s}.Advance(TransitionRequest{To: s, Reason: "why"}, Stamp{})
		var e *Error
		if !errors.As(err, &e) || e.Code != "invalid-transition" || !e.AlreadySo || !strings.Contains(e.Detail, "is "+string(s)+" already") {
			t.Errorf("%s: %v", s, err)
		}
	}
	_, err := Release{ID: "REL-1", Status: Planned}.Advance(TransitionRequest{To: Deployed}, Stamp{})
	if e := (*Error)(nil); !errors.As(err, &e) || e.AlreadySo {
		t.Errorf("another status: %v", err)
	}
}

// Whoever asks for a status that the release has left is late: the step after it is not
// theirs to make.
func TestAdvance_ToWhereItWas_SaysSo(t *testing.T) {
	r := Release{ID: "REL-1", Status: Scheduled, History: []HistoryEntry{{From: Planned, To: Approved}, {From: Approved, To: Scheduled}}}
	for to, passed := range map[Status]bool{Planned: true, Approved: true, Deployed: false, RolledBack: false} {
		_, err := r.Advance(TransitionRequest{To: to, Reason: "why"}, Stamp{})
		var e *Error
		if !errors.As(err, &e) || e.Code != "invalid-transition" || e.AlreadyPassed != passed || e.AlreadySo {
			t.Errorf("%s: %v", to, err)
		}
	}
}

// Of what is rejected nobody waits for a decision.
func TestReadiness_Rejected_IsToldFromPending(t *testing.T) {
	r := Release{ID: "REL-1", Status: Planned, ChangeIDs: []string{"CHG-1", "CHG-2"}, Unapproved: []string{"CHG-1", "CHG-2"}}
	links := []LinkedChange{{ID: "CHG-1", CABDecision: DecisionPending}, {ID: "CHG-2", CABDecision: DecisionRejected}}
	detail := r.CheckReadiness(links, time.Now(), nil, 0).Next[0].Conditions[1].Detail
	if !strings.Contains(detail, "yet to decide on CHG-1:") || !strings.Contains(detail, "rejected CHG-2:") {
		t.Error(detail)
	}
}

package mcptools

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/releases/shared/local/budget"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

// tokens is what a text costs a model, four bytes each; our budgets are counted so.
func tokens(body []byte) int { return (len(body) + 3) / 4 }

// typical is a release as most are: five change requests, six steps, eight entries.
func typical() operations.Brief {
	at := time.Date(2026, 6, 30, 22, 0, 0, 0, time.UTC)
	r := release.Release{ID: "REL-2026-Q2-014", Status: release.Scheduled, Plan: release.Plan{
		Name: "Mail platform 4.2", Version: "4.2.0", Description: "New TLS settings and a new spam filter for both sites. The second site follows an hour after the first one.",
		ScheduledStart: &at, ScheduledEnd: &at, ReleaseManager: "Rita Roth", ReleaseManagerEmail: "rita.roth@example.com", SuccessCriteria: "Below 1 % errors for 30 minutes; queue below 200 messages.", Public: true,
	}}
	v := operations.ReleaseView{ID: r.ID, Status: r.Status, Plan: r.Plan, CreatedAt: at, CreatedBy: "Rita Roth", UpdatedAt: at, Revision: 9, AllowedNextStatuses: release.AllowedNext(r.Status), Holds: []release.Hold{}}
	for i := range 4 {
		v.RolloutSteps = append(v.RolloutSteps, release.Step{Order: i + 1, Description: "Drain the node, install the packages, check the queue", OwnerEmail: "otto@example.com", EstimatedMinutes: 20})
	}
	v.RollbackSteps = v.RolloutSteps[:2]
	var links []release.LinkedChange
	for i := range 5 {
		id := fmt.Sprintf("CHG-10%02d", i)
		v.LinkedChangeRequestIDs = append(v.LinkedChangeRequestIDs, id)
		links = append(links, release.LinkedChange{ID: id, ControlID: "A.8.9", ControlTitle: "Configuration management", ChangeType: release.Normal, CABDecision: release.DecisionApproved, ApprovalStatus: release.ApprovalApproved})
	}
	v.LinkedChangeRequests = links
	for i := range 8 {
		v.DeploymentLog = append(v.DeploymentLog, release.LogEntry{
			ID: fmt.Sprintf("e2.%d", i), Kind: release.LogNote, Timestamp: at, Author: "Otto Auditor", AuthorEmail: "otto@example.com", Subject: "6f1c2d3e", Text: "Backups of both nodes were taken and checked; the filter is warm.", Status: release.Scheduled,
		})
	}
	r.RolloutSteps, r.RollbackSteps, r.ChangeIDs = v.RolloutSteps, v.RollbackSteps, v.LinkedChangeRequestIDs
	return operations.Brief{ReleaseView: v, OlderLogEntries: true, Readiness: r.CheckReadiness(links, at, nil, 0)}
}

// atTheBounds is the largest release, held up by everything.
func atTheBounds() operations.Brief {
	b := largest("a")
	r := release.Release{ID: b.ID, Status: release.Scheduled, Plan: b.Plan, ChangeIDs: b.LinkedChangeRequestIDs, Unapproved: b.LinkedChangeRequestIDs, Holds: b.Holds, Held: []string{b.Holds[0].Subject}}
	b.Readiness = r.CheckReadiness(b.LinkedChangeRequests, time.Now(), nil, 0)
	b.Readiness.Holds = nil
	b.OlderLogEntries, b.LogCursor = true, strings.Repeat("c", 200)
	return b
}

// read is what a model reads of one answer; budget.All has the most it may be, in tokens.
type read struct {
	what string
	body []byte
}

// whatAModelReads are the answers that have a budget.
func whatAModelReads(t testing.TB) []read {
	t.Helper()
	concise := func(b operations.Brief) []byte {
		if n := len(b.DeploymentLog); n > conciseEntries {
			b.DeploymentLog = b.DeploymentLog[n-conciseEntries:]
		}
		return encode(fit(b, conciseCuts, MaxConcise))
	}
	full := func(b operations.Brief) []byte {
		if n := entriesThatFit(b, MaxFull); n < len(b.DeploymentLog) {
			b.DeploymentLog = b.DeploymentLog[len(b.DeploymentLog)-n:]
		}
		if len(encode(b)) <= MaxFull {
			return encode(b)
		}
		return encode(fit(b, fullCuts, MaxFull))
	}
	var core []map[string]json.RawMessage
	if err := json.Unmarshal(toolsJSON, &core); err != nil {
		t.Fatal(err)
	}
	core = core[:5]
	for _, tool := range core {
		delete(tool, "outputSchema")
	}
	return []read{
		{"get_release concise, typical", concise(typical())},
		{"get_release concise, at the bounds", concise(atTheBounds())},
		{"get_release full, typical", full(typical())},
		{"get_release full, at most", full(atTheBounds())},
		{"tools/list core without outputSchema", encode(core)},
	}
}

// The budgets of budget.All, as exact counts.
func TestBudget_WhatAModelReads_IsWithinIt(t *testing.T) {
	for _, c := range whatAModelReads(t) {
		at := slices.IndexFunc(budget.All, func(b budget.Budget) bool { return b.What == c.what && b.Unit == "tokens" })
		if at < 0 {
			t.Errorf("%s has no budget", c.what)
			continue
		}
		n, most := tokens(c.body), int(budget.All[at].Most)
		t.Logf("%s: %d tokens of %d", c.what, n, most)
		if n > most || n < 200 {
			t.Errorf("%s: %d tokens; the budget is %d", c.what, n, most)
		}
	}
}

// BenchmarkTokens reports the same to the table of `make bench`.
func BenchmarkTokens(b *testing.B) {
	for range b.N {
		for _, c := range whatAModelReads(b) {
			budget.Report(b, c.what, "tokens", float64(tokens(c.body)))
		}
		b.ReportMetric(0, "ns/op")
	}
}

// What is cut is said, with how to get it; what is not cut is as it was.
func TestConcise_EachCut_IsSaid(t *testing.T) {
	b := fit(atTheBounds(), conciseCuts, MaxConcise)
	all := strings.Join(b.Shortened, "\n")
	for _, what := range []string{"description: ", "successCriteria: ", "rolloutSteps: ", "rollbackSteps: ", "linkedChangeRequests: ", "holds: ", "deploymentLog: "} {
		if !strings.Contains(all, what) {
			t.Errorf("nothing is said of %s%s", what, all)
		}
	}
	small := operations.Brief{ReleaseView: operations.ReleaseView{ID: "REL-1", Plan: release.Plan{Name: "A", Description: "B"}}}
	if got := fit(small, conciseCuts, MaxConcise); len(got.Shortened) != 0 || got.Description != "B" {
		t.Errorf("%+v", got)
	}
}

package mcptools

import (
	"bytes"
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

// tokens estimates what a text costs a model, at four bytes a token, as our budgets do.
func tokens(body []byte) int { return (len(body) + 3) / 4 }

// typical returns a release of usual size: five change requests, six steps, eight entries.
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

// atTheBounds returns the largest release, with holds and unapproved change requests in its way.
func atTheBounds() operations.Brief {
	b := largest("a")
	r := release.Release{ID: b.ID, Status: release.Scheduled, Plan: b.Plan, ChangeIDs: b.LinkedChangeRequestIDs, Unapproved: b.LinkedChangeRequestIDs, Holds: b.Holds, Held: []string{b.Holds[0].Subject}}
	b.Readiness = r.CheckReadiness(b.LinkedChangeRequests, time.Now(), nil, 0)
	b.Readiness.Holds = nil
	b.OlderLogEntries, b.LogCursor = true, strings.Repeat("c", 200)
	return b
}

// read is what a model reads of one answer. Its bound is in budget.All, in tokens.
type read struct {
	what string
	body []byte
}

// whatAModelReads returns the answers that have a budget.
func whatAModelReads(t testing.TB) []read {
	t.Helper()
	concise := func(b operations.Brief) []byte {
		if n := len(b.DeploymentLog); n > conciseEntries {
			b.DeploymentLog = b.DeploymentLog[n-conciseEntries:]
		}
		return encode(conciseAnswer(b))
	}
	full := func(b operations.Brief) []byte {
		if n := entriesThatFit(b); n < len(b.DeploymentLog) {
			b.DeploymentLog = b.DeploymentLog[len(b.DeploymentLog)-n:]
		}
		return encode(fullAnswer(b))
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

// The answers stay within the budgets of budget.All.
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
			t.Errorf("%s: %d tokens, want 200 to %d", c.what, n, most)
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

// A concise answer says what it leaves out, and how to get that. What it does not cut is unchanged.
func TestConcise_EachCut_IsSaid(t *testing.T) {
	b := conciseAnswer(atTheBounds())
	all := strings.Join(b.Shortened, "\n")
	for _, what := range []string{"description: ", "successCriteria: ", "rolloutSteps: ", "rollbackSteps: ", "linkedChangeRequests: ", "holds: ", "deploymentLog: "} {
		if !strings.Contains(all, what) {
			t.Errorf("the answer does not say that it cuts %s it says %s", what, all)
		}
	}
	small := operations.Brief{ReleaseView: operations.ReleaseView{ID: "REL-1", Plan: release.Plan{Name: "A", Description: "B"}}}
	if got := conciseAnswer(small); len(got.Shortened) != 0 || got.Description != "B" {
		t.Errorf("a small release is cut: %+v", got)
	}
}

// An answer may be exactly as long as its bound: one that just fits is not cut further, one that is a
// byte longer is. The bounds are typed by hand.
func TestConcise_AtItsBound_NotCutFurther(t *testing.T) {
	withSteps := func(steps, entries int) operations.Brief {
		b := operations.Brief{ReleaseView: operations.ReleaseView{ID: "REL-1"}}
		for i := range steps {
			b.RolloutSteps = append(b.RolloutSteps, release.Step{Order: i + 1, Description: strings.Repeat("d", 70)})
		}
		for range entries {
			b.DeploymentLog = append(b.DeploymentLog, release.LogEntry{Kind: release.LogNote, Text: strings.Repeat("t", 900)})
		}
		return b
	}
	// grown makes the first form of the answer exactly so many bytes long, by the name, which is never cut.
	grown := func(b operations.Brief, first func(operations.Brief) operations.Brief, size int) operations.Brief {
		b.Name = strings.Repeat("n", size-len(encode(first(b))))
		if got := len(encode(first(b))); got != size {
			t.Fatalf("%d bytes, want %d", got, size)
		}
		return b
	}
	unchanged := func(b operations.Brief) operations.Brief { return b }
	for _, c := range []struct {
		what   string
		b      operations.Brief
		first  func(operations.Brief) operations.Brief
		answer func(operations.Brief) operations.Brief
		bound  int
	}{
		{"concise", withSteps(90, 0), conciseCuts[0].apply, conciseAnswer, 16_000},
		{"full", withSteps(300, 0), unchanged, fullAnswer, 80_000},
		{"full, with its texts cut", withSteps(300, 45), fullCuts[0].apply, fullAnswer, 80_000},
	} {
		fits := grown(c.b, c.first, c.bound)
		if got, want := encode(c.answer(fits)), encode(c.first(fits)); !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes of %d became %d", c.what, len(want), c.bound, len(got))
		}
		longer := grown(c.b, c.first, c.bound+1)
		if got, want := encode(c.answer(longer)), encode(c.first(longer)); bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes of %d were not cut", c.what, len(want), c.bound)
		}
	}
	// The log is cut by entries, with 300 bytes left for the sentence about it, and a comma after each.
	log := withSteps(0, 20)
	entries := 20 * (len(encode(log.DeploymentLog[0])) + 1)
	for more, want := range []int{20, 19} {
		b := grown(log, func(b operations.Brief) operations.Brief { b.DeploymentLog = nil; return b }, 80_000-300-entries+more)
		if got := entriesThatFit(b); got != want {
			t.Errorf("%d bytes too many: %d entries, want %d", more, got, want)
		}
	}
}

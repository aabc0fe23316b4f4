package release

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the review anew")

func reviewed() (Release, []LinkedChange, []LogEntry) {
	at := func(hour, minute int) *time.Time {
		t := time.Date(2026, 6, 27, hour, minute, 0, 0, time.UTC)
		return &t
	}
	r := Release{
		ID: "REL-2026-Q2-001", Status: RolledBack, CreatedBy: "Ada Admin", ActualStart: at(20, 5), ActualEnd: at(21, 40), RolledBackAt: at(22, 10),
		RolledBackReason: "Mail loops | <script>alert(1)</script>", Unapproved: []string{"CHG-2"},
		Plan: Plan{
			Name: "Mail gateway", Version: "4.2", ScheduledStart: at(20, 0), ScheduledEnd: at(22, 0), ReleaseManager: "Rita *Roth*", SuccessCriteria: "100 of 100 test mails\narrive",
			RolloutSteps:  []Step{{Order: 1, Description: "Switch the MX records", EstimatedMinutes: 20, Completed: true, CompletedAt: at(20, 30), CompletedBy: "Otto"}, {Order: 2, Description: "Watch"}},
			RollbackSteps: []Step{{Order: 1, Description: "Switch back", OwnerEmail: "otto@example.com"}},
		},
	}
	r.Settling = &Settling{Epoch: 5, Unsettled: []string{"CHG-1"}}
	r.ChangeIDs = []string{"CHG-1", "CHG-2"}
	links := []LinkedChange{
		{ID: "CHG-1", ChangeType: Normal, ControlID: "A.8.20", ControlTitle: "Networks security", CABDecision: DecisionApproved},
		{ID: "CHG-2", ChangeType: Standard, CABDecision: DecisionRejected},
	}
	log := []LogEntry{
		{Kind: LogTransition, Timestamp: *at(20, 5), Author: "Ada Admin", Text: "scheduled → in-progress"},
		{Kind: LogDecision, Timestamp: *at(20, 7), Author: "Ada Admin", ChangeRequestID: "CHG-2", Decision: DecisionRejected, Text: DecisionText(DecisionRejected, "No *way*")},
		{Kind: LogNote, Timestamp: *at(20, 31), Author: "Otto", Text: "# All good\n[click](https://evil.example)"},
	}
	return r, links, log
}

func TestReview_Golden(t *testing.T) {
	r, links, log := reviewed()
	got := Review(r, links, log, true)
	const file = "testdata/review.md"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || got != string(want) {
		t.Errorf("%v; the review is not that of %s:\n%s", err, file, got)
	}
}

// Nothing that people wrote is more than text: no heading, link, cell, emphasis or HTML.
func TestReview_TextByPeople_IsEscaped(t *testing.T) {
	r, links, log := reviewed()
	got := Review(r, links, log, false)
	for _, raw := range []string{"<script", "[click](", "| # All", "*Roth*"} {
		if strings.Contains(strings.ReplaceAll(got, `\`+raw[:1], ""), raw) {
			t.Errorf("%q stands in the review as it was written:\n%s", raw, got)
		}
	}
	for _, line := range strings.Split(got, "\n") {
		if strings.HasPrefix(line, "| 2026") && strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") != 5 {
			t.Errorf("a row of the timeline has other cells: %s", line)
		}
	}
}

func TestReview_NothingDone_SaysSo(t *testing.T) {
	got := Review(Release{ID: "REL-1", Status: Planned, Plan: Plan{Name: "A"}}, nil, nil, false)
	for _, want := range []string{"None.", "No steps.", "None were given.", "## Left open\n\nNothing.", "| start | – | – |"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

package mcptools

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
	"example.com/releases/shared/rest"
)

// Every problem of the registry that tools can meet has a next step of its own. The golden file has all
// of them as agents read them.
func TestExplain_EveryCode_HasItsWords(t *testing.T) {
	elsewhere := []string{ // what only other operations, or HTTP, can meet
		"already-exists", "already-there", "change-frozen", "decision-frozen", "invalid-header", "keys-unavailable", "not-deletable", "not-sealed", "nothing-sealed", "nothing-to-erase", "not-hold-owner", "own-change", "quota-exceeded", "request-blocked",
		"task-resolved-by-release", "token-invalid", "token-missing", "unsupported-media-type",
	}
	var b strings.Builder
	codes := map[string]bool{}
	for _, c := range rest.Codes {
		e := c.Example
		codes[e.Code] = true
		_, has := nextSteps[e.Code]
		if has == slices.Contains(elsewhere, e.Code) {
			t.Errorf("%s: it has a next step: %v, and is among the codes that tools cannot meet: %v; want one of them", e.Code, has, has)
		}
		if !has {
			continue
		}
		for _, name := range []string{"create_release", "transition_release_status"} {
			tool, _ := find(name)
			text := tool.explain(context.Background(), nil, "", &e)
			fmt.Fprintf(&b, "%s: %s\n", name, text)
			if strings.Contains(text, "Idempotency-Key") || strings.Contains(text, "If-Match") || strings.Contains(text, "errors[]") || strings.Count(text, "Nothing was changed") > 1 {
				t.Errorf("this is not in the words of tools, or says twice that nothing was changed: %s", text)
			}
		}
	}
	for code := range nextSteps {
		if !codes[code] {
			t.Errorf("nextSteps has %s, which is not in rest.Codes", code)
		}
	}
	const file = "testdata/refusals.txt"
	if *Update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("refusals.txt is not what agents read; look at the difference of: go test ./shared/mcptools -update")
	}
}

// The answer to a failure on our side tells nothing secret about it, and says of a write that it may
// have been made.
func TestExplain_FailureOfOurs_KeepsItsSecrets(t *testing.T) {
	for name, err := range map[string]error{
		"a secret":   errors.New("dial tcp 10.0.0.7: password=hunter2"),
		"too late":   fmt.Errorf("dynamo: %w", context.DeadlineExceeded),
		"called off": context.Canceled,
		"the store":  release.Fail(release.KindUnavailable, "unavailable", "The data store did not answer in time.").Because(errors.New("hunter2")),
	} {
		for _, tool := range tools {
			text := tool.explain(context.Background(), nil, "", err)
			if strings.Contains(text, "hunter2") || strings.Contains(text, "10.0.0.7") {
				t.Errorf("%s: the answer tells a secret: %s", name, text)
			}
			if unknown := strings.Contains(text, "It is not known whether anything was changed."); unknown != tool.writes {
				t.Errorf("%s, %s: want it said that the outcome is not known: %t; %s", name, tool.name, tool.writes, text)
			}
		}
	}
}

// A long list of faults is cut.
func TestExplain_ManyFaults_AreCut(t *testing.T) {
	var f release.ValidationErrors
	for i := range 500 {
		f.Add(fmt.Sprintf("linkedChangeRequestIds[%d]", i), "is wrong")
	}
	var many *release.Error
	errors.As(f.Err(), &many)
	text := failure{Error: many, offers: func(string) bool { return false }}.whatHappened()
	if len(text) > 2000 || !strings.Contains(text, "and 480 more") {
		t.Errorf("the refusal has %d bytes, want 2000 at most, and the number of those left out: %.300s", len(text), text)
	}
}

func TestArguments_TooLarge_AreRefused(t *testing.T) {
	if MaxArguments != rest.MaxBody {
		t.Errorf("arguments may have %d bytes, and bodies of REST %d; want the same", MaxArguments, rest.MaxBody)
	}
}

// The largest answer stays below what a Lambda function may answer, in the envelope that escapes it once
// more. Where it would be too large, the copy of the structured content as text is left out.
func TestTools_LargestAnswer_Fits(t *testing.T) {
	for mark, copied := range map[string]bool{"a": true, `"`: false, "<": false, `\`: false, "ü": true} {
		result := accept(encode(largest(mark)))
		answer, err := json.Marshal(result)
		if err != nil {
			t.Fatal(err)
		}
		envelope := len(quote(string(answer)))
		text := result.Content[0].(*mcp.TextContent).Text
		t.Logf("all %s: %d bytes, in the envelope %d", mark, len(answer), envelope)
		if envelope > 6<<20-4<<10 {
			t.Errorf("all %s: %d bytes; Lambda answers with at most 6 MB", mark, envelope)
		}
		if strings.HasPrefix(text, "{") != copied {
			t.Errorf("all %s: the text is %.100s, want a copy: %t", mark, text, copied)
		}
	}
}

// largest returns a release with every text as long as it may be, filled with one character.
func largest(mark string) operations.Brief {
	full := func(n int) string { return strings.Repeat(mark, n/len(mark)) }
	at := time.Date(2026, 6, 30, 22, 0, 0, 0, time.UTC)
	b := operations.Brief{ReleaseView: operations.ReleaseView{
		ID: "REL-2026-Q2-001", RolledBackReason: full(release.MaxText), RolledBackAt: &at, ActualStart: &at, ActualEnd: &at,
		Plan: release.Plan{
			Name: full(release.MaxName), Version: full(release.MaxVersion), Description: full(release.MaxDescription), SuccessCriteria: full(release.MaxDescription),
			PublicSummary: full(release.MaxSummary), ReleaseManager: full(release.MaxName), ScheduledStart: &at, ScheduledEnd: &at,
		},
	}}
	for i := range release.MaxSteps {
		b.RolloutSteps = append(b.RolloutSteps, release.Step{
			Order: i, Description: full(release.MaxStepText), OwnerEmail: strings.Repeat("e", release.MaxEmail),
			EstimatedMinutes: release.MaxMinutes, Completed: true, CompletedBy: full(release.MaxName), CompletedAt: &at,
		})
	}
	b.RollbackSteps = b.RolloutSteps
	for range release.MaxChanges {
		id := strings.Repeat("C", release.MaxID)
		b.LinkedChangeRequestIDs = append(b.LinkedChangeRequestIDs, id)
		b.LinkedChangeRequests = append(b.LinkedChangeRequests, release.LinkedChange{ID: id, ControlID: full(release.MaxID), ControlTitle: full(release.MaxName), ScheduledStart: &at})
	}
	for range release.MaxHolds {
		b.Holds = append(b.Holds, release.Hold{By: full(release.MaxName), Subject: strings.Repeat("s", release.MaxSubject), Since: at, Text: full(release.MaxText)})
	}
	for range MaxLogLimit {
		b.DeploymentLog = append(b.DeploymentLog, release.LogEntry{
			ID: "123456789012#0001", Timestamp: at, Author: full(release.MaxName), AuthorEmail: strings.Repeat("e", release.MaxEmail),
			Text: full(release.MaxText), Status: release.InProgress,
		})
	}
	return b
}

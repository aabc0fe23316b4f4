package seal_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/record"
	"example.com/releases/shared/release"
	"example.com/releases/shared/seal"
	"example.com/releases/shared/testkit"
)

// run runs a sealer, and returns its report and its log line.
func run(t *testing.T, r *seal.Runner) (seal.Report, map[string]any, error) {
	t.Helper()
	var out bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&out, nil)))
	defer slog.SetDefault(before)
	report, err := r.Run(t.Context(), json.RawMessage(`{}`))
	for line := range strings.Lines(out.String()) {
		var fields map[string]any
		if json.Unmarshal([]byte(line), &fields) == nil && fields["msg"] == "seal-record: done" {
			return report, fields, err
		}
	}
	t.Fatal("the run logs no line \"seal-record: done\", which the metric filter counts")
	return report, nil, err
}

// change creates a change request, so that there is an entry to seal.
func change(t *testing.T, h *testkit.Harness, id string) {
	t.Helper()
	c := release.Change{ID: id, ChangeType: release.Normal, CABDecision: release.DecisionPending, ApprovalStatus: release.ApprovalPending, Status: release.ChangeOpen, Revision: 1}
	_, err := h.Store.CreateChange(t.Context(), c, dynamo.Write{Stamp: release.Stamp{At: time.Now(), Request: id}})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRun_NothingLeft_SaysZero(t *testing.T) {
	h := testkit.New(t)
	change(t, h, "CHG-1")
	report, line, err := run(t, seal.New(h.Store, "1", ""))
	if err != nil || report.Sealed != 1 || report.Oldest == nil || *report.Oldest != 0 || line["oldest"] != 0.0 {
		t.Errorf("the run reports %+v and logs %v, want 1 sealed, the oldest 0 seconds: %v", report, line, err)
	}
}

// If the tree was tampered with, sealing stops, and the log line says for the alarm how long the oldest
// entry has waited.
func TestRun_TileChanged_FailsAndTellsTheOldest(t *testing.T) {
	h := testkit.New(t)
	change(t, h, "CHG-1")
	if _, _, err := run(t, seal.New(h.Store, "", "")); err != nil {
		t.Fatal(err)
	}
	_, err := h.Client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &h.Tables.Record, Item: map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "T#0/0"}, "sk": &types.AttributeValueMemberS{Value: "M"}, "hashes": &types.AttributeValueMemberB{Value: make([]byte, 32)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	change(t, h, "CHG-2")
	later := func() time.Time { return time.Now().Add(11 * time.Minute) }
	report, line, err := run(t, seal.New(h.Store, "", "").WithClock(later))
	if err == nil || !strings.Contains(err.Error(), "root") {
		t.Errorf("the run returns %v, want an error about the root", err)
	}
	if report.Oldest == nil || *report.Oldest < 650 || line["oldest"].(float64) < 650 {
		t.Errorf("the run reports %+v and logs %v, want the oldest at 650 seconds or more, for the alarm at 600", report, line)
	}
}

func TestNew_SettingsOfARestore(t *testing.T) {
	c := record.Checkpoint{Origin: record.Origin{Installation: "A", Generation: 1}, Size: 3, Root: record.EmptyRoot()}
	h := testkit.New(t)
	// The checkpoint comes as a parameter on one line, with spaces in place of the line ends.
	if _, _, err := run(t, seal.New(h.Store, "2", strings.Join(strings.Fields(c.String()), " "))); err != nil {
		t.Fatal(err)
	}
	if now, err := h.Store.Checkpoint(t.Context()); err != nil || now.Origin.Generation != 2 || now.Origin.Installation != "A" || now.Size != 1 {
		t.Errorf("the checkpoint is %s, want generation 2 of A, with one leaf: %v", now, err)
	}
	for _, wrong := range [][2]string{{"0", ""}, {"two", ""}, {"2", "releases-record/A/1 3"}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("New accepts the settings %v, want a panic", wrong)
				}
			}()
			seal.New(h.Store, wrong[0], wrong[1])
		}()
	}
}

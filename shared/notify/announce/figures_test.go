package announce_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/figures"
	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
)

// Each status that a release enters is counted once, and each settlement measured from the transition to the record
// that says it is complete.
func TestReleaseFigures_StatusesAndSettlementTime(t *testing.T) {
	w := newFixture(t)
	r := w.transition(w.linked(w.moved(), "CHG-1"), release.Approved, release.Scheduled, release.InProgress, release.Deployed)
	if err := w.store.ChangeIsThrough(t.Context(), r.ID, 4, "CHG-1", dynamo.Followed{}, time.Now()); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&out, nil)))
	figures.Use("stack")
	t.Cleanup(func() {
		slog.SetDefault(before)
		figures.Use("")
	})
	complete := withOp(record(2, r.ID), "settled", "", "")
	complete.Change.NewImage["settledEpoch"] = events.NewNumberAttribute("4")
	complete.Change.ApproximateCreationDateTime = events.SecondsEpochTime{Time: r.History[3].At.Add(90 * time.Second)}
	same(t, "failed", w.deliver(record(1, r.ID), record(1, r.ID), complete), nil)
	w.wantJob(mail.SettlementJob(r.ID, 4), "plan")
	var got []string
	for line := range strings.Lines(out.String()) {
		if _, figure, ok := strings.Cut(line, `"release":"`+r.ID+`",`); ok && strings.Contains(line, `"_aws"`) {
			figure, _, _ = strings.Cut(figure, `,"_aws"`)
			got = append(got, figure)
		}
	}
	same(t, "figures", got, []string{
		`"Status":"approved","ReleasesEntered":1`, `"Status":"scheduled","ReleasesEntered":1`,
		`"Status":"in-progress","ReleasesEntered":1`, `"Status":"deployed","ReleasesEntered":1`,
		`"Outcome":"deployed","SettlementSeconds":90`,
	})
	if strings.Contains(out.String(), "rita@") || strings.Contains(out.String(), "Rita") {
		t.Errorf("the lines name a person: %s", out.String())
	}
}

package figures_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"example.com/releases/shared/figures"
)

// logged is a line with a figure, as CloudWatch gets it.
func logged(t *testing.T, figure slog.Attr) map[string]any {
	t.Helper()
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("announce: a status was entered", "release", "REL-1", figure)
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	return line
}

// What the specification of the embedded metric format asks for: Timestamp in milliseconds, and for each metric and
// dimension that the directive names a member at the top of the line.
func TestFigure_Named_IsEmbeddedMetric(t *testing.T) {
	figures.Use("releases")
	t.Cleanup(func() { figures.Use("") })
	line := logged(t, figures.Seconds("SettlementSeconds", 1500*time.Millisecond, "Outcome", "deployed"))
	if line["SettlementSeconds"] != 1.5 || line["Outcome"] != "deployed" || line["release"] != "REL-1" {
		t.Errorf("the line is %v", line)
	}
	text, err := json.Marshal(line["_aws"])
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Timestamp         int64
		CloudWatchMetrics []struct {
			Namespace  string
			Dimensions [][]string
			Metrics    []struct{ Name, Unit string }
		}
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if age := time.Since(time.UnixMilli(got.Timestamp)); age < -time.Minute || age > time.Minute {
		t.Errorf("Timestamp is %d", got.Timestamp)
	}
	if len(got.CloudWatchMetrics) != 1 {
		t.Fatalf("the directive is %s", text)
	}
	m := got.CloudWatchMetrics[0]
	if m.Namespace != "releases" || len(m.Dimensions) != 1 || len(m.Dimensions[0]) != 1 || m.Dimensions[0][0] != "Outcome" ||
		len(m.Metrics) != 1 || m.Metrics[0].Name != "SettlementSeconds" || m.Metrics[0].Unit != "Seconds" {
		t.Errorf("the directive is %s", text)
	}
}

func TestFigure_WithoutNamespace_PlainLine(t *testing.T) {
	line := logged(t, figures.Count("Mails", "Outcome", "sent"))
	if _, has := line["_aws"]; has || line["Mails"] != 1.0 || line["Outcome"] != "sent" {
		t.Errorf("the line is %v", line)
	}
}

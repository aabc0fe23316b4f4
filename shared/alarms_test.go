package arrows_test

import (
	"fmt"
	"go/ast"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
	"example.com/releases/shared/rest"
)

// What fails without a caller who hears of it rings: each stream function that falls
// behind, each function behind the API that keeps failing, each queue in which something
// was given up. Every alarm reaches the topic, is explained, and is in the handbook.
func TestAlarms_EachMetric_TellsSomebody(t *testing.T) {
	tmpl := load(t)
	handbook, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	alarms := map[string]bool{} // metric and what it is of
	for _, r := range tmpl.Resources {
		if r.Type != "AWS::CloudWatch::Alarm" {
			continue
		}
		for _, d := range list(r.Properties["Dimensions"]) {
			alarms[fmt.Sprint(r.Properties["MetricName"], " ", d.(map[string]any)["Value"])] = true
		}
		alarms[fmt.Sprint(r.Properties["MetricName"])] = true
		if fmt.Sprint(r.Properties["AlarmActions"]) != "[AlarmTopic]" || r.Properties["TreatMissingData"] == nil || r.Properties["AlarmDescription"] == nil {
			t.Errorf("%s tells nobody, or not why, or does not say what silence means", r.LogicalID)
		}
		name := r.LogicalID
		if strings.HasSuffix(name, "Errors") && name != "ApiErrors" && name != "AuthorizerErrors" {
			name = "…Errors"
		}
		if !strings.Contains(string(handbook), "`"+name+"`") {
			t.Errorf("docs/operations.md does not say what to do about %s", r.LogicalID)
		}
	}
	for _, f := range tmpl.Functions {
		if len(f.Streams) > 0 && !alarms["IteratorAge "+f.LogicalID] {
			t.Errorf("nobody is told when %s falls behind its stream", f.Name)
		}
		if len(f.Routes) == 0 && !alarms["Errors "+f.LogicalID] {
			t.Errorf("nobody is told when %s keeps failing", f.Name)
		}
		if len(f.Schedules) > 0 && !alarms["Invocations "+f.LogicalID] {
			t.Errorf("nobody is told when %s is not run any more", f.Name)
		}
	}
	for _, r := range tmpl.Resources {
		if r.Type == "AWS::SQS::Queue" && !alarms["ApproximateNumberOfMessagesVisible "+r.LogicalID+".QueueName"] {
			t.Errorf("nobody is told of what lies in %s", r.LogicalID)
		}
	}
	for _, metric := range []string{
		"Throttles", "5XXError", "OldestUnsettledSeconds", "OldestUnsealedSeconds", "UnknownMails", "MailCircuitOpen", "StuckMails", "SlowMails", "MailQuotaUsedUp",
		"Reputation.BounceRate", "Reputation.ComplaintRate",
	} {
		if !alarms[metric] {
			t.Errorf("there is no alarm on %s", metric)
		}
	}
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

// A table's own metrics hold nothing of its indexes, and an index that throttles holds up
// the table's writes: each table and each index is in an alarm, and no alarm has more
// metrics than CloudWatch takes.
func TestThrottleAlarms_EveryTableAndIndex(t *testing.T) {
	tmpl := load(t)
	var wanted, watched []string
	for _, tab := range tmpl.Tables {
		for _, kind := range []string{"ReadThrottleEvents", "WriteThrottleEvents"} {
			wanted = append(wanted, fmt.Sprint(kind, " ", tab.LogicalID))
			for _, index := range tab.Indexes {
				wanted = append(wanted, fmt.Sprint(kind, " ", tab.LogicalID, " ", index.Name))
			}
		}
	}
	for _, r := range tmpl.Resources {
		metrics := list(r.Properties["Metrics"])
		if r.Type != "AWS::CloudWatch::Alarm" || len(metrics) == 0 {
			continue
		}
		of := 0
		for _, m := range metrics {
			stat, ok := m.(map[string]any)["MetricStat"].(map[string]any)
			if !ok {
				continue
			}
			of++
			metric := stat["Metric"].(map[string]any)
			if metric["Namespace"] != "AWS/DynamoDB" {
				continue
			}
			name := fmt.Sprint(metric["MetricName"])
			for _, d := range list(metric["Dimensions"]) {
				name += fmt.Sprint(" ", d.(map[string]any)["Value"])
			}
			watched = append(watched, name)
		}
		if of > 10 {
			t.Errorf("%s has %d metrics; CloudWatch takes 10", r.LogicalID, of)
		}
	}
	differ(t, "the tables and their indexes", wanted, "the throttle alarms", watched)
}

// What the figures' lines say and what the alarms and the dashboard ask for are one list: a metric that nothing writes
// is a graph that is always empty, and an alarm that never rings.
func TestFigures_OnTheDashboardAndWritten(t *testing.T) {
	tmpl := load(t)
	var board string
	for _, r := range tmpl.Resources {
		if r.Type == "AWS::CloudWatch::Dashboard" {
			board = fmt.Sprint(r.Properties["DashboardBody"])
		}
	}
	var written []string
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if x, isName := selOf(sel, ok); isName && x == "figures" && (sel.Sel.Name == "Count" || sel.Sel.Name == "Seconds") {
				var words []string
				for _, arg := range call.Args {
					if lit, ok := arg.(*ast.BasicLit); ok {
						words = append(words, strings.Trim(lit.Value, `"`))
					}
				}
				if metric := strings.Join(words, " "); !slices.Contains(written, metric) {
					written = append(written, metric)
				}
			}
			return true
		})
	}
	var shown []string
	for _, m := range regexp.MustCompile(`"releases", "([A-Za-z]+)", "([A-Za-z]+)", "`).FindAllStringSubmatch(board, -1) {
		shown = append(shown, m[1]+" "+m[2])
	}
	differ(t, "the dashboard", shown, "the figures that are written", written)

	// Each status that can be entered has its line.
	var entered, lines []string
	for _, row := range release.Lifecycle {
		entered = append(entered, string(row.To))
	}
	_, graph, _ := strings.Cut(board, `"ReleasesEntered", "Status", `)
	graph, _, _ = strings.Cut(graph, "]]")
	for _, m := range regexp.MustCompile(`"([a-z-]+)"`).FindAllStringSubmatch(graph, -1) {
		lines = append(lines, m[1])
	}
	differ(t, "the dashboard's releases by the status they entered", lines, "the statuses that can be entered", entered)
}

// selOf is the name before the dot of a selector.
func selOf(sel *ast.SelectorExpr, ok bool) (string, bool) {
	if !ok {
		return "", false
	}
	id, ok := sel.X.(*ast.Ident)
	if !ok {
		return "", false
	}
	return id.Name, true
}

// Care for the outbox is what tells of mails that are lost, and sealing of entries that
// nothing proves: where nobody has counted, that is as bad as a number, and a line without a
// number makes none.
func TestCountingAlarms_NobodyCounted_Ring(t *testing.T) {
	tmpl := load(t)
	counted := map[string]bool{}
	for _, r := range tmpl.Resources {
		if r.Type != "AWS::Logs::MetricFilter" {
			continue
		}
		to := list(r.Properties["MetricTransformations"])[0].(map[string]any)
		value := fmt.Sprint(to["MetricValue"])
		counted[fmt.Sprint(to["MetricName"])] = strings.Contains(fmt.Sprint(r.Properties["FilterPattern"]), "&& "+value+" >= 0")
	}
	rings := map[string]string{"MailsUnknown": "UnknownMails", "MailsOverdue": "StuckMails", "MailStopped": "MailCircuitOpen", "JobsOverdue": "OverdueJobs", "RecordUnsealed": "OldestUnsealedSeconds"}
	for _, r := range tmpl.Resources {
		if metric, ok := rings[r.LogicalID]; ok && r.Type == "AWS::CloudWatch::Alarm" {
			if r.Properties["TreatMissingData"] != "breaching" || !counted[metric] {
				t.Errorf("%s stays quiet where nobody has counted, or %s is made of lines without the number", r.LogicalID, metric)
			}
			delete(rings, r.LogicalID)
		}
	}
	if len(rings) > 0 {
		t.Errorf("there is no alarm %v", rings)
	}
}

// What it costs is told for each function, so that a new one is thought of.
func TestCostEstimate_EveryFunction(t *testing.T) {
	handbook, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, costs, ok := strings.Cut(string(handbook), "\n**Each function**")
	if costs, _, _ = strings.Cut(costs, "\n## "); !ok {
		t.Fatal("docs/operations.md has no costs of each function")
	}
	together := strings.Contains(costs, "| every other endpoint")
	for _, f := range load(t).Functions {
		if _, endpoint := rest.Find(rest.Routes(), operations.Name(f.Name)); endpoint && together {
			continue
		}
		if !regexp.MustCompile(`\b` + f.LogicalID + `\b`).MatchString(costs) {
			t.Errorf("docs/operations.md does not say what %s costs", f.LogicalID)
		}
	}
}

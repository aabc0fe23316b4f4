package arrows_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// What fails without a caller who hears of it rings: each stream function that falls
// behind, each function behind the API that keeps failing, each queue in which something
// was given up. Every alarm reaches the topic, is explained, and is in the handbook.
func TestSomebodyIsToldOfEverything(t *testing.T) {
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
		"Throttles", "5XXError", "OldestUnsettledSeconds", "UnknownMails", "MailCircuitOpen",
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

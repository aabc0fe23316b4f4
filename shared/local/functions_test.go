package local

import (
	"context"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/releases/shared/local/bus"
	"example.com/releases/shared/local/invoke"
	"example.com/releases/shared/local/template"
)

func loadTemplate(t *testing.T) *template.Template {
	t.Helper()
	tmpl, err := template.Load("../../template.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	return tmpl
}

// The host runs the functions that are deployed: one that only functions.go or only the
// template knows would work in one of the two places.
func TestFunctions_Laptop_AreTheTemplates(t *testing.T) {
	here, there := functions(), loadTemplate(t).Functions
	if len(here) < 15 || len(there) < 15 {
		t.Fatalf("%d functions in functions.go and %d in the template, want at least 15 each", len(here), len(there))
	}
	names := map[string]bool{}
	for _, f := range there {
		names[f.Name] = true
		if here[f.Name] == nil {
			t.Errorf("%s is in the template and not in functions.go", f.Name)
		}
	}
	for name := range here {
		if !names[name] {
			t.Errorf("%s is in functions.go and not in the template", name)
		}
	}
}

func TestFunctions_Environment_IsTheirOwn(t *testing.T) {
	t.Setenv("RELEASES_TABLE", "somebody's")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "a real one")
	tmpl := loadTemplate(t)
	i := slices.IndexFunc(tmpl.Functions, func(f template.Function) bool { return f.Name == "authorize" })
	env := environment(tmpl.Functions[i], nil, map[string]string{"TOKEN_ISSUER": "http://x", "RELEASES_TABLE": "t"})
	if env["TOKEN_ISSUER"] != "http://x" {
		t.Errorf("TOKEN_ISSUER is not the host's: %v", env)
	}
	if _, set := env["RELEASES_TABLE"]; set {
		t.Error("a variable that the template does not declare is set")
	}
	f, _ := tmpl.Function("get-release")
	if env := environment(f, map[string]string{"ReleasesTable": "Mine"}, nil); env["RELEASES_TABLE"] != "Mine" {
		t.Errorf("RELEASES_TABLE is not Mine: %v", env)
	}
	ours := map[string]string{"TOKEN_ISSUER": "http://x", "TOKEN_AUDIENCE": "a", "JWKS_URL": "http://x/k", "DYNAMODB_ENDPOINT": "http://127.0.0.1:1", "EVENTS_ENDPOINT": "http://127.0.0.1:1", "MAIL_SENDER": "releases@example.com"}
	tables := map[string]string{"ReleasesTable": "R", "ChangesTable": "C", "TasksTable": "T", "MailTable": "M"}
	all := func(string) map[string]string { return ours }
	built, err := build("../..", tmpl, tables, all)
	if err != nil || len(built) != len(tmpl.Functions) {
		t.Fatalf("%d of %d functions built, %v", len(built), len(tmpl.Functions), err)
	}
	if os.Getenv("RELEASES_TABLE") != "somebody's" || os.Getenv("AWS_SECRET_ACCESS_KEY") != "a real one" || os.Getenv("TOKEN_ISSUER") != "" {
		t.Error("the process's own environment is not what it was before")
	}
	tmpl.Functions = append(tmpl.Functions, template.Function{Name: "make-coffee"})
	if _, err := build("../..", tmpl, nil, all); err == nil || !strings.Contains(err.Error(), "make-coffee") {
		t.Errorf("an unknown function: got %v, want an error that names make-coffee", err)
	}
}

// A function that is deployed without a variable it needs fails at its start, so it does here
// as well; the others do not. The template declares what each function needs.
func TestFunction_VariableNotDeclared_FailsAtStart(t *testing.T) {
	tmpl := loadTemplate(t)
	tables := map[string]string{"ReleasesTable": "R", "ChangesTable": "C", "TasksTable": "T", "MailTable": "M"}
	ours := map[string]string{
		"TOKEN_ISSUER": "http://x", "TOKEN_AUDIENCE": "a", "JWKS_URL": "http://x/k",
		"DYNAMODB_ENDPOINT": "http://127.0.0.1:1", "EVENTS_ENDPOINT": "http://127.0.0.1:1", "MAIL_SENDER": "releases@example.com",
	}
	demands := 0
	for i, f := range tmpl.Functions {
		names, err := needed("../..", f.Name)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			demands++
			if _, declared := f.Environment[name]; !declared {
				t.Errorf("%s needs %s, which the template does not declare", f.Name, name)
			}
		}
		if f.Name == "send-mail" || f.Name == "get-release" {
			env := maps.Clone(f.Environment)
			delete(env, "RELEASES_TABLE")
			tmpl.Functions[i].Environment = env
		}
	}
	if demands < 30 {
		t.Errorf("only %d needed variables were found, want at least 30", demands)
	}
	built, err := build("../..", tmpl, tables, func(string) map[string]string { return ours })
	if err != nil {
		t.Fatal(err)
	}
	for name, wants := range map[string]bool{"get-release": true, "send-mail": true, "api-docs": false} {
		_, err := built[name](t.Context(), []byte(`{"httpMethod":"GET","path":"/openapi.json"}`))
		if failed := err != nil && strings.Contains(err.Error(), "RELEASES_TABLE not set"); failed != wants {
			t.Errorf("%s: got %v, want it to fail for want of RELEASES_TABLE: %v", name, err, wants)
		}
	}
}

func TestMapping_EachStream_SaysWhatTheTemplateSays(t *testing.T) {
	count := 0
	for _, f := range loadTemplate(t).Functions {
		for _, s := range f.Streams {
			count++
			m, err := mapping(f, s)
			if err != nil {
				t.Errorf("%s: %v", f.Name, err)
			}
			if m.BatchSize != s.BatchSize || len(m.Filters) != len(s.Filters) || m.ReportFailures != s.PartialFailures || m.Bisect != s.Bisect || *m.Retries != s.MaximumRetryAttempts || m.Timeout != f.Timeout {
				t.Errorf("%s: the mapping is %+v, the template has %+v", f.Name, m, s)
			}
		}
	}
	if count == 0 {
		t.Error("the template has no streams")
	}
	if _, err := mapping(template.Function{}, template.Stream{StartingPosition: "LATEST"}); err == nil {
		t.Error("LATEST was accepted")
	}
	number, err := template.ParsePattern(`{"dynamodb":{"NewImage":{"n":{"N":["1"]}}}}`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mapping(template.Function{}, template.Stream{StartingPosition: "TRIM_HORIZON", Filters: []template.Pattern{number}}); err == nil {
		t.Error("a filter that package streams does not understand was accepted")
	}
}

func TestRules_Event_GoesWhereItMatches(t *testing.T) {
	pattern, err := template.ParsePattern(`{"source":["aws.ses"],"detail-type":["Email Sent"]}`)
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 10)
	attempts := 0
	tmpl := &template.Template{Functions: []template.Function{
		{Name: "good", Rules: []template.Rule{{Bus: "default", Pattern: pattern}}},
		{Name: "bad", Rules: []template.Rule{{Bus: "default", Pattern: pattern}}, AsyncRetries: 1},
	}}
	var failed []Failure
	r := newRules(t.Context(), tmpl, map[string]invoke.Function{
		"good": func(_ context.Context, payload []byte) ([]byte, error) { got <- string(payload); return nil, nil },
		"bad": func(context.Context, []byte) ([]byte, error) {
			attempts++
			return nil, context.DeadlineExceeded
		},
	}, func(f Failure) { failed = append(failed, f) })
	event := func(bus_, kind string) bus.Event {
		e := bus.Event{Bus: bus_}
		e.Source, e.DetailType, e.Detail = "aws.ses", kind, []byte(`{"x":1}`)
		return e
	}
	r.route(event("Bus", "Email Sent"))
	r.route(event("default", "Email Bounced"))
	r.route(event("default", "Email Sent"))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := r.waitIdle(ctx); err != nil {
		t.Fatal(err)
	}
	r.wait()
	if len(got) != 1 || !strings.Contains(<-got, `"detail-type":"Email Sent"`) {
		t.Error("the function good did not get the matching event exactly once")
	}
	if attempts != 2 || len(failed) != 1 || failed[0].Function != "bad" || failed[0].Attempts != 2 || r.finished() != 2 {
		t.Errorf("%d attempts of bad, failures %+v, %d invocations finished; want 2, one of bad after 2 attempts, 2", attempts, failed, r.finished())
	}
}

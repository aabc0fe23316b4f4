package local

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/host"
	"example.com/releases/shared/local/invoke"
	"example.com/releases/shared/local/template"
	"example.com/releases/shared/mcptools"
	"example.com/releases/shared/notify/announce"
	"example.com/releases/shared/notify/feedback"
	"example.com/releases/shared/notify/plan"
	"example.com/releases/shared/notify/send"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/rest/apidocs"
	"example.com/releases/shared/settle"
	"example.com/releases/shared/trustcenter"
)

// functions makes each function's handler by the name of its folder, as its main
// does. A test holds the names equal to the template's, both ways.
func functions() map[string]func() any {
	all := map[string]func() any{
		"authorize": func() any { return host.Authorizer(host.FromEnvironment().Verifier()) },

		"settle-changes": func() any { return settle.New(store()).Changes },
		"settle-tasks":   func() any { return settle.New(store()).Tasks },
		"announce":       func() any { return announcer().Stream },
		"sweep": func() any {
			return (&settle.Sweep{Settler: settle.New(store()), Announce: announcer().Announce}).Run
		},

		"api-docs":         func() any { return host.APIHandler(apidocs.Handler(host.FromEnvironment().PublicURL)) },
		"answer-preflight": func() any { return host.APIHandler(rest.Preflight(host.FromEnvironment().AllowedOrigins)) },

		"heads-up": func() any { return plan.New(store()).Run },
		"plan-notices": func() any {
			c := host.FromEnvironment()
			return plan.New(store()).WithPublicURL(c.PublicURL, c.TrustCenter).Stream
		},
		"send-mail": func() any {
			c := host.FromEnvironment()
			return send.Open(c.AWS(c.SESEndpoint), store(), send.Options{
				Sender: c.Sender, ConfigurationSet: c.ConfigurationSet, Zone: c.Zone, Rate: c.MailRate,
			}).Stream
		},
		"record-mail-feedback": func() any { return feedback.New(store()).Record },

		"mcp": func() any {
			c := host.FromEnvironment()
			return host.APIHandler(mcptools.Handler(operations.New(store()), mcptools.Config{
				PublicURL: c.PublicURL, AllowedOrigins: c.AllowedOrigins, Issuer: c.Issuer, Scopes: c.Scopes,
			}))
		},
		"trust-center": func() any {
			c := host.FromEnvironment()
			return host.APIHandler(trustcenter.Handler(store().Published, trustcenter.Options{
				On: c.TrustCenter, Zone: c.Zone, PublicURL: c.PublicURL,
			}))
		},
	}
	for _, route := range rest.Routes() {
		all[string(route.Operation)] = func() any {
			c := host.FromEnvironment()
			return host.APIHandler(rest.Handler(operations.New(store()), route).WithPublicURL(c.PublicURL, c.AllowedOrigins))
		}
	}
	return all
}

func store() *dynamo.Store {
	c := host.FromEnvironment()
	return dynamo.Open(c.AWS(c.DynamoDBEndpoint), dynamo.Tables(c.Tables))
}

func announcer() *announce.Announcer {
	c := host.FromEnvironment()
	return announce.Open(c.AWS(c.EventsEndpoint), store(), c.EventBus)
}

// environment is what a function of the template sees on this laptop: the template's
// variables with tables by their names here and with our values where AWS has others.
// Like sam local, it sets no variable that the template does not declare.
func environment(f template.Function, tables, ours map[string]string) map[string]string {
	env := make(map[string]string, len(f.Environment))
	for name, value := range f.Environment {
		if table, ok := tables[value]; ok {
			value = table
		}
		if own, ok := ours[name]; ok {
			value = own
		}
		env[name] = value
	}
	return env
}

// lambdaSets are the variables that Lambda itself sets. The credentials are made up:
// whatever real ones the shell has stay out of the functions.
var lambdaSets = map[string]string{
	"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local",
}

var oneEnvironment sync.Mutex

// build makes the functions of the template, each while the process has exactly that
// function's environment, so that one which lacks a variable fails here as it would
// on AWS.
func build(root string, t *template.Template, tables map[string]string, ours func(function string) map[string]string) (map[string]invoke.Function, error) {
	oneEnvironment.Lock()
	defer oneEnvironment.Unlock()
	saved := os.Environ()
	defer setEnvironment(saved)
	makers := functions()
	built := make(map[string]invoke.Function, len(t.Functions))
	var absent []string
	for _, f := range t.Functions {
		maker, ok := makers[f.Name]
		if !ok {
			absent = append(absent, f.Name)
			continue
		}
		var env []string
		own := environment(f, tables, ours(f.Name))
		names, err := needed(root, f.Name)
		if err != nil {
			return nil, err
		}
		if names = missing(names, own); len(names) > 0 {
			built[f.Name] = failsAtStart(f.Name, names)
			continue
		}
		for _, set := range []map[string]string{lambdaSets, own} {
			for name, value := range set {
				env = append(env, name+"="+value)
			}
		}
		setEnvironment(env)
		// A shard's invocations have a sandbox of their own, so that what a function keeps in
		// memory, such as its share of a rate, is kept as often as on AWS. The API's functions
		// share one: see docs/laptop.md.
		sandboxes := make([]invoke.Function, max(1, lanes(f)))
		for n := range sandboxes {
			sandboxes[n] = invoke.InProcess(f.Name, f.Timeout, maker())
		}
		built[f.Name] = sandboxes[0]
		if len(sandboxes) > 1 {
			built[f.Name] = invoke.OneAtATime(sandboxes...)
		}
	}
	if absent != nil {
		slices.Sort(absent)
		return nil, fmt.Errorf("the template has functions that the laptop host does not know: %s; add them in shared/local/functions.go", strings.Join(absent, ", "))
	}
	return built, nil
}

func setEnvironment(env []string) {
	os.Clearenv()
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		_ = os.Setenv(name, value) // fails for names that Environ does not return
	}
}

package local

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"example.com/releases/shared/host"
	"example.com/releases/shared/local/invoke"
	"example.com/releases/shared/local/template"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/wire/agents"
	"example.com/releases/shared/wire/announcements"
	"example.com/releases/shared/wire/api"
	"example.com/releases/shared/wire/docs"
	"example.com/releases/shared/wire/notices"
	"example.com/releases/shared/wire/page"
	"example.com/releases/shared/wire/sealing"
	"example.com/releases/shared/wire/sending"
	"example.com/releases/shared/wire/settlement"
)

// functions returns the constructor of each function by the name of its folder. Those of the
// endpoints come from the routes. A test compares the others with what the mains call, and all
// of them with the template, in both directions.
func functions() map[string]func(host.Config) host.Function {
	all := map[string]func(host.Config) host.Function{
		"authorize":            host.Authorize,
		"answer-preflight":     api.Preflight,
		"api-docs":             docs.Docs,
		"mcp":                  agents.MCP,
		"settle-changes":       settlement.Changes,
		"settle-tasks":         settlement.Tasks,
		"announce":             announcements.Announce,
		"sweep":                announcements.Sweep,
		"plan-notices":         notices.Plan,
		"heads-up":             notices.HeadsUp,
		"tend-outbox":          notices.TendOutbox,
		"record-mail-feedback": notices.Feedback,
		"send-mail":            sending.Send,
		"seal-record":          sealing.Seal,
		"trust-center":         page.TrustCenter,
	}
	for _, route := range rest.Routes() {
		all[string(route.Operation)] = func(c host.Config) host.Function { return api.Endpoint(c, route) }
	}
	return all
}

// environment returns a function's environment on this laptop: the template's variables, with
// the names of the local tables and with our values where those of AWS do not apply. Like sam
// local, it sets no variable that the template does not declare.
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

// lambdaSets are the variables that Lambda itself sets. The credentials are dummies, so that
// functions never see the shell's real ones.
var lambdaSets = map[string]string{
	"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local",
}

var oneEnvironment sync.Mutex

// build constructs the functions of the template. While it constructs one, the process has
// exactly that function's environment, so that a missing variable fails here as it would on
// AWS.
func build(root string, t *template.Template, tables map[string]string, ours func(function string) map[string]string) (map[string]invoke.Function, error) {
	oneEnvironment.Lock()
	defer oneEnvironment.Unlock()
	saved := os.Environ()
	defer setEnvironment(saved)
	all := functions()
	built := make(map[string]invoke.Function, len(t.Functions))
	var absent []string
	for _, f := range t.Functions {
		function, ok := all[f.Name]
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
		// Each shard has a sandbox of its own, so that what a function keeps in memory, such
		// as its share of a rate, exists as many times as on AWS. The functions of the API
		// have one sandbox each: see docs/laptop.md.
		sandboxes := make([]invoke.Function, max(1, lanes(f)))
		for n := range sandboxes {
			sandboxes[n] = invoke.InProcess(f.Name, f.Timeout, function(host.FromEnvironment()).Handler())
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

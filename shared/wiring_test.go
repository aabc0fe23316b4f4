package arrows_test

import (
	"cmp"
	"fmt"
	"go/ast"
	"maps"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/releases/shared/local/template"
	"example.com/releases/shared/rest"
)

func load(t *testing.T) *template.Template {
	t.Helper()
	tmpl, err := template.Load("../template.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(tmpl.Functions) < 15 || len(tmpl.Tables) != 5 {
		t.Fatalf("the template has %d functions and %d tables", len(tmpl.Functions), len(tmpl.Tables))
	}
	return tmpl
}

// differ complains about what is in one set and not in the other, both ways, and about
// an empty set, with which everything agrees.
func differ(t *testing.T, a string, inA []string, b string, inB []string) {
	t.Helper()
	if len(inA) == 0 || len(inB) == 0 {
		t.Errorf("%s: %d, %s: %d; an empty set agrees with anything", a, len(inA), b, len(inB))
	}
	for _, x := range inA {
		if !slices.Contains(inB, x) {
			t.Errorf("%s: in %s, not in %s", x, a, b)
		}
	}
	for _, x := range inB {
		if !slices.Contains(inA, x) {
			t.Errorf("%s: in %s, not in %s", x, b, a)
		}
	}
}

func TestTemplate_EveryFunction_HasItsFolder(t *testing.T) {
	var functions, folders []string
	for _, f := range load(t).Functions {
		functions = append(functions, f.Name)
	}
	for _, s := range sources(t) {
		if path.Dir(s.dir) == "functions" && path.Base(s.name) == "main.go" && !slices.Contains(notLambdas, s.dir) {
			folders = append(folders, path.Base(s.dir))
		}
	}
	differ(t, "template.yaml", functions, "functions/", folders)
}

// The logical id, the folder and the command's own sentence are the same name.
func TestTemplate_EveryFunction_HasOneName(t *testing.T) {
	upper := regexp.MustCompile(`\B[A-Z]`)
	for _, f := range load(t).Functions {
		kebab := strings.ToLower(upper.ReplaceAllStringFunc(f.LogicalID, func(s string) string { return "-" + s }))
		if kebab != f.Name {
			t.Errorf("%s lives in functions/%s, not in functions/%s", f.LogicalID, f.Name, kebab)
		}
	}
}

// wired are the functions by what their mains serve: "settlement.Changes", or for an
// endpoint "api.Endpoint rest.GetRelease".
func wired(t *testing.T) map[string]string {
	t.Helper()
	name := func(e ast.Expr) string {
		sel, ok := e.(*ast.SelectorExpr)
		if !ok {
			return ""
		}
		return sel.X.(*ast.Ident).Name + "." + sel.Sel.Name
	}
	served := make(map[string]string)
	for _, s := range sources(t) {
		if s.test || path.Dir(s.dir) != "functions" || slices.Contains(notLambdas, s.dir) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			serve, ok := n.(*ast.CallExpr)
			if !ok || name(serve.Fun) != "host.Serve" {
				return true
			}
			if call, ok := serve.Args[0].(*ast.CallExpr); ok {
				parts := []string{name(call.Fun)}
				for _, a := range call.Args[1:] {
					parts = append(parts, name(a))
				}
				served[path.Base(s.dir)] = strings.Join(parts, " ")
			}
			return true
		})
	}
	return served
}

// The laptop's list of functions and the mains name the same constructor for each; that
// the names are those of the template and of the folders, others hold.
func TestWiring_MainsAndLaptop_CallTheSameConstructor(t *testing.T) {
	mains := wired(t)
	onLaptop := make(map[string]string)
	for _, s := range sources(t) {
		if s.name != "shared/local/functions.go" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			pair, ok := n.(*ast.KeyValueExpr)
			if !ok {
				return true
			}
			key, isText := pair.Key.(*ast.BasicLit)
			sel, isName := pair.Value.(*ast.SelectorExpr)
			if isText && isName {
				function, err := strconv.Unquote(key.Value)
				if err != nil {
					t.Fatal(err)
				}
				onLaptop[function] = sel.X.(*ast.Ident).Name + "." + sel.Sel.Name
			}
			return true
		})
	}
	if len(onLaptop) < 10 || len(mains) < 30 {
		t.Fatalf("%d functions on the laptop, %d mains", len(onLaptop), len(mains))
	}
	for _, route := range rest.Routes() {
		onLaptop[string(route.Operation)] = "api.Endpoint " + routeName(string(route.Operation))
	}
	for _, f := range load(t).Functions {
		if mains[f.Name] == "" || mains[f.Name] != onLaptop[f.Name] {
			t.Errorf("%s: its main serves %q, the laptop %q", f.Name, mains[f.Name], onLaptop[f.Name])
		}
	}
}

// routeName is the route of a function: rest.GetRelease of get-release.
func routeName(function string) string {
	words := strings.Split(function, "-")
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return "rest." + strings.Join(words, "")
}

// tableVariables are the environment variables that name what a function may touch,
// and what they have to name.
var tableVariables = map[string]string{
	"RELEASES_TABLE": "ReleasesTable", "CHANGES_TABLE": "ChangesTable", "TASKS_TABLE": "TasksTable", "MAIL_TABLE": "MailTable",
	"RECORD_TABLE": "RecordTable",
	"EVENT_BUS":    "Bus",
}

// A function's variables, its rights and what its main demands name the same things:
// the first that drifts away is a function that fails on AWS only, or may do more than
// it has to.
func TestTemplate_PoliciesVariablesAndMains_Agree(t *testing.T) {
	demands := demanded(t)
	granted := 0
	for _, f := range load(t).Functions {
		var named, allowed []string
		for variable, id := range tableVariables {
			value, ok := f.Environment[variable]
			if !ok {
				continue
			}
			if value != id {
				t.Errorf("%s: %s is %s, not %s", f.Name, variable, value, id)
			}
			named = append(named, id)
			if !slices.Contains(demands[f.Name], variable) {
				t.Errorf("%s is given %s, which its main does not ask for", f.Name, variable)
			}
		}
		for _, variable := range demands[f.Name] {
			if _, ok := f.Environment[variable]; !ok {
				t.Errorf("%s asks for %s, which the template does not give it", f.Name, variable)
			}
		}
		for _, s := range f.Policies {
			for _, r := range s.Resources {
				id, _, _ := strings.Cut(r, ".")
				if !strings.HasPrefix(r, "arn:") && !slices.Contains(allowed, id) {
					allowed = append(allowed, id)
				}
			}
		}
		granted += len(allowed)
		if len(named)+len(allowed) > 0 {
			differ(t, f.Name+"'s variables", named, f.Name+"'s policy", allowed)
		}
	}
	if granted < 20 {
		t.Errorf("only %d grants found", granted)
	}
}

// demanded reads which variables each main says it cannot do without.
func demanded(t *testing.T) map[string][]string {
	t.Helper()
	demands := make(map[string][]string)
	for _, s := range sources(t) {
		if s.test || path.Dir(s.dir) != "functions" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if sel, ok := call.Fun.(*ast.SelectorExpr); !ok || sel.Sel.Name != "FromEnvironment" {
				return true
			}
			for _, arg := range call.Args {
				if lit, ok := arg.(*ast.BasicLit); ok {
					name, err := strconv.Unquote(lit.Value)
					if err != nil {
						t.Fatal(err)
					}
					demands[path.Base(s.dir)] = append(demands[path.Base(s.dir)], name)
				}
			}
			return true
		})
	}
	return demands
}

// Each right is one action on one thing.
func TestTemplate_IAMPolicies_AreNarrow(t *testing.T) {
	action := regexp.MustCompile(`^(dynamodb|events|ses|sqs):[A-Z][A-Za-z]+$`)
	resource := regexp.MustCompile(`^[A-Z][A-Za-z]+\.Arn(/index/[a-zA-Z]+)?$`)
	// The sender's identity is not this template's, but it is named.
	ses := regexp.MustCompile(`^arn:aws:ses:[^:*]+:[0-9]+:(identity/[^*]*|configuration-set/[A-Z][A-Za-z]+)$`)
	tmpl := load(t)
	checked := 0
	for _, f := range tmpl.Functions {
		for _, s := range f.Policies {
			for _, a := range s.Actions {
				checked++
				if !action.MatchString(a) || a == "dynamodb:Scan" {
					t.Errorf("%s may do %s", f.Name, a)
				}
			}
			for _, r := range s.Resources {
				if mails := ses.MatchString(r) && slices.Equal(s.Actions, []string{"ses:SendEmail", "ses:SendRawEmail"}) && len(s.Condition) > 0; !mails && !resource.MatchString(r) {
					t.Errorf("%s may use %s", f.Name, r)
				}
				id, index, ok := strings.Cut(r, ".Arn/index/")
				if !ok {
					continue
				}
				table, _ := tmpl.Table(id)
				if !slices.ContainsFunc(table.Indexes, func(x template.Index) bool { return x.Name == index }) {
					t.Errorf("%s may query the index %s, which %s does not have", f.Name, index, id)
				}
			}
		}
	}
	if checked < 40 {
		t.Errorf("only %d actions found", checked)
	}
}

// Each event source mapping is set up so that no record is lost: it begins with the oldest record, takes partial failures,
// splits a batch that fails, retries, and then puts the record on a failure queue.
func TestTemplate_StreamMappings_LoseNothing(t *testing.T) {
	mappings, readers := 0, make(map[string]int)
	batches := map[string]int{"send-mail": 1000} // its records only wake
	for _, f := range load(t).Functions {
		for _, s := range f.Streams {
			mappings++
			readers[s.Table]++
			if len(s.Filters) == 0 || !s.PartialFailures || !s.Bisect || s.MaximumRetryAttempts != 20 || s.OnFailure == "" || s.StartingPosition != "TRIM_HORIZON" || s.BatchSize != cmp.Or(batches[f.Name], 10) {
				t.Errorf("%s reads %s with %+v", f.Name, s.Table, s)
			}
		}
		for _, s := range f.Schedules {
			if s.OnFailure == "" || f.OnFailure == "" {
				t.Errorf("%s: a failed run of the schedule %s vanishes", f.Name, s.Name)
			}
		}
	}
	if mappings == 0 {
		t.Error("there is no stream mapping")
	}
	for table, n := range readers {
		if n > 2 {
			t.Errorf("%s has %d readers; a stream bears two", table, n)
		}
	}
}

// Tables outlive mistakes: a stack's removal, and from the second deployment on a call that
// deletes one. What a first deployment has made goes with it where it fails, and until then
// nothing is protected that CloudFormation would have to take back.
func TestTemplate_Tables_AreKept(t *testing.T) {
	inUse, err := template.Load("../template.yaml", map[string]string{"PublicUrl": "https://releases.example"})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range load(t).Resources {
		if r.Type == "AWS::DynamoDB::Table" && r.Properties["DeletionProtectionEnabled"] != false {
			t.Errorf("%s is protected in a first deployment: if that fails, it is left behind", r.LogicalID)
		}
	}
	tables := 0
	for _, r := range inUse.Resources {
		if r.Type != "AWS::DynamoDB::Table" {
			continue
		}
		tables++
		if r.Attributes["DeletionPolicy"] != "RetainExceptOnCreate" || r.Attributes["UpdateReplacePolicy"] != "Retain" || r.Properties["DeletionProtectionEnabled"] != true {
			t.Errorf("%s can be deleted", r.LogicalID)
		}
		recovery, _ := r.Properties["PointInTimeRecoverySpecification"].(map[string]any)
		encryption, _ := r.Properties["SSESpecification"].(map[string]any)
		if recovery["PointInTimeRecoveryEnabled"] != true || encryption["SSEEnabled"] != true {
			t.Errorf("%s has no point-in-time recovery, or no encryption with a key of the account", r.LogicalID)
		}
	}
	if tables != 5 {
		t.Errorf("%d tables, not 5", tables)
	}
}

// gatewayResponseTypes are those that API Gateway has (its Developer Guide, "Gateway response
// types for API Gateway"), but for INVALID_API_KEY and API_CONFIGURATION_ERROR, which an API
// without keys and with a valid definition never gives: DEFAULT_4XX and DEFAULT_5XX have them.
var gatewayResponseTypes = []string{
	"ACCESS_DENIED", "AUTHORIZER_CONFIGURATION_ERROR", "AUTHORIZER_FAILURE", "BAD_REQUEST_PARAMETERS", "BAD_REQUEST_BODY",
	"DEFAULT_4XX", "DEFAULT_5XX", "EXPIRED_TOKEN", "INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT", "INVALID_SIGNATURE",
	"MISSING_AUTHENTICATION_TOKEN", "QUOTA_EXCEEDED", "REQUEST_TOO_LARGE", "RESOURCE_NOT_FOUND", "THROTTLED",
	"UNAUTHORIZED", "UNSUPPORTED_MEDIA_TYPE", "WAF_FILTERED",
}

// Whatever API Gateway answers by itself is a problem document, and a 401 says how to
// authenticate.
func TestTemplate_GatewayAnswers_AreProblems(t *testing.T) {
	api := load(t).API
	if len(api.Authorizers) != 1 || api.DefaultAuthorizer == "" || api.Authorizers[0].CacheFor.Seconds() > 60 {
		t.Errorf("authorizers: %+v", api.Authorizers)
	}
	for _, kind := range gatewayResponseTypes {
		if _, ok := api.GatewayResponses[kind]; !ok {
			t.Errorf("there is no answer for %s", kind)
		}
	}
	for kind, r := range api.GatewayResponses {
		if r.Headers["Content-Type"] != "application/problem+json" {
			t.Errorf("%s is no problem document: %+v", kind, r)
		}
		if strings.Contains(r.Templates["application/json"], "context.error.message") {
			t.Errorf("%s shows API Gateway's message, which may repeat the Authorization header", kind)
		}
		if (r.StatusCode == http.StatusUnauthorized) != strings.HasPrefix(r.Headers["WWW-Authenticate"], "Bearer ") {
			t.Errorf("%s: %d with WWW-Authenticate %q", kind, r.StatusCode, r.Headers["WWW-Authenticate"])
		}
		// Without being named there, a header is not shown to a page of another origin.
		for _, header := range []string{"WWW-Authenticate", "Retry-After"} {
			if _, has := r.Headers[header]; has && !strings.Contains(r.Headers["Access-Control-Expose-Headers"], header) {
				t.Errorf("%s has %s, which no page of another origin can read", kind, header)
			}
		}
	}
	for kind, status := range map[string]int{"UNAUTHORIZED": 401, "ACCESS_DENIED": 401, "MISSING_AUTHENTICATION_TOKEN": 404, "WAF_FILTERED": 403, "QUOTA_EXCEEDED": 429} {
		if got := api.GatewayResponses[kind].StatusCode; got != status {
			t.Errorf("%s answers %d, not %d", kind, got, status)
		}
	}
}

// indexReaders are the functions that may read an index: they list, show, or look for what is due, and
// where they miss something, a later look finds it. mcp has the tools that list; its writes decide by
// the tables, as the operations do.
var indexReaders = []string{
	"list-releases", "list-changes", "list-tasks", "mcp", "trust-center", "sweep", "heads-up", "tend-outbox", "seal-record", "send-mail",
}

// Fault 33: an index lags behind its table. So what settles, and what decides under a guard, may read
// none: its rights say so.
func TestTemplate_SettlementAndGuards_ReadNoIndex(t *testing.T) {
	tmpl := load(t)
	var readers []string
	for _, f := range tmpl.Functions {
		for _, s := range f.Policies {
			if slices.ContainsFunc(s.Resources, func(r string) bool { return strings.Contains(r, "/index/") }) && !slices.Contains(readers, f.Name) {
				readers = append(readers, f.Name)
			}
		}
	}
	differ(t, "the functions that may read an index", readers, "those that list, show, or look for what is due", indexReaders)
}

// No policy of ours, whatever it belongs to, says "anything".
func TestTemplate_Policies_HaveNoStar(t *testing.T) {
	seen := 0
	var walk func(where string, v any)
	walk = func(where string, v any) {
		switch v := v.(type) {
		case []any:
			for _, x := range v {
				walk(where, x)
			}
		case map[string]any:
			for key, x := range v {
				if slices.Contains([]string{"Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal"}, key) {
					seen++
					if text := fmt.Sprint(x); strings.Contains(text, "*") || strings.HasPrefix(key, "Not") {
						t.Errorf("%s: %s is %s", where, key, text)
					}
				}
				walk(where, x)
			}
		}
	}
	for _, r := range load(t).Resources {
		walk(r.LogicalID, r.Properties)
	}
	if seen < 100 {
		t.Errorf("only %d policies' words seen", seen)
	}
}

// A version of a function keeps the variables it was published with. SAM publishes another
// where its hash changes, and that holds the names of parameters, not their values; Settings
// holds the values, and gives each version the number that it is described with.
func TestSettings_EveryParameterThatReachesAFunction(t *testing.T) {
	settings := func(tmpl *template.Template) any {
		for _, r := range tmpl.Resources {
			if r.LogicalID == "Settings" {
				return r.Properties["Content"]
			}
		}
		return nil
	}
	now := load(t)
	reported := 0
	for _, p := range now.Parameters {
		other := "https://other.example"
		switch {
		case len(p.AllowedValues) > 0:
			other = p.AllowedValues[len(p.AllowedValues)-1]
			if other == p.Default {
				other = p.AllowedValues[0]
			}
		case p.Type == "Number":
			other = "7"
		case strings.HasSuffix(p.Name, "Sender") || strings.HasSuffix(p.Name, "Email"):
			other = "other@example.com"
		case p.Name == "LastCheckpoint":
			other = "releases-record/other/1 7 AAAA="
		case p.Name == "OrganisationName":
			other = "Another Company"
		case p.Name == "OrganisationZone":
			other = "Europe/Berlin"
		}
		changed, err := template.Load("../template.yaml", map[string]string{p.Name: other})
		if err != nil {
			t.Errorf("%s: %v", p.Name, err)
			continue
		}
		for i, f := range changed.Functions {
			if maps.Equal(f.Environment, now.Functions[i].Environment) {
				continue
			}
			reported++
			if settings(changed) == settings(now) {
				t.Errorf("%s is told %s, which is not in Settings: changing it would change nothing that is called", f.Name, p.Name)
			}
		}
	}
	if reported < 50 {
		t.Errorf("only %d variables seen that depend on a parameter", reported)
	}
	for _, r := range now.Resources {
		if r.Type == "AWS::Serverless::Function" && r.Properties["VersionDescription"] != "settings Settings" {
			t.Errorf("%s: give it VersionDescription: !Sub settings ${Settings}", r.LogicalID)
		}
	}
}

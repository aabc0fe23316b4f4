// Package template reads template.yaml: which functions there are, what invokes them, which
// tables they use and what their environment is. It must not know how any of it is run.
// Whatever it does not understand and could matter is an error: a laptop that ignored a line
// would run a different system from the one that is deployed.
package template

import (
	"errors"
	"fmt"
	"os"
	"sort"
	"time"
)

// Template is everything of template.yaml that decides what the system does.
type Template struct {
	// Parameters in the order of the file.
	Parameters []Parameter
	// API is the one REST API; its LogicalID is empty where there is none.
	API API
	// Functions and Tables are sorted by name.
	Functions []Function
	Tables    []Table
	// Resources are all resources whose condition holds, with every intrinsic function
	// resolved, sorted by logical id: for what the other fields do not cover.
	Resources []Resource
	// Outputs are the resolved values of the outputs whose condition holds.
	Outputs map[string]string
}

// Parameter is a parameter of the template, set by whoever deploys it.
type Parameter struct {
	Name           string
	Type           string
	Default        string
	HasDefault     bool
	AllowedValues  []string
	AllowedPattern string
	Description    string
}

// Resource is one resource as the template has it. In Properties a reference to a
// parameter is its value, one to another resource its logical id, and an attribute
// of it "LogicalID.Attribute".
type Resource struct {
	LogicalID  string
	Type       string
	Properties map[string]any
	// Attributes are what stands beside Properties, such as DeletionPolicy and Metadata.
	Attributes map[string]any
}

// Function is one Lambda function with the Globals merged in.
type Function struct {
	// LogicalID is its name in the template, Name that of its folder: "get-release".
	LogicalID string
	Name      string

	CodeURI      string
	Handler      string
	Runtime      string
	Architecture string
	Timeout      time.Duration
	MemorySize   int // MB
	// Environment values are resolved: a table is its logical id.
	Environment map[string]string
	Policies    []Statement

	Routes    []Route
	Streams   []Stream
	Schedules []Schedule
	Rules     []Rule

	// OnFailure is the queue for events of failed asynchronous invocations; empty where there
	// is none.
	OnFailure string
	// AsyncRetries is how often an asynchronous invocation is repeated.
	AsyncRetries int
}

// Statement is one statement of a function's policy, its resources resolved to
// logical ids: "ReleasesTable.Arn", "ReleasesTable.Arn/index/byStatus".
type Statement struct {
	Effect    string
	Actions   []string
	Resources []string
	Condition map[string]map[string]string // by operator and key
}

// Route is one method and path that API Gateway routes to a function.
type Route struct {
	Name   string // of the event in the template
	Method string // upper case, or ANY
	Path   string // "/api/releases/{id}"
	// Authorizer is the name of the authorizer that is asked first; empty: open to all.
	Authorizer string
}

// Stream is an event source mapping from a table's stream to a function.
type Stream struct {
	Name  string // of the event in the template
	Table string // logical id
	// Filters: a record passes that matches one of them; without any, all pass.
	Filters          []Pattern
	StartingPosition string // TRIM_HORIZON or LATEST
	BatchSize        int
	BatchingWindow   time.Duration
	// PartialFailures: the function reports the records it failed at
	// (ReportBatchItemFailures).
	PartialFailures bool
	// Bisect: a failing batch is split in two before it is tried again.
	Bisect bool
	// MaximumRetryAttempts: -1 stands for "until the record is too old".
	MaximumRetryAttempts int
	// MaximumRecordAge: 0 stands for "until the stream drops it".
	MaximumRecordAge      time.Duration
	ParallelizationFactor int
	OnFailure             string // logical id of the queue; empty: records that are given up are lost
}

// Schedule invokes a function at an interval.
type Schedule struct {
	Name                 string // of the event in the template
	Every                time.Duration
	Input                string // the event's JSON; empty: the scheduler's own
	MaximumRetryAttempts int
	OnFailure            string // logical id of the dead-letter queue
}

// Rule invokes a function with the events of a bus that match a pattern.
type Rule struct {
	Name      string // of the event in the template
	Bus       string // logical id of the bus or "default"
	Pattern   Pattern
	OnFailure string // logical id of the dead-letter queue
}

// Table is a DynamoDB table.
type Table struct {
	LogicalID  string
	Attributes []Attribute // those that keys are made of
	Key        Key
	Indexes    []Index
	// StreamView is the StreamViewType; empty: no stream.
	StreamView string
	// TTL is the attribute that says when an item expires; empty: none.
	TTL string
}

// Attribute is a key attribute and its type, S, N or B.
type Attribute struct{ Name, Type string }

// Key names a table's or an index's key attributes; Range may be empty.
type Key struct{ Hash, Range string }

// Index is a global secondary index.
type Index struct {
	Name string
	Key  Key
	// Projection is ALL, KEYS_ONLY or INCLUDE, and Include what the latter adds.
	Projection string
	Include    []string
}

// API is the REST API in front of the functions.
type API struct {
	LogicalID         string
	Stage             string
	DefaultAuthorizer string
	// BinaryMediaTypes are those whose bodies functions get as bytes, in base64.
	BinaryMediaTypes []string
	Authorizers      []Authorizer
	// GatewayResponses are what API Gateway itself answers, by response type such as
	// UNAUTHORIZED or DEFAULT_4XX.
	GatewayResponses map[string]GatewayResponse
}

// Authorizer is a function that decides who may call.
type Authorizer struct {
	Name     string
	Function string // logical id
	// Headers must all be there, or the request is UNAUTHORIZED without asking.
	Headers  []string
	CacheFor time.Duration
}

// GatewayResponse is an answer that no function gives.
type GatewayResponse struct {
	StatusCode int // 0: the status that API Gateway has for it
	// Headers have their values without the quotes that API Gateway wants around them.
	Headers map[string]string
	// Templates are bodies by content type; $context.… stands for values of the request.
	Templates map[string]string
}

// Load reads a template from a file. Values override parameters' defaults and
// pseudo parameters such as AWS::Region.
func Load(path string, values map[string]string) (*Template, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the template: %w", err)
	}
	t, err := Parse(text, values)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// Parse reads a template from its text; values are those of Load.
func Parse(text []byte, values map[string]string) (*Template, error) {
	root, err := parseYAML(text)
	if err != nil {
		return nil, err
	}
	r, parameters, err := newResolver(root, values)
	if err != nil {
		return nil, err
	}
	resources, err := r.resources()
	if err != nil {
		return nil, err
	}
	outputs, err := r.outputs()
	if err != nil {
		return nil, err
	}
	globals, err := r.globals()
	if err != nil {
		return nil, err
	}
	t := &Template{Parameters: parameters, Resources: resources, Outputs: outputs}
	return t, t.fill(globals)
}

// fill decodes the resources into the model, then checks how they fit together, and reports
// everything that is wrong at once.
func (t *Template) fill(globals map[string]any) error {
	var problems problems
	for _, res := range t.Resources {
		p := newProperties(&problems, res)
		switch res.Type {
		case "AWS::Serverless::Api":
			if t.API.LogicalID != "" {
				problems.add("Resources."+res.LogicalID, "is a second API beside %s; one is understood", t.API.LogicalID)
			}
			t.API = readAPI(p, res.LogicalID)
		case "AWS::Serverless::Function":
			t.Functions = append(t.Functions, readFunction(p, res, globals))
		case "AWS::DynamoDB::Table":
			t.Tables = append(t.Tables, readTable(p, res.LogicalID))
		default:
			if changesWiring[res.Type] {
				problems.add("Resources."+res.LogicalID, "has the type %s, which wires functions in a way that is not understood here", res.Type)
			}
		}
	}
	sort.Slice(t.Functions, func(i, j int) bool { return t.Functions[i].Name < t.Functions[j].Name })
	t.checkWhole(&problems)
	return errors.Join(problems...)
}

// changesWiring are the types that would connect functions, tables or routes past
// the model above.
var changesWiring = map[string]bool{
	"AWS::Serverless::HttpApi":        true,
	"AWS::Serverless::SimpleTable":    true,
	"AWS::Serverless::StateMachine":   true,
	"AWS::Serverless::Application":    true,
	"AWS::Serverless::Connector":      true,
	"AWS::Lambda::Function":           true,
	"AWS::Lambda::EventSourceMapping": true,
	"AWS::Lambda::EventInvokeConfig":  true,
	"AWS::Events::Rule":               true,
	"AWS::Scheduler::Schedule":        true,
	"AWS::Pipes::Pipe":                true,
	"AWS::DynamoDB::GlobalTable":      true,
	"AWS::ApiGateway::RestApi":        true,
	"AWS::ApiGateway::Method":         true,
	"AWS::ApiGateway::Authorizer":     true,
	"AWS::ApiGatewayV2::Api":          true,
}

// checkWhole refuses dangling references and routes with two functions.
func (t *Template) checkWhole(problems *problems) {
	typeOf := make(map[string]string, len(t.Resources))
	for _, r := range t.Resources {
		typeOf[r.LogicalID] = r.Type
	}
	want := func(path, id, kind string) {
		if id != "" && typeOf[id] != kind {
			problems.add(path, "names %q, which is no %s of this template", id, kind)
		}
	}
	const queue = "AWS::SQS::Queue"
	authorizers := make(map[string]bool)
	for _, a := range t.API.Authorizers {
		authorizers[a.Name] = true
		want("Resources."+t.API.LogicalID+".Auth.Authorizers."+a.Name, a.Function, "AWS::Serverless::Function")
	}
	if d := t.API.DefaultAuthorizer; d != "" && !authorizers[d] {
		problems.add("Resources."+t.API.LogicalID+".Auth", "has the default authorizer %q, which is not among its authorizers", d)
	}
	routes := make(map[string]string)
	folders := make(map[string]string)
	streams := make(map[string]string)
	for _, tab := range t.Tables {
		streams[tab.LogicalID] = tab.StreamView
	}
	for i := range t.Functions {
		f := &t.Functions[i]
		at := "Resources." + f.LogicalID
		if other, twice := folders[f.Name]; twice {
			problems.add(at, "has the same CodeUri as %s", other)
		}
		folders[f.Name] = f.LogicalID
		want(at+".EventInvokeConfig", f.OnFailure, queue)
		for j := range f.Routes {
			r := &f.Routes[j]
			if r.Authorizer == inherit {
				r.Authorizer = t.API.DefaultAuthorizer
			}
			if r.Authorizer != "" && !authorizers[r.Authorizer] {
				problems.add(at+".Events."+r.Name, "names the authorizer %q, which the API does not have", r.Authorizer)
			}
			key := r.Method + " " + r.Path
			if other, twice := routes[key]; twice {
				problems.add(at+".Events."+r.Name, "has the route %s, which is already that of %s", key, other)
			}
			routes[key] = f.LogicalID
		}
		for _, s := range f.Streams {
			if view, known := streams[s.Table]; !known || view == "" {
				problems.add(at+".Events."+s.Name, "reads the stream of %q, which is no table with a stream", s.Table)
			}
			want(at+".Events."+s.Name, s.OnFailure, queue)
		}
		for _, s := range f.Schedules {
			want(at+".Events."+s.Name, s.OnFailure, queue)
		}
		for _, r := range f.Rules {
			if r.Bus != "default" {
				want(at+".Events."+r.Name, r.Bus, "AWS::Events::EventBus")
			}
			want(at+".Events."+r.Name, r.OnFailure, queue)
		}
	}
	for _, f := range t.Functions {
		if len(f.Routes) > 0 && t.API.LogicalID == "" {
			problems.add("Resources."+f.LogicalID, "has routes, but the template has no AWS::Serverless::Api")
		}
	}
}

// Function returns the function of that folder name.
func (t *Template) Function(name string) (Function, bool) {
	for _, f := range t.Functions {
		if f.Name == name {
			return f, true
		}
	}
	return Function{}, false
}

// Table returns the table of that logical id.
func (t *Template) Table(logicalID string) (Table, bool) {
	for _, tab := range t.Tables {
		if tab.LogicalID == logicalID {
			return tab, true
		}
	}
	return Table{}, false
}

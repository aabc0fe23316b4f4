package template

import (
	"maps"
	"path"
	"strings"
)

// inherit marks a route without an authorizer, for which the API's default applies.
const inherit = "\x00inherit"

func readFunction(o *object, res Resource, globals map[string]any) Function {
	o.m = merge(globals, o.m)
	f := Function{
		LogicalID:    res.LogicalID,
		CodeURI:      o.need("CodeUri"),
		Handler:      o.oneOf("Handler", "bootstrap"),
		Runtime:      o.oneOf("Runtime", "provided.al2023"),
		Timeout:      o.seconds("Timeout", 3),
		MemorySize:   o.integer("MemorySize", 128),
		Environment:  o.object("Environment").texts("Variables"),
		AsyncRetries: 2,
	}
	// One folder per function: with CodeUri "." SAM would ship the same binary for all.
	f.Name = path.Base(path.Clean(f.CodeURI))
	if path.Dir(path.Clean(f.CodeURI)) != "functions" {
		o.problems.add(o.path+".CodeUri", "is %q; a folder functions/<name>/ is wanted", f.CodeURI)
	}
	if a := o.strs("Architectures"); len(a) == 1 {
		f.Architecture = a[0]
	} else {
		o.problems.add(o.path, "wants one architecture")
	}
	metadata := newObject(o.problems, o.path+".Metadata", res.Attributes["Metadata"])
	metadata.oneOf("BuildMethod", "go1.x")

	for _, p := range o.objects("Policies") {
		f.Policies = append(f.Policies, readPolicy(p)...)
	}
	if o.has("EventInvokeConfig") {
		c := o.object("EventInvokeConfig")
		f.AsyncRetries = c.integer("MaximumRetryAttempts", 2)
		f.OnFailure = readDestination(c)
		c.ignore("MaximumEventAgeInSeconds")
		c.done()
	}
	o.each("Events", func(name string, e *object) { readEvent(&f, name, e) })
	// Aliases and how traffic moves to a new version are AWS's; here there is one version.
	o.ignore("AutoPublishAlias", "DeploymentPreference", "VersionDescription")
	o.ignore("FunctionName", "Description", "Tracing", "LoggingConfig", "Tags", "ReservedConcurrentExecutions",
		"KmsKeyArn", "PermissionsBoundary", "PropagateTags")
	o.done()
	return f
}

// merge lays a function's properties over the Globals as SAM does: mappings are
// merged, lists are added, anything else is replaced.
func merge(globals, own map[string]any) map[string]any {
	out := maps.Clone(globals)
	if out == nil {
		out = make(map[string]any)
	}
	for key, v := range own {
		switch v := v.(type) {
		case map[string]any:
			if base, ok := out[key].(map[string]any); ok {
				out[key] = merge(base, v)
				continue
			}
		case []any:
			// Architectures is the one list that SAM replaces.
			if base, ok := out[key].([]any); ok && key != "Architectures" {
				out[key] = append(append([]any{}, base...), v...)
				continue
			}
		}
		out[key] = v
	}
	return out
}

// readPolicy reads an inline policy document. SAM's policy templates and managed
// policies grant more than is named, and are refused.
func readPolicy(o *object) []Statement {
	o.ignore("Version")
	var list []Statement
	for _, s := range o.objects("Statement") {
		st := Statement{
			Effect:    s.oneOf("Effect", "Allow", "Deny"),
			Actions:   s.strs("Action"),
			Resources: s.strs("Resource"),
			Condition: readCondition(s),
		}
		s.ignore("Sid")
		s.done()
		if len(st.Actions) == 0 || len(st.Resources) == 0 {
			o.problems.add(o.path, "has a statement without an action or without a resource")
		}
		list = append(list, st)
	}
	if len(list) == 0 {
		o.problems.add(o.path, "is no policy document with statements; policy templates are not understood")
	}
	o.done()
	return list
}

// readCondition reads a statement's conditions. All of IAM's keys have a colon; the YAML
// reader takes one that stands in braces for a mapping of its own, and would hide it.
func readCondition(s *object) map[string]map[string]string {
	c := s.object("Condition")
	conditions := make(map[string]map[string]string)
	for operator := range c.m {
		conditions[operator] = c.texts(operator)
		for key := range conditions[operator] {
			if !strings.Contains(key, ":") {
				c.problems.add(c.path+"."+operator, "has the key %q, which is none of IAM's; write keys with a colon on lines of their own, not in braces", key)
			}
		}
	}
	if len(conditions) == 0 {
		return nil
	}
	return conditions
}

// readDestination reads where failures go: DestinationConfig.OnFailure, an SQS queue.
func readDestination(o *object) string {
	d := o.object("DestinationConfig")
	defer d.done()
	if !d.has("OnFailure") {
		return ""
	}
	on := d.object("OnFailure")
	defer on.done()
	on.oneOf("Type", "SQS")
	return on.target("Destination")
}

// readDeadLetters reads the dead-letter queue of a schedule or a rule.
func readDeadLetters(o *object) string {
	d := o.object("DeadLetterConfig")
	defer d.done()
	return d.target("Arn")
}

func readEvent(f *Function, name string, e *object) {
	kind := e.str("Type")
	p := e.object("Properties")
	switch kind {
	case "Api":
		f.Routes = append(f.Routes, readRoute(name, p))
	case "DynamoDB":
		f.Streams = append(f.Streams, readStream(name, p))
	case "ScheduleV2":
		if s, enabled := readSchedule(name, p); enabled {
			f.Schedules = append(f.Schedules, s)
		}
	case "EventBridgeRule":
		if r, enabled := readRule(name, p); enabled {
			f.Rules = append(f.Rules, r)
		}
	default:
		e.problems.add(e.path, "has the event type %q, which is not understood here", kind)
		return
	}
	p.done()
	e.done()
}

func readRoute(name string, p *object) Route {
	r := Route{Name: name, Method: strings.ToUpper(p.need("Method")), Path: p.need("Path"), Authorizer: inherit}
	// Without RestApiId SAM would make a second, implicit API.
	p.need("RestApiId")
	if p.has("Auth") {
		auth := p.object("Auth")
		switch a := auth.str("Authorizer"); a {
		case "":
		case "NONE":
			r.Authorizer = ""
		default:
			r.Authorizer = a
		}
		auth.done()
	}
	if !strings.HasPrefix(r.Path, "/") {
		p.problems.add(p.path+".Path", "is %q; it must begin with /", r.Path)
	}
	return r
}

func readStream(name string, p *object) Stream {
	s := Stream{
		Name:                  name,
		StartingPosition:      p.oneOf("StartingPosition", "TRIM_HORIZON", "LATEST"),
		BatchSize:             p.integer("BatchSize", 100),
		BatchingWindow:        p.seconds("MaximumBatchingWindowInSeconds", 0),
		Bisect:                p.boolean("BisectBatchOnFunctionError", false),
		MaximumRetryAttempts:  p.integer("MaximumRetryAttempts", -1),
		ParallelizationFactor: p.integer("ParallelizationFactor", 1),
		OnFailure:             readDestination(p),
	}
	if age := p.integer("MaximumRecordAgeInSeconds", -1); age > 0 {
		s.MaximumRecordAge = p.seconds("MaximumRecordAgeInSeconds", 0)
	}
	var ok bool
	if s.Table, ok = strings.CutSuffix(p.need("Stream"), ".StreamArn"); !ok {
		p.problems.add(p.path+".Stream", "is %q; only the StreamArn of a table of this template is understood", s.Table)
	}
	for _, kind := range p.strs("FunctionResponseTypes") {
		if kind != "ReportBatchItemFailures" {
			p.problems.add(p.path+".FunctionResponseTypes", "has %q, which is not understood here", kind)
		}
		s.PartialFailures = true
	}
	if p.has("Enabled") && !p.boolean("Enabled", true) {
		p.problems.add(p.path+".Enabled", "is false; a mapping that is off is not understood here")
	}
	if p.has("FilterCriteria") {
		criteria := p.object("FilterCriteria")
		for _, filter := range criteria.objects("Filters") {
			pattern, err := ParsePattern(filter.need("Pattern"))
			if err != nil {
				filter.problems.add(filter.path+".Pattern", "%v", err)
			}
			s.Filters = append(s.Filters, pattern)
			filter.done()
		}
		criteria.done()
	}
	return s
}

func readSchedule(name string, p *object) (Schedule, bool) {
	s := Schedule{Name: name, Input: p.str("Input"), OnFailure: readDeadLetters(p)}
	retry := p.object("RetryPolicy")
	s.MaximumRetryAttempts = retry.integer("MaximumRetryAttempts", 185)
	retry.ignore("MaximumEventAgeInSeconds")
	retry.done()
	every, err := parseRate(p.need("ScheduleExpression"))
	if err != nil {
		p.problems.add(p.path+".ScheduleExpression", "%v", err)
	}
	s.Every = every
	p.ignore("Description", "Name", "FlexibleTimeWindow", "OmitName", "PermissionsBoundary", "GroupName")
	return s, p.state()
}

func readRule(name string, p *object) (Rule, bool) {
	r := Rule{Name: name, Bus: "default", OnFailure: readDeadLetters(p)}
	if p.has("EventBusName") {
		r.Bus = p.need("EventBusName")
	}
	pattern, err := newPattern(p.value("Pattern"))
	if err != nil {
		p.problems.add(p.path+".Pattern", "%v", err)
	}
	r.Pattern = pattern
	p.ignore("RetryPolicy", "RuleName")
	return r, p.state()
}

// state reports whether a schedule or rule is enabled.
func (o *object) state() bool {
	return !o.has("State") || o.oneOf("State", "ENABLED", "DISABLED") == "ENABLED"
}

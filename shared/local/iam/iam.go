// Package iam enforces the permissions that template.yaml gives to functions, as IAM would: a
// guard in front of the engine reads each request, determines the action and the table, and
// refuses what the function's policy does not allow. It must not know what any function does.
package iam

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"

	"example.com/releases/shared/local/mailbox"
	"example.com/releases/shared/local/template"
)

// Right is one action on one thing, such as dynamodb:Query on
// ReleasesTable.Arn/index/byStatus.
type Right struct{ Action, Resource string }

func (r Right) String() string { return r.Action + " on " + r.Resource }

// Granted lists what a function may do.
func Granted(f template.Function) []Right {
	var list []Right
	for _, s := range f.Policies {
		for _, a := range s.Actions {
			for _, r := range s.Resources {
				list = append(list, Right{a, r})
			}
		}
	}
	return list
}

// Needed determines which rights a request to DynamoDB requires. tables maps the names of
// tables to logical ids.
func Needed(target string, body []byte, tables map[string]string) ([]Right, error) {
	_, operation, _ := strings.Cut(target, ".")
	var in struct {
		TableName, IndexName string
		RequestItems         map[string]json.RawMessage
		TransactItems        []map[string]struct{ TableName string }
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, fmt.Errorf("%s: %w", operation, err)
	}
	var needed []Right
	need := func(action, table, index string) error {
		id, ok := tables[table]
		if !ok {
			return fmt.Errorf("%s: there is no table %q", operation, table)
		}
		r := Right{"dynamodb:" + action, id + ".Arn"}
		if index != "" {
			r.Resource += "/index/" + index
		}
		if !slices.Contains(needed, r) {
			needed = append(needed, r)
		}
		return nil
	}
	// A transaction requires the right for each of its actions.
	actions := map[string]string{"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem", "Get": "GetItem"}
	for _, one := range in.TransactItems {
		for kind, item := range one {
			if actions[kind] == "" {
				return nil, fmt.Errorf("%s: %q is not known here", operation, kind)
			}
			if err := need(actions[kind], item.TableName, ""); err != nil {
				return nil, err
			}
		}
	}
	for table := range in.RequestItems {
		if err := need(operation, table, ""); err != nil {
			return nil, err
		}
	}
	if in.TableName != "" {
		if err := need(operation, in.TableName, in.IndexName); err != nil {
			return nil, err
		}
	}
	if len(needed) == 0 {
		return nil, fmt.Errorf("%s: no table is named", operation)
	}
	return needed, nil
}

// Guard stands before an engine. A function reaches it under Path.
type Guard struct {
	granted map[string][]Right
	tables  map[string]string // logical ids by name
	engine  *httputil.ReverseProxy

	statements  map[string][]template.Statement
	ses, events http.Handler // nil where the guard does not cover them

	mu     sync.Mutex
	used   map[string][]Right
	denied []string
}

// Option configures a guard.
type Option func(*Guard)

// Through puts a layer between the guard and the engine.
func Through(t http.RoundTripper) Option {
	return func(g *Guard) { g.engine.Transport = t }
}

// Before also puts the guard in front of the stand-ins of SES and EventBridge, which a
// function reaches under Path + SESPath and Path + EventsPath.
func Before(ses, events http.Handler) Option {
	return func(g *Guard) { g.ses, g.events = ses, events }
}

// New makes a guard for the functions of a template; tables are their names by logical
// id.
func New(t *template.Template, tables map[string]string, endpoint string, options ...Option) (*Guard, error) {
	to, err := url.Parse(endpoint)
	if err != nil {
		return nil, err
	}
	g := &Guard{granted: map[string][]Right{}, tables: map[string]string{}, used: map[string][]Right{}, statements: map[string][]template.Statement{}}
	for id, name := range tables {
		g.tables[name] = id
	}
	for _, f := range t.Functions {
		g.granted[f.Name], g.statements[f.Name] = Granted(f), f.Policies
	}
	g.engine = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Path, r.Out.URL.RawPath = "/", ""
			r.SetURL(to)
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 64},
		// The caller gets an answer, unless it is gone.
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	for _, o := range options {
		o(g)
	}
	return g, nil
}

// Path is the path under which a function reaches the engine, below the guard's address.
func Path(function string) string { return "/as/" + function }

// ServeHTTP passes on what the function may do, and refuses the rest as DynamoDB does.
func (g *Guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	function, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, Path("")), "/")
	switch "/" + rest {
	case SESPath + mailbox.SendPath:
		g.mail(w, r, function)
		return
	case EventsPath, EventsPath + "/":
		g.publish(w, r, function)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller is gone
	}
	needed, err := Needed(r.Header.Get("X-Amz-Target"), body, g.tables)
	if err != nil {
		g.refuse(w, function, err.Error())
		return
	}
	for _, n := range needed {
		if !slices.Contains(g.granted[function], n) {
			g.refuse(w, function, n.String())
			return
		}
	}
	g.use(function, needed...)
	r.Body = io.NopCloser(bytes.NewReader(body))
	g.engine.ServeHTTP(w, r)
}

func (g *Guard) use(function string, all ...Right) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, n := range all {
		if !slices.Contains(g.used[function], n) {
			g.used[function] = append(g.used[function], n)
		}
	}
}

func (g *Guard) refuse(w http.ResponseWriter, function, what string) {
	g.mu.Lock()
	g.denied = append(g.denied, function+": "+what)
	g.mu.Unlock()
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("X-Amzn-Errortype", "AccessDeniedException") // where SES's clients look
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]string{
		"__type":  "com.amazon.coral.service#AccessDeniedException",
		"Message": function + " is not authorized to perform: " + what + " because no identity-based policy in template.yaml allows it",
	})
}

// Denied lists what was refused, with the function that asked for it.
func (g *Guard) Denied() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.denied)
}

// Used lists the rights that a function has used.
func (g *Guard) Used(function string) []Right {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.used[function])
}

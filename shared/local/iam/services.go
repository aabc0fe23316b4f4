package iam

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/mail"
	"slices"
	"strings"

	"example.com/releases/shared/local/mailbox"
	"example.com/releases/shared/local/template"
)

// Where a function reaches the stand-ins, below its Path.
const (
	SESPath    = "/ses"
	EventsPath = "/events"
)

// allowed reports whether a statement of the function's policy allows an action on a resource.
// Its conditions must hold; one that is not supported here counts as not met.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
func (g *Guard) allowed(function string, r Right, context map[string]string) bool {
	return slices.ContainsFunc(g.statements[function], func(s template.Statement) bool {
		return s.Effect == "Allow" && slices.Contains(s.Actions, r.Action) && slices.Contains(s.Resources, r.Resource) && holds(s.Condition, context)
	})
}

// holds tells whether every condition is met; StringEquals is what the template uses.
func holds(condition map[string]map[string]string, context map[string]string) bool {
	for operator, keys := range condition {
		if operator != "StringEquals" {
			return false
		}
		for key, want := range keys {
			if got, there := context[key]; !there || got != want {
				return false
			}
		}
	}
	return true
}

// arn returns the ARN of a resource that is neither a table nor the bus, in the form in which
// the template's policies have it.
func arn(service, resource string) string {
	return "arn:aws:" + service + ":us-east-1:000000000000:" + resource
}

// mail checks the right to send as the sender's identity, which is the address or its domain,
// and through the configuration set.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsimpleemailservicev2.html
func (g *Guard) mail(w http.ResponseWriter, r *http.Request, function string) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // who asked is gone
	}
	var in struct{ FromEmailAddress, ConfigurationSetName string }
	_ = json.Unmarshal(body, &in) // the stand-in says what is wrong with it
	sender := in.FromEmailAddress
	if a, err := mail.ParseAddress(sender); err == nil {
		sender = a.Address
	}
	_, domain, _ := strings.Cut(sender, "@")
	context := map[string]string{"ses:FromAddress": sender}
	identity := Right{"ses:SendEmail", arn("ses", "identity/"+sender)}
	if !g.allowed(function, identity, context) {
		if of := (Right{"ses:SendEmail", arn("ses", "identity/"+domain)}); g.allowed(function, of, context) {
			identity = of
		} else {
			g.refuse(w, function, identity.String())
			return
		}
	}
	needed := []Right{identity}
	if in.ConfigurationSetName != "" {
		set := Right{"ses:SendEmail", arn("ses", "configuration-set/"+in.ConfigurationSetName)}
		if !g.allowed(function, set, context) {
			g.refuse(w, function, set.String())
			return
		}
		needed = append(needed, set)
	}
	g.use(function, needed...)
	handOver(g.ses, "/_local/ses"+mailbox.SendPath, body, w, r)
}

// publish checks the right to put events on each bus that is named.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
func (g *Guard) publish(w http.ResponseWriter, r *http.Request, function string) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // who asked is gone
	}
	var in struct {
		Entries []struct{ EventBusName string }
	}
	_ = json.Unmarshal(body, &in) // the stand-in says what is wrong with it
	for _, e := range in.Entries {
		bus := Right{"events:PutEvents", e.EventBusName + ".Arn"}
		if e.EventBusName == "" || e.EventBusName == "default" {
			bus.Resource = arn("events", "event-bus/default")
		}
		if !g.allowed(function, bus, nil) {
			g.refuse(w, function, bus.String())
			return
		}
		g.use(function, bus)
	}
	handOver(g.events, "/_local/eventbridge", body, w, r)
}

// handOver passes a request to a stand-in, under the path that the stand-in expects.
func handOver(to http.Handler, path string, body []byte, w http.ResponseWriter, r *http.Request) {
	if to == nil {
		http.NotFound(w, r)
		return
	}
	r = r.Clone(r.Context())
	r.URL.Path, r.URL.RawPath = path, ""
	r.Body = io.NopCloser(bytes.NewReader(body))
	to.ServeHTTP(w, r)
}

package iam

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/releases/shared/local/template"
)

// Mails and events need rights as tables do: a mail needs them for the sender's identity,
// under the condition in the policy, and for the configuration set; an event for its bus.
func TestGuard_MailsAndEvents_ByPolicy(t *testing.T) {
	from := map[string]map[string]string{"StringEquals": {"ses:FromAddress": "releases@example.com"}}
	identity, domain, set := arn("ses", "identity/releases@example.com"), arn("ses", "identity/example.com"), arn("ses", "configuration-set/MailEvents")
	policies := map[string][]template.Statement{
		"sender":   {{Effect: "Allow", Actions: []string{"ses:SendEmail"}, Resources: []string{identity, set}, Condition: from}},
		"domain":   {{Effect: "Allow", Actions: []string{"ses:SendEmail"}, Resources: []string{domain, set}, Condition: from}},
		"no-set":   {{Effect: "Allow", Actions: []string{"ses:SendEmail"}, Resources: []string{identity}, Condition: from}},
		"odd":      {{Effect: "Allow", Actions: []string{"ses:SendEmail"}, Resources: []string{identity, set}, Condition: map[string]map[string]string{"StringLike": {}}}},
		"announce": {{Effect: "Allow", Actions: []string{"events:PutEvents"}, Resources: []string{"Bus.Arn"}}},
	}
	tmpl := &template.Template{}
	for name, p := range policies {
		tmpl.Functions = append(tmpl.Functions, template.Function{Name: name, Policies: p})
	}
	var came []string
	standIn := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		came = append(came, r.URL.Path+" "+string(body))
	})
	g, err := New(tmpl, nil, "http://127.0.0.1:1", Before(standIn, standIn))
	if err != nil {
		t.Fatal(err)
	}
	const mail, events = SESPath + "/v2/email/outbound-emails", EventsPath
	for _, tt := range []struct {
		function, path, body string
		allowed              bool
	}{
		{"sender", mail, `{"FromEmailAddress":"releases@example.com","ConfigurationSetName":"MailEvents"}`, true},
		{"sender", mail, `{"FromEmailAddress":"Releases <releases@example.com>","ConfigurationSetName":"MailEvents"}`, true},
		{"domain", mail, `{"FromEmailAddress":"releases@example.com","ConfigurationSetName":"MailEvents"}`, true},
		{"domain", mail, `{"FromEmailAddress":"boss@example.com","ConfigurationSetName":"MailEvents"}`, false},
		{"sender", mail, `{"FromEmailAddress":"releases@example.com","ConfigurationSetName":"other"}`, false},
		{"no-set", mail, `{"FromEmailAddress":"releases@example.com"}`, true},
		{"no-set", mail, `{"FromEmailAddress":"releases@example.com","ConfigurationSetName":"MailEvents"}`, false},
		{"odd", mail, `{"FromEmailAddress":"releases@example.com"}`, false},
		{"announce", mail, `{"FromEmailAddress":"releases@example.com"}`, false},
		{"stranger", mail, `{"FromEmailAddress":"releases@example.com"}`, false},
		{"announce", events, `{"Entries":[{"EventBusName":"Bus"}]}`, true},
		{"announce", events, `{"Entries":[{"EventBusName":"Bus"},{"EventBusName":"Other"}]}`, false},
		{"announce", events, `{"Entries":[{}]}`, false},
		{"sender", events, `{"Entries":[{"EventBusName":"Bus"}]}`, false},
	} {
		came = nil
		w := httptest.NewRecorder()
		g.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "POST", Path(tt.function)+tt.path, strings.NewReader(tt.body)))
		denied := w.Code == http.StatusBadRequest && w.Header().Get("X-Amzn-Errortype") == "AccessDeniedException"
		switch {
		case tt.allowed && (len(came) != 1 || !strings.HasSuffix(came[0], " "+tt.body) || !strings.HasPrefix(came[0], "/_local/")):
			t.Errorf("%s with %s: %d, %v came; want it passed on once", tt.function, tt.body, w.Code, came)
		case !tt.allowed && (!denied || len(came) != 0):
			t.Errorf("%s with %s: %d, %v came; want it refused", tt.function, tt.body, w.Code, came)
		}
	}
}

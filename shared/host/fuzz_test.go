package host

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

// panics tells of a log line that a handler has panicked.
type panics struct{ t *testing.T }

func (p panics) Write(line []byte) (int, error) {
	if strings.Contains(string(line), "panic") {
		p.t.Errorf("%s", line)
	}
	return len(line), nil
}

// FuzzEvent: whatever JSON an event is made of, the function answers, and the handler gets a
// request that can be read to its end.
func FuzzEvent(f *testing.F) {
	for _, name := range []string{"create-release", "list-releases", "mcp"} {
		payload, err := os.ReadFile("../../events/" + name + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(payload)
	}
	f.Add([]byte(`{"httpMethod":"POST","path":"/a","isBase64Encoded":true,"body":"!!"}`))
	f.Add([]byte(`{"httpMethod":"G ET","path":"\u0000","multiValueHeaders":{"a b":["\r\nx: y"],"":null},"multiValueQueryStringParameters":{"a":null,"b":["","%zz"]}}`))
	f.Add([]byte(`{"httpMethod":"GET","path":"/","requestContext":{"authorizer":{"role":["Admin"],"sub":1,"name":null,"emailVerified":true}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := slog.Default()
		slog.SetDefault(slog.New(slog.NewTextHandler(panics{t}, nil)))
		defer slog.SetDefault(before)
		var event events.APIGatewayProxyRequest
		if json.Unmarshal(raw, &event) != nil {
			return
		}
		answer, err := APIHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				t.Errorf("the body cannot be read: %v", err)
			}
			w.WriteHeader(http.StatusNoContent)
		}))(t.Context(), event)
		if err != nil || answer.StatusCode != http.StatusNoContent && answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%d, %v", answer.StatusCode, err)
		}
	})
}

// FuzzBearer: a token is taken from a header as it stands there, or there is none.
func FuzzBearer(f *testing.F) {
	for _, seed := range []string{"Bearer a", "bearer a", "Bearer", "Bearer  a b", "Basic eA==", "Bearer a, Bearer b", "\x00", "BEARER\ta"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, single, several string) {
		event := events.APIGatewayCustomAuthorizerRequestTypeRequest{Headers: map[string]string{"authorization": single}, MultiValueHeaders: map[string][]string{"Authorization": {several}}}
		token, ok := bearer(event)
		if ok && (token == "" || !strings.Contains(single, token) && !strings.Contains(several, token)) {
			t.Errorf("%q and %q give %q", single, several, token)
		}
	})
}

// variables are those that FromEnvironment reads, in the order of FuzzFromEnvironment's values.
var variables = []string{
	"AWS_REGION", "DYNAMODB_ENDPOINT", "SES_ENDPOINT", "EVENTS_ENDPOINT", "RELEASES_TABLE", "CHANGES_TABLE", "TASKS_TABLE", "MAIL_TABLE", "RECORD_TABLE",
	"TOKEN_ISSUER", "TOKEN_AUDIENCE", "TOKEN_SCOPES", "AUDIENCE_CLAIM", "ROLES_CLAIM", "EMAIL_VERIFIED_CLAIM", "JWKS_URL", "PUBLIC_URL", "ALLOWED_ORIGINS",
	"EVENT_BUS", "MAIL_SENDER", "MAIL_CONFIGURATION_SET", "MAIL_RATE", "RECORD_GENERATION", "LAST_CHECKPOINT", "ORGANISATION_ZONE", "ORGANISATION_NAME", "ORGANISATION_URL",
	"SEPARATE_DUTIES", "TRUST_CENTER", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
}

// FuzzFromEnvironment: whatever stands in the environment is read as it stands there, without
// the space around it; what is not set is empty; and lists have no empty entries, of which one
// would match everybody who says nothing. A value is a line.
func FuzzFromEnvironment(f *testing.F) {
	f.Add("eu-central-1\n\n\n\nR\nC\nT\nM\nH\nhttps://issuer.example\n a, b ,,\nopenid  releases/use\n\n\n\nhttps://issuer.example/keys\nhttps://r.example//\nhttps://a.example, ,https://b.example")
	f.Add(strings.Repeat("\t,\u00a0, \n", len(variables)))
	f.Add(strings.Repeat("true\n", len(variables)))
	f.Add(strings.Repeat("://%zz\n", len(variables)))
	f.Add(strings.Repeat("\xff\u2028/\n", len(variables)))
	f.Fuzz(func(t *testing.T, block string) {
		if strings.Contains(block, "\x00") {
			return // no environment holds one
		}
		lines := strings.Split(block, "\n")
		is := map[string]string{}
		for n, name := range variables {
			value := ""
			if n < len(lines) {
				value = lines[n]
			}
			is[name] = strings.TrimSpace(value)
			t.Setenv(name, value)
		}
		c := FromEnvironment()
		for name, got := range map[string]string{
			"AWS_REGION": c.Region, "DYNAMODB_ENDPOINT": c.DynamoDBEndpoint, "RELEASES_TABLE": c.Tables.Releases, "CHANGES_TABLE": c.Tables.Changes, "TASKS_TABLE": c.Tables.Tasks,
			"MAIL_TABLE": c.Tables.Mail, "RECORD_TABLE": c.Tables.Record, "TOKEN_ISSUER": c.Issuer, "TOKEN_AUDIENCE": c.Audience, "JWKS_URL": c.JWKSURL, "MAIL_SENDER": c.Sender,
			"MAIL_RATE": c.MailRate, "RECORD_GENERATION": c.RecordGeneration, "LAST_CHECKPOINT": c.LastCheckpoint, "ORGANISATION_ZONE": c.Zone, "ORGANISATION_NAME": c.OrganisationName,
		} {
			if got != is[name] {
				t.Errorf("%s is %q, read as %q", name, is[name], got)
			}
		}
		if c.PublicURL != strings.TrimRight(is["PUBLIC_URL"], "/") || c.PublicURL != publicURL() {
			t.Errorf("PUBLIC_URL is %q, read as %q and as %q", is["PUBLIC_URL"], c.PublicURL, publicURL())
		}
		if c.SeparateDuties != strings.EqualFold(is["SEPARATE_DUTIES"], "true") || c.TrustCenter != strings.EqualFold(is["TRUST_CENTER"], "true") {
			t.Errorf("%q and %q are read as %t and %t", is["SEPARATE_DUTIES"], is["TRUST_CENTER"], c.SeparateDuties, c.TrustCenter)
		}
		for _, value := range append(append(c.Scopes, c.AllowedOrigins...), list(c.Audience)...) {
			if value == "" || value != strings.TrimSpace(value) {
				t.Errorf("a list has the entry %q", value)
			}
		}
		for _, origin := range c.AllowedOrigins {
			if strings.ContainsAny(origin, ", \t") {
				t.Errorf("an origin is %q", origin)
			}
		}
		if len(list(c.Audience)) > 0 && c.Issuer != "" && c.JWKSURL != "" {
			// Nobody gets in by a token that is none, whatever the settings are.
			if _, err := c.Verifier().Verify(t.Context(), "a.b.c"); err == nil {
				t.Errorf("a token that is none lets somebody in")
			}
		}
	})
}

package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/golang-jwt/jwt/v5"

	"example.com/releases/shared/release"
	"example.com/releases/shared/version"
)

// TestMain lets the test binary be the function: what needs a process of its own (the Lambda runtime client, an
// environment, an end of the process) is tested as a child.
func TestMain(m *testing.M) {
	switch os.Getenv("HOST_TEST_ROLE") {
	case "":
		os.Exit(m.Run())
	case "http":
		Serve(HTTP(http.HandlerFunc(echo)))
	case "authorizer":
		Serve(Authorize(FromEnvironment()))
	case "needs":
		FromEnvironment("RELEASES_TABLE", "TASKS_TABLE", "CHANGES_TABLE")
	case "misspelt":
		FromEnvironment("RELEASE_TABLE")
	case "aws":
		FromEnvironment().AWS("")
	}
}

func child(t *testing.T, role string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(env, "HOST_TEST_ROLE="+role)
	return cmd
}

func TestFromEnvironment_VariablesMissing_EndWithASentence(t *testing.T) {
	for name, tt := range map[string]struct {
		role string
		env  []string
		want string
	}{
		"tables":     {"needs", []string{"RELEASES_TABLE=r", "TASKS_TABLE= "}, "TASKS_TABLE, CHANGES_TABLE are not set"},
		"identity":   {"authorizer", []string{"TOKEN_ISSUER=i", "JWKS_URL=u"}, "TOKEN_AUDIENCE is not set"},
		"region":     {"aws", nil, "AWS_REGION is not set"},
		"misspelt":   {"misspelt", []string{"RELEASE_TABLE=r"}, "RELEASE_TABLE is not a variable of Releases"},
		"all is set": {"needs", []string{"RELEASES_TABLE=r", "TASKS_TABLE=t", "CHANGES_TABLE=c"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := child(t, tt.role, tt.env...).CombinedOutput()
			var exit *exec.ExitError
			if ended := errors.As(err, &exit); ended != (tt.want != "") {
				t.Fatalf("%v: %s", err, out)
			}
			if !strings.Contains(string(out), tt.want) {
				t.Errorf("said %q, want %q", out, tt.want)
			}
		})
	}
}

// lambdaService is Lambda's side of the Runtime API: it hands one event over and takes the answer.
func lambdaService(t *testing.T, event any) (address string, answer <-chan []byte) {
	t.Helper()
	payload, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	answered, next := make(chan []byte, 1), make(chan []byte, 1)
	next <- payload
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/next") {
			select {
			case p := <-next:
				w.Header().Set("Lambda-Runtime-Aws-Request-Id", "invocation-1")
				w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(10*time.Second).UnixMilli()))
				_, _ = w.Write(p)
			case <-r.Context().Done():
			}
			return
		}
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		answered <- body
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://"), answered
}

func invoke[Out any](t *testing.T, role string, event any, env ...string) (out Out, logged string) {
	t.Helper()
	address, answer := lambdaService(t, event)
	cmd := child(t, role, append(env, "AWS_LAMBDA_RUNTIME_API="+address)...)
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	defer func() { _ = cmd.Process.Kill(); <-ended; logged = log.String() }()
	select {
	case body := <-answer:
		if err := json.Unmarshal(body, &out); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
	case <-ended:
		t.Fatalf("the function ended: %s", log.String())
	}
	return out, ""
}

func TestServe_RuntimeAPI_EventsAreAnswered(t *testing.T) {
	t.Run("http", func(t *testing.T) {
		got, _ := invoke[events.APIGatewayProxyResponse](t, "http", events.APIGatewayProxyRequest{
			HTTPMethod: "POST", Path: "/api/releases", Body: "hello",
			RequestContext: events.APIGatewayProxyRequestContext{Authorizer: allow("arn", someone).Context},
		})
		if got.StatusCode != 200 || !strings.Contains(got.Body, "caller "+fmt.Sprintf("%+v", someone)) || !strings.Contains(got.Body, `X-Request-Id: ["invocation-1"]`) {
			t.Errorf("answered %+v", got)
		}
	})
	s := newSigner(t)
	env := []string{"TOKEN_ISSUER=https://issuer.example", "TOKEN_AUDIENCE=the portal, releases", "JWKS_URL=" + s.url}
	t.Run("authorizer", func(t *testing.T) {
		e := asked(methodARN, http.Header{"Authorization": {"Bearer " + s.token(t, nil)}})
		got, _ := invoke[events.APIGatewayCustomAuthorizerResponse](t, "authorizer", e, env...)
		if caller, _ := callerOf(got.Context); caller.Role != release.Auditor || got.PolicyDocument.Statement[0].Effect != "Allow" {
			t.Errorf("answered %+v", got)
		}
	})
	// An audience is compared whole: one with a space in its name is one, and no half of it is.
	for audience, effect := range map[string]string{"the portal": "Allow", "portal": "Deny", "the": "Deny"} {
		t.Run("authorizer, audience "+audience, func(t *testing.T) {
			e := asked(methodARN, http.Header{"Authorization": {"Bearer " + s.token(t, jwt.MapClaims{"aud": audience})}})
			got, _ := invoke[events.APIGatewayCustomAuthorizerResponse](t, "authorizer", e, env...)
			if got.PolicyDocument.Statement[0].Effect != effect {
				t.Errorf("answered %+v", got)
			}
		})
	}
	t.Run("authorizer logs a refusal as JSON with the request's id", func(t *testing.T) {
		got, logged := invoke[events.APIGatewayCustomAuthorizerResponse](t, "authorizer", asked(methodARN, http.Header{"Authorization": {"Bearer x"}}), env...)
		if got.PolicyDocument.Statement[0].Effect != "Deny" {
			t.Errorf("answered %+v", got)
		}
		var line struct{ Level, Message, Reason, RequestID, Version string }
		if err := json.Unmarshal([]byte(logged), &line); err != nil || line.Level != "INFO" || line.Reason != "malformed" || line.RequestID != "invocation-1" || line.Version != version.Number {
			t.Errorf("%v: logged %s", err, logged)
		}
	})
}

func TestAWS_Configuration_IsOurs(t *testing.T) {
	t.Setenv("AWS_REGION", "eu-central-1")
	for name, tt := range map[string]struct {
		key, secret, session, endpoint string
		want                           string
		fails                          bool
	}{
		"Lambda":                    {"AKIA", "s", "token", "", "AKIA/s/token", false},
		"no session":                {"AKIA", "s", "", "", "AKIA/s/", false},
		"local engine":              {"", "", "", "http://127.0.0.1:8000", "local/local/", false},
		"local engine, own keys":    {"k", "s", "", "http://127.0.0.1:8000", "k/s/", false},
		"AWS, nothing to sign with": {"", "", "", "", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AWS_ACCESS_KEY_ID", tt.key)
			t.Setenv("AWS_SECRET_ACCESS_KEY", tt.secret)
			t.Setenv("AWS_SESSION_TOKEN", tt.session)
			c := FromEnvironment("AWS_REGION").AWS(tt.endpoint)
			got, err := c.Credentials.Retrieve(t.Context())
			if (err != nil) != tt.fails {
				t.Fatal(err)
			}
			if s := got.AccessKeyID + "/" + got.SecretAccessKey + "/" + got.SessionToken; !tt.fails && s != tt.want {
				t.Errorf("credentials %s, want %s", s, tt.want)
			}
			if c.Region != "eu-central-1" || (c.BaseEndpoint == nil) != (tt.endpoint == "") {
				t.Errorf("region %s, endpoint %v", c.Region, c.BaseEndpoint)
			}
		})
	}
}

func TestFromEnvironment_EachVariable_IsRead(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_REGION": "eu", "DYNAMODB_ENDPOINT": "d", "SES_ENDPOINT": "s", "EVENTS_ENDPOINT": "e",
		"RELEASES_TABLE": "R", "CHANGES_TABLE": "C", "TASKS_TABLE": "T", "MAIL_TABLE": "M", "RECORD_TABLE": "H",
		"TOKEN_ISSUER": "i", "TOKEN_AUDIENCE": "a, b", "TOKEN_SCOPES": "openid  releases/use", "AUDIENCE_CLAIM": "client_id", "ROLES_CLAIM": "cognito:groups", "EMAIL_VERIFIED_CLAIM": "xms_edov", "JWKS_URL": "u",
		"PUBLIC_URL": "https://releases.example/", "ALLOWED_ORIGINS": "https://a.example, https://b.example",
		"EVENT_BUS": "bus", "MAIL_SENDER": "r@example.com", "MAIL_CONFIGURATION_SET": "c", "MAIL_RATE": "14", "RECORD_GENERATION": "2", "LAST_CHECKPOINT": "o 1 r", "ORGANISATION_ZONE": "Europe/Berlin",
		"ORGANISATION_NAME": "Acme & Co.", "ORGANISATION_URL": "https://acme.example", "SEPARATE_DUTIES": "True", "TRUST_CENTER": "True",
		"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "",
	} {
		t.Setenv(name, value)
	}
	got := FromEnvironment()
	got.credentials.AccessKeyID = ""
	want := `{Region:eu DynamoDBEndpoint:d SESEndpoint:s EventsEndpoint:e Tables:{Releases:R Changes:C Tasks:T Mail:M Record:H} ` +
		`Issuer:i Audience:a, b AudienceClaim:client_id RolesClaim:cognito:groups EmailVerifiedClaim:xms_edov JWKSURL:u Scopes:[openid releases/use] PublicURL:https://releases.example ` +
		`AllowedOrigins:[https://a.example https://b.example] EventBus:bus Sender:r@example.com Zone:Europe/Berlin ConfigurationSet:c MailRate:14 RecordGeneration:2 LastCheckpoint:o 1 r SeparateDuties:true OrganisationName:Acme & Co. OrganisationURL:https://acme.example TrustCenter:true `
	if s := fmt.Sprintf("%+v", got); !strings.HasPrefix(s, want) {
		t.Errorf("got  %s\nwant %s", s, want)
	}
}

func BenchmarkAPIHandler(b *testing.B) {
	serve := APIHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.Copy(w, r.Body)
	}))
	e := events.APIGatewayProxyRequest{
		HTTPMethod: "POST", Resource: "/api/releases/{id}/log", Path: "/api/releases/REL-2026-Q2-001/log",
		Body:              `{"text":"` + strings.Repeat("x", 2000) + `"}`,
		MultiValueHeaders: map[string][]string{"Content-Type": {"application/json"}, "If-Match": {`"a,b"`}},
		RequestContext:    events.APIGatewayProxyRequestContext{RequestID: "r", Authorizer: allow("arn", someone).Context},
	}
	b.ReportAllocs()
	for b.Loop() {
		if got, err := serve(b.Context(), e); err != nil || got.StatusCode != 200 {
			b.Fatal(got, err)
		}
	}
}

func BenchmarkAuthorizer(b *testing.B) {
	s := newSigner(b)
	authorize := Authorizer(s.verifier())
	e := asked(methodARN, http.Header{"Authorization": {"Bearer " + s.token(b, nil)}})
	b.ReportAllocs()
	for b.Loop() {
		if got, err := authorize(b.Context(), e); err != nil || got.PolicyDocument.Statement[0].Effect != "Allow" {
			b.Fatal(got, err)
		}
	}
}

package host

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/golang-jwt/jwt/v5"

	"example.com/releases/shared/identity"
)

const methodARN = "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3/prod/GET/api/releases/REL-2026-Q2-001"

// signer is an issuer with one key, served over HTTP.
type signer struct {
	key  *ecdsa.PrivateKey
	url  string
	down atomic.Bool
}

func newSigner(t testing.TB) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	s := &signer{key: key}
	b64 := base64.RawURLEncoding.EncodeToString
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if s.down.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		fmt.Fprintf(w, `{"keys":[{"kty":"EC","crv":"P-256","kid":"k","x":%q,"y":%q}]}`, b64(point[1:33]), b64(point[33:]))
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *signer) verifier() *identity.Verifier {
	return identity.New(identity.Config{Issuer: "https://issuer.example", Audiences: []string{"releases"}, JWKSURL: s.url})
}

func (s *signer) token(t testing.TB, change jwt.MapClaims) string {
	t.Helper()
	claims := jwt.MapClaims{
		"iss": "https://issuer.example", "aud": "releases", "sub": "u-1", "name": "Ада Лавлейс",
		"email": "ada@example.com", "email_verified": true, "roles": "Auditor", "exp": time.Now().Add(time.Hour).Unix(),
	}
	maps.Copy(claims, change)
	token := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	token.Header["kid"] = "k"
	signed, err := token.SignedString(s.key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

type authorizerEvent = events.APIGatewayCustomAuthorizerRequestTypeRequest

func asked(arn string, header http.Header) authorizerEvent {
	e := authorizerEvent{Type: "REQUEST", MethodArn: arn, MultiValueHeaders: header, Headers: map[string]string{}}
	for name, values := range header {
		e.Headers[name] = values[len(values)-1]
	}
	return e
}

// decide runs the authorizer as API Gateway would, over JSON, and checks what holds for every answer.
func decide(t *testing.T, v *identity.Verifier, e authorizerEvent) (effect, resource string, about map[string]any) {
	t.Helper()
	got, err := Authorizer(v)(t.Context(), overJSON(t, e))
	if err != nil {
		t.Fatalf("an error becomes a 500: %v", err)
	}
	got = overJSON(t, got)
	if got.PrincipalID == "" || got.PolicyDocument.Version != "2012-10-17" || len(got.PolicyDocument.Statement) != 1 {
		t.Fatalf("API Gateway would not take %+v", got)
	}
	s := got.PolicyDocument.Statement[0]
	if len(s.Action) != 1 || s.Action[0] != "execute-api:Invoke" || len(s.Resource) != 1 {
		t.Fatalf("statement %+v", s)
	}
	for key, value := range got.Context {
		if _, isText := value.(string); !isText {
			t.Errorf("context %s is %T; only strings survive API Gateway", key, value)
		}
	}
	return s.Effect, s.Resource[0], got.Context
}

func TestAuthorizer_GoodToken_AllowedOnTheWholeAPI(t *testing.T) {
	s := newSigner(t)
	v := s.verifier()
	who := map[string]any{"sub": "u-1", "name": "Ада Лавлейс", "email": "ada@example.com", "emailVerified": "true", "role": "Auditor"}
	for name, tt := range map[string]struct {
		arn, resource string
		header        http.Header
		change        map[string]any
	}{
		"usual":              {methodARN, "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3/prod/*/*", http.Header{"Authorization": {"Bearer "}}, nil},
		"root":               {"arn:aws:execute-api:x:1:a/prod/GET/", "arn:aws:execute-api:x:1:a/prod/*/*", http.Header{"Authorization": {"Bearer "}}, nil},
		"another partition":  {"arn:aws-cn:execute-api:cn-north-1:1:a/v1/POST/mcp", "arn:aws-cn:execute-api:cn-north-1:1:a/v1/*/*", http.Header{"Authorization": {"Bearer "}}, nil},
		"lower case":         {methodARN, "", http.Header{"authorization": {"bearer "}}, nil},
		"spaces":             {methodARN, "", http.Header{"AUTHORIZATION": {" BEARER   "}}, nil},
		"a requester":        {methodARN, "", http.Header{"Authorization": {"Bearer "}}, map[string]any{"roles": []string{}}},
		"unverified address": {methodARN, "", http.Header{"Authorization": {"Bearer "}}, map[string]any{"email_verified": false}},
	} {
		t.Run(name, func(t *testing.T) {
			header := tt.header.Clone()
			for _, values := range header {
				values[0] += s.token(t, tt.change)
			}
			effect, resource, about := decide(t, v, asked(tt.arn, header))
			want := maps.Clone(who)
			if tt.change["roles"] != nil {
				want["role"] = ""
			}
			if tt.change["email_verified"] != nil {
				want["emailVerified"] = "false"
			}
			if effect != "Allow" || !maps.Equal(about, want) {
				t.Errorf("%s with %v, want Allow with %v", effect, about, want)
			}
			if tt.resource != "" && resource != tt.resource {
				t.Errorf("resource %s, want %s", resource, tt.resource)
			}
			caller, ok := callerOf(overJSON(t, about))
			if !ok || caller.Subject != "u-1" || caller.Role.String() != want["role"] || caller.EmailVerified != (want["emailVerified"] == "true") {
				t.Errorf("the functions would see %+v", caller)
			}
		})
	}
}

func TestAuthorizer_HandWrittenEvent_Works(t *testing.T) {
	s := newSigner(t)
	e := authorizerEvent{MethodArn: methodARN, Headers: map[string]string{"Authorization": "Bearer " + s.token(t, nil)}}
	if effect, _, about := decide(t, s.verifier(), e); effect != "Allow" {
		t.Errorf("%s %v", effect, about)
	}
}

func TestAuthorizer_BadToken_DeniedWithoutTellingWhy(t *testing.T) {
	s, other := newSigner(t), newSigner(t)
	v := s.verifier()
	bearer := func(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }
	good := s.token(t, nil)
	for name, tt := range map[string]struct {
		arn    string
		header http.Header
		code   string
	}{
		"no header":        {methodARN, nil, "token-missing"},
		"empty header":     {methodARN, http.Header{"Authorization": {""}}, "token-missing"},
		"scheme only":      {methodARN, http.Header{"Authorization": {"Bearer "}}, "token-missing"},
		"another scheme":   {methodARN, http.Header{"Authorization": {"Basic " + good}}, "token-missing"},
		"token only":       {methodARN, http.Header{"Authorization": {good}}, "token-missing"},
		"two headers":      {methodARN, http.Header{"Authorization": {"Bearer " + good, "Bearer " + s.token(t, jwt.MapClaims{"roles": "Admin"})}}, "token-missing"},
		"garbage":          {methodARN, bearer("x.y.z"), "token-invalid"},
		"two tokens":       {methodARN, bearer(good + " " + good), "token-invalid"},
		"expired":          {methodARN, bearer(s.token(t, jwt.MapClaims{"exp": 1})), "token-invalid"},
		"another audience": {methodARN, bearer(s.token(t, jwt.MapClaims{"aud": "payroll"})), "token-invalid"},
		"forged":           {methodARN, bearer(other.token(t, jwt.MapClaims{"roles": "Admin"})), "token-invalid"},
		"no stage":         {"arn:aws:execute-api:x:1:a", bearer(good), "token-invalid"},
		"an empty stage":   {"arn:aws:execute-api:x:1:a//GET/", bearer(good), "token-invalid"},
		"no ARN":           {"", bearer(good), "token-invalid"},
		"another service":  {"arn:aws:s3:::bucket/key/more", bearer(good), "token-invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			effect, resource, about := decide(t, v, asked(tt.arn, tt.header))
			if effect != "Deny" || about["code"] != tt.code {
				t.Errorf("%s with %v, want Deny with %s", effect, about, tt.code)
			}
			if len(about) != 2 || about["detail"] == "" {
				t.Errorf("a refusal tells %v", about)
			}
			if tt.arn == methodARN && resource != "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3/prod/*/*" {
				t.Errorf("resource %s", resource)
			}
			// The texts stand inside a JSON template of the gateway, which escapes nothing.
			if text := fmt.Sprint(about["detail"]); strings.ContainsAny(text, "\"\\\n") {
				t.Errorf("%q breaks the gateway's JSON", text)
			}
		})
	}
}

func TestAuthorizer_WithoutKeys_NobodyGetsIn(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
	defer slog.SetDefault(before)
	s := newSigner(t)
	s.down.Store(true)
	token := s.token(t, nil)
	answer, err := Authorizer(s.verifier())(t.Context(), asked(methodARN, http.Header{"Authorization": {"Bearer " + token}}))
	if !errors.Is(err, errNoKeys) || len(answer.PolicyDocument.Statement) != 0 {
		t.Errorf("%v with %v: a Deny would be cached, and no alarm would hear of it", err, answer)
	}
	if !strings.Contains(log.String(), `"level":"ERROR"`) || !strings.Contains(log.String(), "502") {
		t.Errorf("the log does not say what is wrong: %s", log.String())
	}
	if strings.Contains(log.String(), token) {
		t.Error("the token stands in the log")
	}
}

package rest

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

// things is an input that does not keep its decoding errors for the operation, so that body returns
// them.
type things struct {
	Status string `json:"status"`
	Note   string `json:"note"`
}

func TestBody_Malformed_Refused(t *testing.T) {
	h := Handler(nil, probe(http.MethodPost, func(q *request) (reply, error) {
		in, err := body[things](q)
		return reply{value: in}, err
	}))
	pad := func(n int) string { return `{"note":"` + strings.Repeat("x", n-len(`{"note":""}`)) + `"}` }
	for _, c := range []struct {
		name, body, contentType string
		status                  int
		code                    string
		fields                  string
	}{
		{"plain", `{"status":"approved"}`, "application/json", 200, "", ""},
		{"charset", `{"status":"approved"}`, `Application/JSON; charset="UTF-8"`, 200, "", ""},
		{"charset as many spell it", `{"status":"approved"}`, "application/json;charset=utf8", 200, "", ""},
		{"charset in capitals", `{"status":"approved"}`, `application/json; charset="UTF8"`, 200, "", ""},
		{"another one that begins so", `{}`, "application/json; charset=utf-8859-1", 415, "unsupported-media-type", ""},
		{"UTF-16", `{}`, "application/json; charset=utf-16", 415, "unsupported-media-type", ""},
		{"a mark of byte order", "\ufeff" + `{"status":"approved"}`, "application/json", 200, "", ""},
		{"two marks", "\ufeff\ufeff{}", "application/json", 400, "invalid-json", ""},
		{"nothing but a mark", "\ufeff", "application/json", 400, "invalid-json", ""},
		{"line ends of Windows", "{\r\n\t\"status\": \"approved\"\r\n}\r\n", "application/json", 200, "", ""},
		{"other charset", `{}`, "application/json; charset=latin1", 415, "unsupported-media-type", ""},
		{"other type", `{}`, "text/json", 415, "unsupported-media-type", ""},
		{"form", `a=b`, "application/x-www-form-urlencoded", 415, "unsupported-media-type", ""},
		{"no type", `{}`, "", 415, "unsupported-media-type", ""},
		{"broken type", `{}`, "application/json; charset", 415, "unsupported-media-type", ""},
		{"at the bound", pad(MaxBody), "application/json", 200, "", ""},
		{"over the bound", pad(MaxBody + 1), "application/json", 413, "too-large", ""},
		{"nothing", ``, "application/json", 400, "invalid-json", ""},
		{"cut off", `{"status":`, "application/json", 400, "invalid-json", ""},
		{"two values", `{} {}`, "application/json", 400, "invalid-json", ""},
		{"a list", `[]`, "application/json", 400, "invalid-json", ""},
		{"every wrong field", `{"status":1,"note":[],"colour":"red","Note":""}`, "application/json", 400, "invalid-request", "Note colour note status"},
	} {
		r := send(h, &admin, "POST", "/api/things/a", c.body, "Content-Type: "+c.contentType)
		if r.Code != c.status {
			t.Errorf("%s: %d, want %d; %s", c.name, r.Code, c.status, r.Body)
			continue
		}
		if c.code == "" {
			continue
		}
		p := problemIn(t, r)
		var fields []string
		for _, f := range p.Errors {
			fields = append(fields, f.Field)
		}
		if got := strings.Join(fields, " "); p.Code != c.code || got != c.fields {
			t.Errorf("%s: %s about %q, want %s about %q", c.name, p.Code, got, c.code, c.fields)
		}
	}
}

func TestIdempotencyKey_Malformed_Refused(t *testing.T) {
	var got *operations.IdempotencyKey
	seen := func(q *request) (reply, error) {
		got = q.pre.IdempotencyKey
		return reply{value: 1}, nil
	}
	h := Handler(nil, probe(http.MethodPost, seen), probe(http.MethodGet, seen))
	keyOf := func(who release.Caller, path, body, key string) operations.IdempotencyKey {
		t.Helper()
		w := send(h, &who, "POST", path, body, "Idempotency-Key: "+key)
		if w.Code != 200 || got == nil {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return *got
	}
	first := keyOf(admin, "/api/things/a", `{"a":1}`, "k")
	if first != keyOf(admin, "/api/things/a", `{"a":1}`, "k") {
		t.Error("the same request has another key")
	}
	other := admin
	other.Subject = "u-2"
	for name, o := range map[string]operations.IdempotencyKey{
		"caller": keyOf(other, "/api/things/a", `{"a":1}`, "k"),
		"path":   keyOf(admin, "/api/things/b", `{"a":1}`, "k"),
		"key":    keyOf(admin, "/api/things/a", `{"a":1}`, "l"),
	} {
		if o.Key == first.Key || o.Body != first.Body {
			t.Errorf("with another %s the key is %v, at first %v; want another key, and the same body", name, o, first)
		}
	}
	if o := keyOf(admin, "/api/things/a", `{"a":2}`, "k"); o.Key != first.Key || o.Body == first.Body {
		t.Errorf("with another body the key is %v, at first %v; want the same key, and another body", o, first)
	}
	keyOf(admin, "/api/things/a", `{}`, strings.Repeat("~", 255))

	for name, headers := range map[string][]string{
		"empty":     {"Idempotency-Key: "},
		"too long":  {"Idempotency-Key: " + strings.Repeat("k", 256)},
		"space":     {"Idempotency-Key: a b"},
		"not ASCII": {"Idempotency-Key: ké"},
		"twice":     {"Idempotency-Key: a", "Idempotency-Key: b"},
	} {
		w := send(h, &admin, "POST", "/api/things/a", "{}", headers...)
		if p := problemIn(t, w); w.Code != 400 || p.Code != "invalid-header" || len(p.Errors) != 1 {
			t.Errorf("%s: %s, want invalid-header", name, w.Body)
		}
	}
	if w := send(h, &admin, "POST", "/api/things/a", "{}"); w.Code != 200 || got != nil {
		t.Errorf("without the header: %d, key %v; want 200 and none", w.Code, got)
	}
	if w := send(h, &admin, "GET", "/api/things/a", "", "Idempotency-Key: k"); w.Code != 200 || got != nil {
		t.Errorf("on a read: %d, key %v; want 200 and none", w.Code, got)
	}
}

func TestID_Impossible_NotFound(t *testing.T) {
	h := Handler(operations.New(nil), Routes()...) // without a store: nothing may get that far
	tried := 0
	for _, route := range Routes() {
		if !slices.Contains(route.Parameters(), "id") {
			continue
		}
		tried++
		body := ""
		if route.Body != nil {
			body = `{"status":"approved","decision":"approved","text":"A","add":["B"],"completed":true}`
		}
		for _, id := range []string{"%20", "a%2Fb", "%00", ".", "%F0%9F%9A%80", strings.Repeat("a", 65), strings.Repeat("a", 5000)} {
			path := strings.NewReplacer("{id}", id, "{plan}", "rollout", "{order}", "1").Replace(route.Path)
			w := send(h, &admin, route.Method, Base+path, body)
			if p := problemIn(t, w); p.Code != "not-found" || len(p.Detail) > 250 {
				t.Errorf("%s %.80s: %s, want not-found", route.Method, path, w.Body)
			}
		}
	}
	if tried < 10 {
		t.Errorf("only %d routes with an id were tried, want 10 or more", tried)
	}
}

// Unknown fields and parameters are refused by the operation, which names them; an operation that
// forgets to look at its decoding errors would accept them.
func TestInput_UnknownField_NamedByEveryRoute(t *testing.T) {
	h := Handler(operations.New(nil), Routes()...)
	for _, route := range Routes() {
		path := Base + strings.NewReplacer("{id}", "A-1", "{plan}", "rollout", "{order}", "1").Replace(route.Path)
		tries := map[string]string{path + "?colour=red": ""}
		if route.Body != nil {
			tries[path+"?colour=red"] = "{}"
			if route.Method != http.MethodPatch { // a patch is decoded onto the stored item, and there is no store
				tries[path] = `{"colour":"red"}`
			}
		}
		for path, body := range tries {
			w := send(h, &admin, route.Method, path, body)
			if p := problemIn(t, w); p.Code != "invalid-request" || !slices.ContainsFunc(p.Errors, func(e release.FieldError) bool { return e.Field == "colour" }) {
				t.Errorf("%s %s %s: %s, want invalid-request that names colour", route.Method, path, body, w.Body)
			}
		}
	}
}

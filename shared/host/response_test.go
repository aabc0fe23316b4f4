package host

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

func write(s string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { _, _ = io.WriteString(w, s) }
}

func status(code int) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { w.WriteHeader(code) }
}

func head(name string, values ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) { w.Header()[name] = values }
}

func flush(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }

func TestAPIHandler_Answers_AreThoseOfNetHTTP(t *testing.T) {
	type steps = []func(http.ResponseWriter)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte(`{"a":1}`))
	_ = z.Close()
	handlers := map[string]steps{
		"nothing at all":               {},
		"headers only":                 {head("ETag", `"1"`)},
		"a status only":                {status(202)},
		"204":                          {status(204)},
		"204 with a type and a body":   {head("Content-Type", "text/plain"), status(204), write("x")},
		"304 with an ETag":             {head("Etag", `"a,b"`), head("Content-Type", "text/plain"), head("Content-Length", "5"), status(304), write("hello")},
		"201 with a place":             {head("Location", "/api/releases/REL-2026-Q2-001"), status(201), write(`{}`)},
		"the first status counts":      {status(409), status(200), write("x")},
		"a status after the body":      {write("x"), status(500)},
		"a header after the status":    {head("X-Early", "1"), status(200), head("X-Late", "1"), write("x")},
		"a header after the body":      {write("x"), head("X-Late", "1")},
		"a header changed afterwards":  {head("X-A", "1"), status(200), func(w http.ResponseWriter) { w.Header().Add("X-A", "2") }, write("x")},
		"informational, then final":    {status(102), status(404), write("x")},
		"informational only":           {status(102)},
		"repeated headers":             {head("Set-Cookie", "a=1; Expires=Mon, 23 Nov 2026 12:00:00 GMT", "b=2"), head("Vary", "Origin", "Accept, Authorization"), write("x")},
		"commas in headers":            {head("Etag", `W/"1,2"`), head("Date", "Mon, 23 Nov 2026 12:00:00 GMT"), head("Www-Authenticate", `Bearer realm="a, b"`), write("x")},
		"line breaks in headers":       {head("X-Text", " a\r\nSet-Cookie: b=1 \n"), write("x")},
		"an empty header":              {head("X-Empty", ""), write("x")},
		"a header that is unset":       {head("X-None"), write("x")},
		"unicode in a header":          {head("X-Name", "Ærø 一"), write("x")},
		"a type of its own":            {head("Content-Type", "application/problem+json"), write(`{"code":"x"}`)},
		"a type that is unset":         {head("Content-Type"), write("<html>")},
		"an empty type":                {head("Content-Type", ""), write("<html>")},
		"guessed: HTML":                {write("<!DOCTYPE html><p>x")},
		"guessed: text":                {write("hello")},
		"guessed over several writes":  {write("<!DOC"), write("TYPE html>"), write("<p>x")},
		"guessed up to a flush":        {write("<!DOC"), flush, write("TYPE html>")},
		"guessed, then flushed twice":  {write("a"), flush, write("\x00"), flush, write("b")},
		"a flush before anything":      {flush, status(500), head("X-Late", "1")},
		"not guessed when encoded":     {head("Content-Encoding", "gzip"), write(packed.String())},
		"an empty write":               {write(""), status(500)},
		"binary":                       {head("Content-Type", "application/octet-stream"), write("\xff\x00\xfe")},
		"guessed binary":               {write("\x89PNG\r\n\x1a\n\x00\xff")},
		"unicode":                      {head("Content-Type", "application/json"), write(`{"n":"ö 一 😀 <&>` + "\u2028" + `"}`)},
		"a megabyte":                   {head("Content-Type", "text/plain"), write(strings.Repeat("0123456789abcdef", 1<<16))},
		"a binary megabyte":            {write(strings.Repeat("\xff\x00", 1<<19))},
		"its own length":               {head("Content-Length", "5"), write("hello")},
		"a redirect":                   {head("Location", "/elsewhere"), status(303)},
		"a 500":                        {head("Content-Type", "application/problem+json"), status(500), write("{}")},
		"a status of its own":          {status(799), write("x")},
		"an error, as http.Error says": {head("Content-Length", "99"), func(w http.ResponseWriter) { http.Error(w, "no", 400) }},
	}
	for name, do := range handlers {
		h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for _, step := range do {
				step(w)
			}
		})
		plain, lambda := plainServer(t, h), gateway(t, h, nil)
		length := -1
		for _, method := range []string{"GET", "POST", "HEAD"} {
			t.Run(name+"/"+method, func(t *testing.T) {
				s := sent{method: method, target: "/"}
				a, b := ask(t, plain.URL, s.request(t)), ask(t, lambda.URL, s.request(t))
				if method == "GET" {
					length = len(a.body)
				}
				// Where net/http streams, it sends no length. Lambda never streams; the length it sends must be true.
				if declared := b.header.Get("Content-Length"); a.header.Get("Content-Length") == "" && declared != "" {
					if declared != strconv.Itoa(length) {
						t.Errorf("Lambda says %s bytes, there are %d", declared, length)
					}
					b.header.Del("Content-Length")
				}
				same(t, a, b, name == "commas in headers")
			})
		}
	}
}

func TestAPIHandler_BodyWhereNoneIsAllowed_IsDropped(t *testing.T) {
	for status, want := range map[int]error{http.StatusNoContent: http.ErrBodyNotAllowed, http.StatusNotModified: http.ErrBodyNotAllowed, http.StatusOK: nil} {
		var plain, lambda error
		h := func(err *error) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				_, *err = io.WriteString(w, "x")
			}
		}
		r := sent{method: "GET", target: "/"}.request(t)
		ask(t, plainServer(t, h(&plain)).URL, r)
		_, _ = APIHandler(h(&lambda))(t.Context(), events.APIGatewayProxyRequest{HTTPMethod: "GET", Path: "/"})
		if !errors.Is(plain, want) || !errors.Is(lambda, want) {
			t.Errorf("%d: net/http %v, Lambda %v", status, plain, lambda)
		}
	}
}

// A status has three digits, as net/http has it: informational ones are passed over, others panic.
func TestWriteHeader_ThreeDigits(t *testing.T) {
	for status, valid := range map[int]bool{99: false, 100: true, 999: true, 1000: false} {
		func() {
			defer func() {
				if got := recover() == nil; got != valid {
					t.Errorf("%d is taken: %v", status, got)
				}
			}()
			newResponseWriter().WriteHeader(status)
		}()
	}
}

// A percent sign that begins no escape is escaped itself, also at the end.
func TestEscaped_PercentSigns(t *testing.T) {
	for path, want := range map[string]string{"/a%2Fb": "/a%2Fb", "/a%2f": "/a%2f", "/a%": "/a%25", "/a%4": "/a%254", "/a%zz": "/a%25zz", "/a b": "/a%20b"} {
		if got := escaped(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

// net/http cuts the connection when a handler panics; a function has to answer. The answer says nothing of the cause,
// and nothing the handler wrote before is in it.
func TestAPIHandler_Panics_Problem(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"at once": func(http.ResponseWriter, *http.Request) { panic("secret of table X") },
		"after half an answer": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/half")
			w.WriteHeader(201)
			_, _ = io.WriteString(w, "half")
			panic(errors.New("secret of table X"))
		},
		"a bug of ours":     func(_ http.ResponseWriter, r *http.Request) { _ = []string{}[len(r.Method)] },
		"an invalid status": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(0) },
		"on purpose":        func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			before := slog.Default()
			slog.SetDefault(slog.New(withIDs{slog.NewJSONHandler(&log, nil)}))
			defer slog.SetDefault(before)
			ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "lambda-1"})
			got, err := APIHandler(h)(ctx, events.APIGatewayProxyRequest{
				HTTPMethod: "POST", Path: "/api/x", RequestContext: events.APIGatewayProxyRequestContext{RequestID: "gateway-1"},
			})
			if err != nil {
				t.Fatal(err)
			}
			var p struct {
				Status          int
				Code, RequestID string
			}
			if err := json.Unmarshal([]byte(got.Body), &p); err != nil {
				t.Fatal(err)
			}
			if got.StatusCode != 500 || p.Status != 500 || p.Code != "internal" || p.RequestID != "gateway-1" {
				t.Errorf("answered %d %s", got.StatusCode, got.Body)
			}
			if typ := got.MultiValueHeaders["Content-Type"]; len(typ) != 1 || typ[0] != "application/problem+json" {
				t.Errorf("type %q", typ)
			}
			if kept := got.MultiValueHeaders["Cache-Control"]; len(kept) != 1 || kept[0] != "no-store" {
				t.Errorf("a cache may keep it: %q", kept)
			}
			if got.MultiValueHeaders["Location"] != nil || strings.Contains(got.Body, "secret") || strings.Contains(got.Body, "half") {
				t.Errorf("answered with what was inside: %+v", got)
			}
			for _, want := range []string{`"requestId":"lambda-1"`, `"apiRequestId":"gateway-1"`, `"stack":`, `"path":"/api/x"`} {
				if !strings.Contains(log.String(), want) {
					t.Errorf("the log lacks %s: %s", want, log.String())
				}
			}
		})
	}
}

func TestAPIHandler_UnreadableEvent_BadRequest(t *testing.T) {
	h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler ran") })
	for name, e := range map[string]events.APIGatewayProxyRequest{
		"not base64":  {HTTPMethod: "POST", Path: "/", Body: "%%%", IsBase64Encoded: true},
		"no method":   {HTTPMethod: "GET /", Path: "/"},
		"line breaks": {HTTPMethod: "GET\r\n", Path: "/"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := APIHandler(h)(t.Context(), e)
			if err != nil || got.StatusCode != 400 || !strings.Contains(got.Body, `"code":"invalid-request"`) {
				t.Errorf("answered %+v, %v", got, err)
			}
		})
	}
}

func TestAPIHandler_WithoutAuthorizer_NoCaller(t *testing.T) {
	for name, authorizer := range map[string]map[string]any{
		"none": nil, "empty": {}, "no subject": {"role": "Admin", "email": "a@example.com", "emailVerified": "true"},
		"of another shape": {"sub": 7, "role": "Admin"},
	} {
		t.Run(name, func(t *testing.T) {
			var seen string
			h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				rec := httptest.NewRecorder()
				echo(rec, r)
				seen = rec.Body.String()
			})
			e := events.APIGatewayProxyRequest{
				HTTPMethod: "GET", Path: "/", Headers: map[string]string{"sub": "boss", "role": "Admin"},
				RequestContext: events.APIGatewayProxyRequestContext{Authorizer: authorizer},
			}
			if _, err := APIHandler(h)(t.Context(), e); err != nil || !strings.Contains(seen, "EmailVerified:false} Role:} false") {
				t.Errorf("%v: the handler saw %s", err, seen)
			}
		})
	}
}

func TestAPIHandler_RequestID_IsNeverTheClients(t *testing.T) {
	var seen []string
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.Header.Values("X-Request-Id") })
	e := events.APIGatewayProxyRequest{HTTPMethod: "GET", Path: "/", MultiValueHeaders: map[string][]string{"x-request-id": {"mine"}}}
	if _, err := APIHandler(h)(t.Context(), e); err != nil || len(seen) != 0 {
		t.Errorf("%v: the handler saw %q", err, seen)
	}
}

func TestAPIHandler_RemoteAddress_IsTheClients(t *testing.T) {
	for source, want := range map[string]string{"192.0.2.7": "192.0.2.7:0", "2001:db8::1": "[2001:db8::1]:0", "": ""} {
		var seen string
		h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.RemoteAddr })
		e := events.APIGatewayProxyRequest{HTTPMethod: "GET", Path: "/"}
		e.RequestContext.Identity.SourceIP = source
		if _, err := APIHandler(h)(t.Context(), e); err != nil || seen != want {
			t.Errorf("%q became %q, %v", source, seen, err)
		}
	}
}

func TestAPIHandler_Deadline_LeavesTimeToAnswer(t *testing.T) {
	for name, tt := range map[string]struct{ left, atLeast, atMost time.Duration }{
		"ten seconds": {10 * time.Second, 9 * time.Second, 9500 * time.Millisecond},
		"one second":  {time.Second, 600 * time.Millisecond, 750 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), tt.left)
			defer cancel()
			var left time.Duration
			h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				d, _ := r.Context().Deadline()
				left = time.Until(d)
			})
			_, _ = APIHandler(h)(ctx, events.APIGatewayProxyRequest{HTTPMethod: "GET", Path: "/"})
			if left < tt.atLeast || left > tt.atMost {
				t.Errorf("%v left of %v", left, tt.left)
			}
		})
	}
}

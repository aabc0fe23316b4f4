package rest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"example.com/releases/shared/host"
	"example.com/releases/shared/rest"
)

func TestPreflight_OtherOrigin_IsNotAllowed(t *testing.T) {
	for _, c := range []struct {
		origins []string
		origin  string
		allowed string
	}{
		{[]string{"https://a.example", "https://b.example"}, "https://b.example", "https://b.example"},
		{[]string{"https://a.example"}, "https://evil.example", ""},
		{[]string{"https://a.example"}, "", ""},
		{nil, "https://a.example", ""},
		{[]string{"*"}, "https://a.example", "https://a.example"},
	} {
		r := httptest.NewRequest(http.MethodOptions, "/api/releases/REL-1", nil)
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		w := httptest.NewRecorder()
		rest.Preflight(c.origins).ServeHTTP(w, r)
		h := w.Header()
		if w.Code != http.StatusNoContent || h.Get("Access-Control-Allow-Origin") != c.allowed || (h.Get("Access-Control-Allow-Headers") != "") != (c.allowed != "") || h.Get("Vary") != "Origin" {
			t.Errorf("with the origins %v allowed, %q is answered %d %v, want allowed as %q", c.origins, c.origin, w.Code, h, c.allowed)
		}
	}
}

func TestPreflight_ExampleEvent_IsAnswered(t *testing.T) {
	handler := host.APIHandler(rest.Preflight([]string{"https://app.example.com"}))
	got, err := handler(context.Background(), payload(t, "answer-preflight"))
	if err != nil || got.StatusCode != 204 || http.Header(got.MultiValueHeaders).Get("Access-Control-Allow-Origin") != "https://app.example.com" {
		t.Errorf("the example is answered %+v, want 204 with the origin allowed: %v", got, err)
	}
}

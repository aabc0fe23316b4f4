package rest

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"example.com/releases/shared/release"
)

func TestIfMatch_OtherRevision_PreconditionFailed(t *testing.T) {
	const current = 3
	var tried []int
	h := Handler(nil, probe(http.MethodPost, func(q *request) (reply, error) {
		tried = append(tried, q.pre.IfRevision)
		if q.pre.IfRevision != 0 && q.pre.IfRevision != current {
			return reply{}, release.Fail(release.KindPreconditionFailed, "revision-stale", "It is at 3.")
		}
		return reply{value: 1, revision: current + 1}, nil
	}), probe(http.MethodGet, fixed(reply{value: 1, revision: current}, nil)))
	for _, c := range []struct {
		header string
		status int
		tried  []int
	}{
		{`*`, 200, []int{0}},
		{`"3-aaaa"`, 200, []int{3}},
		{`"3-bbbb"`, 200, []int{3}}, // other content, same revision: a log entry came
		{`"3"`, 200, []int{3}},
		{`"2-aaaa"`, 412, []int{2}},
		{`"2-aaaa", "3-aaaa"`, 200, []int{2, 3}},
		{`"2-a,b","3-aaaa" , "4-x"`, 200, []int{2, 3}},
		{`W/"3-aaaa"`, 412, nil}, // If-Match compares strongly
		{`W/"3-aaaa", "3-bbbb"`, 200, []int{3}},
		{`"of-another-system"`, 412, nil},
		{`"0-aaaa"`, 412, nil},
		{`"-3"`, 412, nil},
		{``, 400, nil},
		{`3-aaaa`, 400, nil},
		{`"3-aaaa`, 400, nil},
		{`"1","2","4","5","6","7","8","9","10"`, 400, nil},
	} {
		tried = nil
		w := send(h, &admin, "POST", "/api/things/a", "{}", "If-Match: "+c.header)
		if w.Code != c.status || !slices.Equal(tried, c.tried) {
			t.Errorf("If-Match: %s: %d having tried %v, want %d and %v; %s", c.header, w.Code, tried, c.status, c.tried, w.Body)
		}
		if c.header == `"1","2","4","5","6","7","8","9","10"` {
			continue // a read compares all tags at once, so its list may have any length
		}
		if w := send(h, &admin, "GET", "/api/things/a", "", "If-Match: "+c.header); w.Code != c.status {
			t.Errorf("read with If-Match: %s: %d, want %d", c.header, w.Code, c.status)
		}
	}
}

func TestIfMatch_Creation_Refused(t *testing.T) {
	route := probe(http.MethodPost, fixed(reply{value: 1}, nil))
	route.Guarded = false
	w := send(Handler(nil, route), &admin, "POST", "/api/things/a", "{}", `If-Match: "1-a"`)
	if p := problemIn(t, w); p.Code != "invalid-header" {
		t.Errorf("%s", w.Body)
	}
}

func TestIfNoneMatch_Read_ComparesTheContent(t *testing.T) {
	content := "one"
	h := Handler(nil, probe(http.MethodGet, func(*request) (reply, error) { return reply{value: content, revision: 3}, nil }))
	read := func(headers ...string) *httptest.ResponseRecorder {
		return send(h, &admin, "GET", "/api/things/a", "", headers...)
	}
	etag := read().Header().Get("ETag")
	for header, want := range map[string]int{
		etag:                   304,
		"W/" + etag:            304, // If-None-Match compares weakly
		`"x", ` + etag:         304,
		`*`:                    304,
		`"3-0000000000000000"`: 200,
		`"3"`:                  200,
		`nonsense`:             400,
	} {
		w := read("If-None-Match: " + header)
		if w.Code != want {
			t.Errorf("If-None-Match: %s: %d, want %d", header, w.Code, want)
		}
		if want == 304 && (w.Body.Len() > 0 || w.Header().Get("ETag") != etag || w.Header().Get("Cache-Control") != "private, no-cache") {
			t.Errorf("a 304 with body %q and headers %v", w.Body, w.Header())
		}
	}
	content = "two" // other content at the same revision, as after a log entry
	if w := read("If-None-Match: " + etag); w.Code != 200 || w.Header().Get("ETag") == etag {
		t.Errorf("new content: %d with ETag %s", w.Code, w.Header().Get("ETag"))
	}
}

// FuzzConditions: whatever the header is, reading it returns an error of the right kind, or tags whose
// revisions make sense.
func FuzzConditions(f *testing.F) {
	for _, seed := range []string{`*`, `"3-aaaa"`, `W/"a,b" , "c"`, `"`, `,,,`, `W/`, ``} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		q := &request{Request: &http.Request{Header: http.Header{"If-Match": {header}}}}
		tags, star, err := q.conditions("If-Match")
		if err != nil && (star || !release.IsKind(err, release.KindInvalid)) {
			t.Fatalf("%q: %v", header, err)
		}
		for _, tag := range tags {
			if n := tag.revision(); n < 0 || n > 0 && tag.weak {
				t.Fatalf("%q: revision %d of %+v", header, n, tag)
			}
		}
	})
}

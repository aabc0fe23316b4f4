package operations

import (
	"net/url"
	"testing"

	"example.com/releases/shared/release"
)

// FuzzPatch: a merge patch is applied or refused as the caller's fault, and what it names is
// all that it changes.
func FuzzPatch(f *testing.F) {
	for _, seed := range []string{`{}`, `{"name":"B"}`, `{"name":null}`, `{"rolloutSteps":null}`, `{"rolloutSteps":[{"order":1,"completed":true}]}`, `{"scheduledStart":"2026-13-01"}`, `{"name":"A","name":"B"}`, `{"status":"deployed"}`, `[]`, `{"":1}`} {
		f.Add([]byte(seed))
	}
	const version = "not patched"
	f.Fuzz(func(t *testing.T, body []byte) {
		patch, err := readPatch(body)
		if err != nil {
			return // FuzzDecode has what is refused, and how
		}
		plan, asked, _, err := patched[release.Plan](release.Plan{Name: "A", Version: version}, patch, nil)
		if err != nil {
			if !release.IsKind(err, release.KindInvalid) {
				t.Errorf("%q: %v", body, err)
			}
			return
		}
		if _, named := patch["version"]; !named && plan.Version != version {
			t.Errorf("%q: the version became %q", body, plan.Version)
		}
		for _, field := range asked {
			if _, named := patch[field]; !named {
				t.Errorf("%q does not name %s", body, field)
			}
		}
	})
}

// FuzzDecodeParameters: any query is read or refused as the caller's fault.
func FuzzDecodeParameters(f *testing.F) {
	for _, seed := range []string{"limit=5", "limit=5&limit=6", "limit=-1", "limit=99999999999999999999", "status=planned&cursor=x", "a=b", "limit=", "cursor=%ff", "%ff=1", "status=%00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		if _, err := DecodeParameters[ListReleasesInput](values); err != nil && !release.IsKind(err, release.KindInvalid) {
			t.Errorf("%q: %v", query, err)
		}
		if _, err := DecodeParameters[ListTasksInput](values); err != nil && !release.IsKind(err, release.KindInvalid) {
			t.Errorf("%q: %v", query, err)
		}
	})
}

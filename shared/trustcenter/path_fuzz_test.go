package trustcenter

import (
	"strings"
	"testing"
)

// FuzzRequest: a path is one of ours in one form, or none, and an id in it is that of the path.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{"/trust-center", "/trust-center/", "/trust-center.json", "/trust-center/REL-2026-Q2-001.ics", "/trust-center/../x", "/trust-center//", "", "/trust-centers"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if r, ours := parse(path); ours && (!strings.HasPrefix(path, pagePath) || !strings.Contains(path, r.id+r.form)) {
			t.Errorf("%q is %+v", path, r)
		}
	})
}

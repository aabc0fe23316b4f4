package trustcenter_test

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"example.com/releases/shared/release"
	"example.com/releases/shared/trustcenter"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Every document, as it is: with all that can happen, in a zone and in UTC, and empty.
func TestGolden(t *testing.T) {
	utc := func(o *trustcenter.Options) { o.Zone, o.PublicURL = "UTC", "" }
	for name, c := range map[string]struct {
		list   []release.Published
		adjust func(*trustcenter.Options)
	}{
		"typical": {typical(), func(*trustcenter.Options) {}},
		"utc":     {typical()[1:3], utc},
		"empty":   {nil, func(*trustcenter.Options) {}},
		"story": {[]release.Published{rolledBackEarly()}, func(o *trustcenter.Options) {
			o.Organisation, o.OrganisationURL = "Acme & Sons", "https://www.acme.example"
		}},
	} {
		served := maps.Clone(paths)
		if name == "story" {
			served["/trust-center/"+rolledBackEarly().ID] = "release.html"
		}
		for path, ext := range served {
			got := get(t, site(c.list, c.adjust), path).Body.Bytes()
			file := filepath.Join("testdata", name+"."+ext)
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("%s is not as in %s; if that is meant, run go test ./shared/trustcenter -update and look at the change:\n%s", path, file, got)
			}
		}
	}
}

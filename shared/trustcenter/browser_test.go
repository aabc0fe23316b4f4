package trustcenter_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit/browser"
	"example.com/releases/shared/trustcenter"
)

var pictures = flag.String("pictures", "", "a directory to put pictures of the page into")

// pageAt is a page in a state that is checked.
type pageAt struct {
	http.Handler
	path string
}

// sites are the states of the pages that are checked: in real browsers, by real checkers.
func sites() map[string]pageAt {
	down := func(context.Context, time.Time, time.Time) ([]release.Published, error) {
		return nil, errors.New("no store")
	}
	const main = "/trust-center"
	named := func(o *trustcenter.Options) {
		o.Organisation, o.OrganisationURL = "Acme & Sons", "https://www.acme.example"
	}
	one := func(n int) pageAt { return pageAt{site(typical(), named), main + "/" + typical()[n].ID} }
	long := many()[29:30]
	return map[string]pageAt{
		"typical": {site(typical(), named), main}, "many": {site(many()), main}, "empty": {site(nil), main}, "quiet": {site(typical()[1:5]), main},
		"off": {site(typical()[2:3]), main}, "waiting": {site(typical()[5:7]), main}, "story": {site([]release.Published{rolledBackEarly()}), main},
		"utc":             {site(typical(), func(o *trustcenter.Options) { o.Zone = "UTC" }), main},
		"down":            {trustcenter.Handler(down, trustcenter.Options{On: true, Zone: "UTC"}), main},
		"release-running": one(0), "release-ahead": one(1), "release-cancelled": one(2), "release-moved": one(3), "release-done": one(6),
		"release-story": {site([]release.Published{rolledBackEarly()}, named), main + "/" + rolledBackEarly().ID},
		"release-long":  {site(long), main + "/" + long[0].ID}, "release-none": {site(nil), main + "/REL-2026-Q1-999"},
	}
}

// Nobody is kept out: axe finds nothing in any state, light, dark, narrow or printed;
// the policy lets the style through, and nothing complains.
func TestPage_InBrowser_IsReadable(t *testing.T) {
	t.Parallel()
	b := browser.Start(t)
	for name, p := range sites() {
		server := httptest.NewServer(p)
		defer server.Close()
		looks := browser.Looks
		if name == "many" {
			looks = []browser.Look{{Width: 320}} // the rest would be nothing new, and takes long
		}
		for _, l := range looks {
			b.Open(server.URL+p.path, l)
			var styled string
			b.Eval("getComputedStyle(document.querySelector('.banner, article')).borderLeftStyle", &styled)
			if styled != "solid" || len(b.Problems) > 0 && name != "down" && name != "release-none" {
				t.Errorf("%s at %v: the style is not applied (%q), or something complains: %v", name, l, styled, b.Problems)
			}
			if *pictures != "" {
				check(t, os.WriteFile(filepath.Join(*pictures, name+"-"+l.String()+".png"), b.Picture(), 0o644))
			}
			for _, wrong := range b.Judge(l) {
				t.Errorf("%s at %v: %s", name, l, wrong)
			}
		}
	}
}

// A keyboard gets everywhere: past the drawing with the first key, and to every window
// in it; a window that was chosen is the one that is shown.
func TestPage_Keyboard_ReachesAll(t *testing.T) {
	t.Parallel()
	b := browser.Start(t)
	server := httptest.NewServer(site(typical()))
	defer server.Close()
	b.Open(server.URL+"/trust-center", browser.Look{Width: 1100})
	var seen []string
	for range 40 {
		b.Press("Tab", 9)
		var at struct {
			Href    string
			Visible bool
		}
		b.Eval(`(e => ({Href: e.getAttribute('href') || '', Visible: (r => r.width > 0 && r.height > 0 && r.top >= 0 && r.bottom <= innerHeight)(e.getBoundingClientRect())}))(document.activeElement)`, &at)
		if at.Href == "" {
			break
		}
		if !at.Visible {
			t.Errorf("the focus is on %s, which cannot be seen", at.Href)
		}
		seen = append(seen, at.Href)
	}
	if len(seen) < 15 || seen[0] != "#list" {
		t.Fatalf("the keyboard reaches %v", seen)
	}
	var chosen string
	b.Eval(`document.querySelectorAll('figure a')[2].focus()`, nil)
	b.Press("Enter", 13)
	b.Eval(`document.querySelector(':target').id === document.querySelectorAll('figure a')[2].getAttribute('href').slice(1) ? location.hash : 'elsewhere'`, &chosen)
	if chosen != "#REL-2026-Q1-012" {
		t.Errorf("the third bar leads to %s", chosen)
	}
}

// The markup is valid: the Nu HTML checker neither errs nor warns.
func TestPage_Markup_IsValid(t *testing.T) {
	t.Parallel()
	java, err := exec.LookPath("java")
	browser.Need(t, "install a Java runtime (17)", err)
	jar := filepath.Join(browser.Checkers(t), "vnu-jar", "build", "dist", "vnu.jar")
	dir := t.TempDir()
	args := []string{"-Xss1m", "-jar", jar, "--format", "json", "--stdout", "--exit-zero-always"}
	for name, p := range sites() {
		w := httptest.NewRecorder()
		p.ServeHTTP(w, httptest.NewRequest(http.MethodGet, p.path, nil))
		file := filepath.Join(dir, name+".html")
		check(t, os.WriteFile(file, w.Body.Bytes(), 0o644))
		args = append(args, file)
	}
	out, err := exec.Command(java, args...).Output()
	check(t, err)
	var report struct {
		Messages []struct {
			Type, URL, Message, Extract string
			LastLine                    int
		}
	}
	if err := json.Unmarshal(out, &report); err != nil || report.Messages == nil {
		t.Fatalf("the checker says nothing that can be read: %v %s", err, out)
	}
	for _, m := range report.Messages {
		if m.Type == "info" && strings.Contains(m.Message, "Normalization Form C") {
			continue // names are shown as they were written
		}
		t.Errorf("%s in line %d of %s: %s: %q", m.Type, m.LastLine, filepath.Base(m.URL), m.Message, m.Extract)
	}
}

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
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/releases/shared/local/engine"
	"example.com/releases/shared/release"
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

// checkers is where axe and the Nu HTML checker are; they are installed once, pinned.
func checkers(t *testing.T) string {
	t.Helper()
	root, err := engine.Root()
	check(t, err)
	dir := filepath.Join(root, ".local", "checkers")
	check(t, os.MkdirAll(dir, 0o755))
	lock, err := os.Create(filepath.Join(dir, "lock")) // other tests may be at it
	check(t, err)
	defer lock.Close()
	check(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	const pinned = "package-lock.json"
	want, err := os.ReadFile(filepath.Join("testdata", "checkers", pinned))
	check(t, err)
	installed := filepath.Join(dir, "installed.json")
	if have, err := os.ReadFile(installed); err == nil && string(have) == string(want) {
		return filepath.Join(dir, "node_modules")
	}
	for _, name := range []string{"package.json", pinned} {
		text, err := os.ReadFile(filepath.Join("testdata", "checkers", name))
		check(t, err)
		check(t, os.WriteFile(filepath.Join(dir, name), text, 0o644))
	}
	c := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Logf("%s", out)
	}
	need(t, "install npm, and let it reach its registry once", err)
	check(t, os.WriteFile(installed, want, 0o644))
	return filepath.Join(dir, "node_modules")
}

// finding is what axe says about a rule.
type finding struct {
	ID, Help string
	Nodes    []node
}

type node struct{ HTML, FailureSummary string }

// Nobody is kept out: axe finds nothing in any state, light, dark, narrow or printed;
// the policy lets the style through, and nothing complains.
func TestPage_InBrowser_IsReadable(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	axe, err := os.ReadFile(filepath.Join(checkers(t), "axe-core", "axe.min.js"))
	check(t, err)
	for name, p := range sites() {
		server := httptest.NewServer(p)
		defer server.Close()
		looks := []look{{width: 1280}, {width: 1280, dark: true}, {width: 320}, {width: 320, dark: true}, {width: 700, media: "print"}}
		if name == "many" {
			looks = []look{{width: 320}} // the rest would be nothing new, and takes long
		}
		for _, l := range looks {
			b.open(server.URL+p.path, l)
			var styled string
			b.eval("getComputedStyle(document.querySelector('.banner, article')).borderLeftStyle", &styled)
			if styled != "solid" || len(b.problems) > 0 && name != "down" && name != "release-none" {
				t.Errorf("%s at %v: the style is not applied (%q), or something complains: %v", name, l, styled, b.problems)
			}
			checkWidth(t, b, name, l)
			if *pictures != "" {
				check(t, os.WriteFile(filepath.Join(*pictures, name+"-"+l.String()+".png"), b.picture(), 0o644))
			}
			var found struct{ Violations, Incomplete []finding }
			b.eval(string(axe)+"; axe.run(document, {resultTypes: ['violations', 'incomplete']})", &found)
			for _, f := range append(found.Violations, slices.DeleteFunc(found.Incomplete, onlyDrawn)...) {
				t.Errorf("%s at %v: axe: %s: %s: %v", name, l, f.ID, f.Help, f.Nodes[:min(2, len(f.Nodes))])
			}
		}
	}
}

// onlyDrawn tells whether axe could not judge the contrast of text in the drawing, and
// nothing else: it cannot see the background there. Text in the list has the same
// colours on the same background, and there it can.
func onlyDrawn(f finding) bool {
	return f.ID == "color-contrast" && !slices.ContainsFunc(f.Nodes, func(n node) bool { return !strings.HasPrefix(n.HTML, "<text") })
}

// checkWidth finds what sticks out of the page on its right.
func checkWidth(t *testing.T, b *browser, name string, l look) {
	t.Helper()
	var page struct {
		Width int
		Wide  []string
	}
	b.eval(`({Width: document.documentElement.scrollWidth, Wide: [...document.querySelectorAll('body *:not(svg *)')]
		.filter(e => e.getBoundingClientRect().right > innerWidth + 0.5).map(e => e.outerHTML.slice(0, 120))})`, &page)
	if page.Width > l.width || len(page.Wide) > 0 {
		t.Errorf("%s at %v is %d wide; %v", name, l, page.Width, page.Wide)
	}
	// What lies outside a drawing is cut off by it.
	var cut []string
	b.eval(`[...document.querySelectorAll('figure > svg text')].filter(e => {
		const r = e.getBoundingClientRect(), around = e.ownerSVGElement.getBoundingClientRect()
		return r.width > 0 && (r.left < around.left - 1 || r.right > around.right + 1) && e.textContent.trim() !== '' && getComputedStyle(e).display !== 'none'
	}).map(e => e.outerHTML + ' ' + Math.round(e.getBoundingClientRect().left) + ' – ' + Math.round(e.getBoundingClientRect().right) + ', of ' + Math.round(e.ownerSVGElement.getBoundingClientRect().right))`, &cut)
	if len(cut) > 0 {
		t.Errorf("%s at %v: labels are cut off: %q", name, l, cut)
	}
}

// A keyboard gets everywhere: past the drawing with the first key, and to every window
// in it; a window that was chosen is the one that is shown.
func TestPage_Keyboard_ReachesAll(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	server := httptest.NewServer(site(typical()))
	defer server.Close()
	b.open(server.URL+"/trust-center", look{width: 1100})
	var seen []string
	for range 40 {
		b.press("Tab", 9)
		var at struct {
			Href    string
			Visible bool
		}
		b.eval(`(e => ({Href: e.getAttribute('href') || '', Visible: (r => r.width > 0 && r.height > 0 && r.top >= 0 && r.bottom <= innerHeight)(e.getBoundingClientRect())}))(document.activeElement)`, &at)
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
	b.eval(`document.querySelectorAll('figure a')[2].focus()`, nil)
	b.press("Enter", 13)
	b.eval(`document.querySelector(':target').id === document.querySelectorAll('figure a')[2].getAttribute('href').slice(1) ? location.hash : 'elsewhere'`, &chosen)
	if chosen != "#REL-2026-Q1-012" {
		t.Errorf("the third bar leads to %s", chosen)
	}
}

// The markup is valid: the Nu HTML checker neither errs nor warns.
func TestPage_Markup_IsValid(t *testing.T) {
	t.Parallel()
	java, err := exec.LookPath("java")
	need(t, "install a Java runtime (17)", err)
	jar := filepath.Join(checkers(t), "vnu-jar", "build", "dist", "vnu.jar")
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

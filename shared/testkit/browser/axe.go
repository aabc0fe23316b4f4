package browser

import (
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"example.com/releases/shared/local/engine"
)

//go:embed checkers
var pinned embed.FS

// Checkers is where axe and the Nu HTML checker are; they are installed once, pinned.
func Checkers(t testing.TB) string {
	t.Helper()
	root, err := engine.Root()
	check(t, err)
	dir := filepath.Join(root, ".local", "checkers")
	check(t, os.MkdirAll(dir, 0o755))
	lock, err := os.Create(filepath.Join(dir, "lock")) // other tests may be installing them
	check(t, err)
	defer lock.Close()
	check(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX))
	want, err := pinned.ReadFile("checkers/package-lock.json")
	check(t, err)
	installed := filepath.Join(dir, "installed.json")
	if have, err := os.ReadFile(installed); err == nil && string(have) == string(want) {
		return filepath.Join(dir, "node_modules")
	}
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := pinned.ReadFile("checkers/" + name)
		check(t, errors.Join(err, os.WriteFile(filepath.Join(dir, name), text, 0o644)))
	}
	c := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Logf("%s", out)
	}
	Need(t, "install npm, and let it reach its registry once", err)
	check(t, os.WriteFile(installed, want, 0o644))
	return filepath.Join(dir, "node_modules")
}

// Looks are the looks in which every page is checked.
var Looks = []Look{{Width: 1280}, {Width: 1280, Dark: true}, {Width: 320}, {Width: 320, Dark: true}, {Width: 700, Media: "print"}}

// finding is what axe reports about a rule.
type finding struct {
	ID, Help string
	Nodes    []node
}

type node struct{ HTML, FailureSummary string }

// Judge lists what is wrong with the open page in a look: what axe finds or cannot decide,
// elements that are wider than the page, and labels that the drawing cuts off.
func (b *Browser) Judge(l Look) []string {
	b.t.Helper()
	if b.axe == "" {
		text, err := os.ReadFile(filepath.Join(Checkers(b.t), "axe-core", "axe.min.js"))
		check(b.t, err)
		b.axe = string(text)
	}
	wrong := b.tooWide(l)
	// The content of a frame is a page of its own, and is checked as one.
	var found struct{ Violations, Incomplete []finding }
	b.Eval(b.axe+"; axe.run(document, {iframes: false, rules: {'frame-tested': {enabled: false}}, resultTypes: ['violations', 'incomplete']})", &found)
	for _, f := range append(found.Violations, slices.DeleteFunc(found.Incomplete, onlyDrawn)...) {
		wrong = append(wrong, fmt.Sprintf("axe: %s: %s: %d times, such as %v", f.ID, f.Help, len(f.Nodes), f.Nodes[:min(2, len(f.Nodes))]))
	}
	return wrong
}

// onlyDrawn reports whether a finding is only that axe could not determine the contrast of
// text in the drawing, where it cannot see the background. The list has the same colours on
// the same background, and axe checks them there.
func onlyDrawn(f finding) bool {
	return f.ID == "color-contrast" && !slices.ContainsFunc(f.Nodes, func(n node) bool { return !strings.HasPrefix(n.HTML, "<text") })
}

func (b *Browser) tooWide(l Look) (wrong []string) {
	var page struct {
		Width int
		Wide  []string
	}
	// Elements with a scroll bar of their own may be wider than the page.
	b.Eval(`({Width: document.documentElement.scrollWidth, Wide: [...document.querySelectorAll('body *:not(svg *)')]
		.filter(e => e.getBoundingClientRect().right > innerWidth + 0.5)
		.filter(e => { for (let p = e.parentElement; p; p = p.parentElement) if (/auto|scroll/.test(getComputedStyle(p).overflowX)) return false; return true })
		.map(e => e.outerHTML.slice(0, 120))})`, &page)
	if page.Width > l.Width || len(page.Wide) > 0 {
		wrong = append(wrong, fmt.Sprintf("it is %d wide; %q", page.Width, page.Wide[:min(3, len(page.Wide))]))
	}
	var cut []string
	b.Eval(`[...document.querySelectorAll('figure > svg text')].filter(e => {
		const r = e.getBoundingClientRect(), around = e.ownerSVGElement.getBoundingClientRect()
		return r.width > 0 && (r.left < around.left - 1 || r.right > around.right + 1) && e.textContent.trim() !== '' && getComputedStyle(e).display !== 'none'
	}).map(e => e.textContent)`, &cut)
	if len(cut) > 0 {
		wrong = append(wrong, fmt.Sprintf("labels are cut off: %q", cut))
	}
	return wrong
}

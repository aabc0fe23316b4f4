package apidocs_test

import (
	"flag"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"example.com/releases/shared/rest/apidocs"
	"example.com/releases/shared/testkit/browser"
)

var pictures = flag.String("pictures", "", "a directory to put pictures of the page into")

// The page keeps nobody out: light, dark, narrow, printed.
func TestDocs_InBrowser_IsReadable(t *testing.T) {
	t.Parallel()
	b := browser.Start(t)
	server := httptest.NewServer(apidocs.Handler(""))
	defer server.Close()
	for _, l := range browser.Looks {
		b.Open(server.URL+"/docs", l)
		if len(b.Problems) > 0 {
			t.Errorf("at %v the browser complains: %v", l, b.Problems)
		}
		for _, wrong := range b.Judge(l) {
			t.Errorf("at %v: %s", l, wrong)
		}
		// A word that is broken stands on two lines: its box is higher than one.
		var broken []string
		b.Eval(`[...document.querySelectorAll('h1, h2, h3, h4')].filter(h => h.offsetParent).flatMap(h => {
			const walker = document.createTreeWalker(h, NodeFilter.SHOW_TEXT), found = []
			for (let n = walker.nextNode(); n; n = walker.nextNode())
				for (const m of n.textContent.matchAll(/[\w]+/g)) {
					const r = document.createRange(); r.setStart(n, m.index); r.setEnd(n, m.index + m[0].length)
					if (new Set([...r.getClientRects()].map(c => Math.round(c.top))).size > 1) found.push(m[0])
				}
			return found
		})`, &broken)
		if len(broken) > 0 {
			t.Errorf("at %v headings break words: %q", l, broken)
		}
		var parted []string
		b.Eval(`[...document.querySelectorAll('.id')].filter(e => e.getClientRects().length > 1).map(e => e.textContent)`, &parted)
		if len(parted) > 0 {
			t.Errorf("at %v ids are broken: %q", l, parted)
		}
		// On a telephone, what has to be pushed sideways is not read.
		var cut []string
		b.Eval(`innerWidth > 900 ? [] : [...document.querySelectorAll('pre')].filter(e => e.scrollWidth > e.clientWidth).map(e => e.textContent.slice(0, 60))`, &cut)
		if len(cut) > 0 {
			t.Errorf("at %v %d examples are cut, such as %q", l, len(cut), cut[0])
		}
		if *pictures != "" {
			if err := os.WriteFile(filepath.Join(*pictures, "docs-"+l.String()+".png"), b.Picture(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	b.Open(server.URL+"/docs", browser.Look{Width: 320})
	b.Press("Tab", 9)
	var first string
	b.Eval(`document.activeElement.getAttribute('href')`, &first)
	if first != "#top" {
		t.Errorf("the first key leads to %q, not past the contents", first)
	}
}

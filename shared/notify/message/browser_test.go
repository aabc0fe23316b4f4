package message_test

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/releases/shared/mail"
	"example.com/releases/shared/notify/message"
	"example.com/releases/shared/testkit/browser"
)

var pictures = flag.String("pictures", "", "a directory to put pictures of the mails into")

// Nobody is kept out: axe finds nothing in any mail, light, dark, narrow or printed, and
// nothing is wider than the page.
func TestMessage_InBrowser_IsReadable(t *testing.T) {
	t.Parallel()
	b := browser.Start(t)
	w, err := message.New(acme("Europe/Berlin"))
	if err != nil {
		t.Fatal(err)
	}
	for name, n := range letters() {
		l, err := w.Write(n)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/" && r.URL.Path != "/favicon.ico" { // the browser asks for that by itself
				t.Errorf("%s asks for %s", name, r.URL)
			}
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write([]byte(l.HTML))
		}))
		defer server.Close()
		looks := browser.Looks
		if !slices.Contains(mail.Kinds, mail.Kind(name)) && !strings.HasPrefix(name, "right-to-left") {
			looks = []browser.Look{{Width: 320, Dark: true}} // the rest would be nothing new, and takes long
		}
		for _, look := range looks {
			b.Open(server.URL+"/", look)
			if *pictures != "" {
				if err := os.WriteFile(filepath.Join(*pictures, name+"-"+look.String()+".png"), b.Picture(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			for _, wrong := range b.Judge(look) {
				t.Errorf("%s at %v: %s", name, look, wrong)
			}
		}
	}
}

// A browser puts what follows a right-to-left name behind it: the comma of the greeting, the
// version, the task's id.
func TestMessage_RightToLeftName_InBrowserInItsPlace(t *testing.T) {
	t.Parallel()
	b := browser.Start(t)
	w, err := message.New(acme("Europe/Berlin"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := w.Write(letters()["right-to-left"])
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(l.HTML))
	}))
	defer server.Close()
	b.Open(server.URL, browser.Look{Width: 1280})
	var moved []string
	b.Eval(`[...document.querySelectorAll('bdi')].filter(e => e.nextSibling && e.nextSibling.textContent.trim() !== '').filter(e => {
		const r = document.createRange()
		r.selectNodeContents(e.nextSibling)
		const name = e.getClientRects(), rest = r.getClientRects()
		const last = name[name.length - 1]
		// Behind it on its line, or on a line below.
		return !(rest[0].top >= last.bottom - 4 || rest[0].left >= last.right - 1)
	}).map(e => e.parentElement.textContent)`, &moved)
	var names int
	b.Eval(`document.querySelectorAll('bdi').length`, &names)
	if len(moved) > 0 || names < 6 {
		t.Errorf("of %d names, these have changed places with what follows: %q", names, moved)
	}
}

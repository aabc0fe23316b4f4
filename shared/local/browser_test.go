package local

import (
	"bytes"
	"flag"
	"html"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/releases/shared/local/demo"
	"example.com/releases/shared/testkit/browser"
)

var pictures = flag.String("pictures", "", "a directory to put pictures of the running product into, for the documents; see make pictures")

// The host's own pages can be read by everybody, with what the demo leaves on them: light,
// dark, narrow, printed.
func TestPages_InBrowser_AreReadable(t *testing.T) {
	t.Parallel()
	b := browser.Start(t)
	h := start(t, Options{Settings: map[string]string{"ORGANISATION_ZONE": "Europe/Berlin", "ORGANISATION_NAME": "Acme & Sons", "ORGANISATION_URL": "https://www.acme.example"}})
	run := filepath.Join(t.TempDir(), "run.json")
	remove, err := h.writeRunFile(run)
	if err != nil {
		t.Fatal(err)
	}
	defer remove()
	var output bytes.Buffer
	if err := demo.Run(t.Context(), run, &output, Verify); err != nil {
		t.Fatalf("%v after\n%s", err, output.String())
	}
	mails := h.Mail.Mails()
	if len(mails) == 0 {
		t.Fatal("the demo sent no mail")
	}
	paths := map[string]string{
		"start": "/", "inbox": "/_local/inbox", "inbox-person": "/_local/inbox?to=" + mails[0].To, "mail": "/_local/inbox/" + mails[0].ID,
		"events": "/_local/events", "failures": "/_local/failures", "tokens": "/_local/token", "trust-center": "/trust-center",
	}
	for name, path := range paths {
		for _, l := range browser.Looks {
			b.Open(h.BaseURL+path, l)
			for _, wrong := range b.Judge(l) {
				t.Errorf("%s at %v: %s", name, l, wrong)
			}
		}
	}
	b.Open(h.BaseURL+"/_local/inbox", browser.Look{Width: 1280})
	var links []string
	b.Eval(`[...document.querySelectorAll('nav a')].map(a => a.getAttribute('href'))`, &links)
	if all := strings.Join(links, " "); !strings.Contains(all, "/docs") || !strings.Contains(all, "/trust-center") {
		t.Errorf("the pages link to %s, want /docs and /trust-center among them", all)
	}
	if *pictures != "" {
		plan(t, h)
		time.Sleep(2 * time.Second) // indexes lag on this host, as on AWS
		takePictures(t, b, h, output.String())
	}
}

// plan adds what an ordinary week has and the demo has not: releases under way and planned.
func plan(t *testing.T, h *Host) {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Hour)
	for _, r := range []struct {
		name, version, summary string
		starts                 time.Duration
		statuses               []string
	}{
		{"Mail and calendar", "4.2", "You can read and send mail as usual. The calendar may answer slowly for some minutes.", time.Hour, []string{"approved", "scheduled", "in-progress"}},
		{"New sign-in page", "2026.3", "Signing in looks different afterwards; your password stays the same.", 50 * time.Hour, []string{"approved", "scheduled"}},
		{"Move of the archive to the second data centre", "1.0", "Documents older than 2019 cannot be opened during the move.", 150 * time.Hour, []string{"approved", "scheduled"}},
	} {
		start := now.Add(r.starts)
		code, created := h.do(t, "admin", "POST", "/api/releases", object{
			"name": r.name, "version": r.version, "publicSummary": r.summary, "scheduledStart": start.Format(time.RFC3339), "scheduledEnd": start.Add(3 * time.Hour).Format(time.RFC3339),
		})
		id, _ := created["id"].(string)
		if code != http.StatusCreated {
			t.Fatalf("creating %s: %d %v, want 201", r.name, code, created)
		}
		for _, status := range r.statuses {
			if code, answer := h.do(t, "admin", "POST", "/api/releases/"+id+"/status", object{"status": status}); code != http.StatusOK {
				t.Fatalf("%s to %s: %d %v, want 200", id, status, code, answer)
			}
		}
	}
}

// smaller returns the picture in its 256 most frequent colours, at a third of the size: text
// on a plain background has hardly more.
func smaller(t *testing.T, picture []byte) []byte {
	t.Helper()
	full, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	count := map[color.Color]int{}
	area := full.Bounds()
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			count[full.At(x, y)]++
		}
	}
	colours := slices.SortedFunc(maps.Keys(count), func(a, b color.Color) int { return count[b] - count[a] })
	reduced := image.NewPaletted(area, colours[:min(len(colours), 256)])
	draw.Draw(reduced, area, full, area.Min, draw.Src)
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, reduced); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// takePictures makes the pictures of README.md and docs.
func takePictures(t *testing.T, b *browser.Browser, h *Host, output string) {
	t.Helper()
	shoot := func(name, url string, l browser.Look, height int) {
		t.Helper()
		b.Open(url, l)
		if err := os.WriteFile(filepath.Join(*pictures, name+".png"), smaller(t, b.Top(height)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	shoot("trust-center", h.BaseURL+"/trust-center", browser.Look{Width: 1024}, 760)
	shoot("trust-center-narrow", h.BaseURL+"/trust-center", browser.Look{Width: 320, Dark: true}, 760)
	var page string
	b.Eval(`document.querySelector('article.undone h3 a').href`, &page)
	shoot("release", page, browser.Look{Width: 1024}, 760)
	for _, m := range h.Mail.Mails() {
		if strings.Contains(m.Text, "Your request will be fulfilled") {
			shoot("mail", h.BaseURL+"/_local/inbox/"+m.ID+"/html", browser.Look{Width: 700}, 700)
			break
		}
	}
	shoot("inbox", h.BaseURL+"/_local/inbox", browser.Look{Width: 1024}, 560)
	plain := regexp.MustCompile(`\x1b\[[0-9;]*m`).ReplaceAllString(output, "")
	lines := strings.Split(plain, "\n")
	terminal := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte("<!doctype html><body style='margin:0;background:#12171e'><pre style='margin:0;padding:20px;color:#e6eaf0;font:13px/1.5 monospace;white-space:pre-wrap'>$ make demo\n" +
			html.EscapeString(strings.Join(lines[:min(len(lines), 40)], "\n")) + "</pre>"))
	}))
	defer terminal.Close()
	shoot("demo", terminal.URL, browser.Look{Width: 900}, 820)
}

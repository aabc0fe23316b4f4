package mailbox

import (
	_ "embed"
	"encoding/json"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"example.com/releases/shared/local/page"
)

//go:embed inbox.html
var inboxBody string

//go:embed mail.html
var mailBody string

var (
	inboxPage = page.Parse(inboxBody)
	mailPage  = page.Parse(mailBody)
)

// Handler serves the stand-in's endpoint at /_local/ses and the inbox at
// /_local/inbox.
func (b *Mailbox) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /_local/ses"+SendPath, b.Send)
	mux.HandleFunc("GET /_local/inbox", b.list)
	mux.HandleFunc("DELETE /_local/inbox", func(w http.ResponseWriter, _ *http.Request) {
		if err := b.empty(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /_local/inbox/faults", b.queueFaults)
	mux.HandleFunc("GET /_local/inbox/{id}", b.show)
	mux.HandleFunc("GET /_local/inbox/{id}/html", b.body)
	mux.HandleFunc("GET /_local/inbox/{id}/raw", b.source)
	mux.HandleFunc("GET /_local/inbox/{id}/attachments/{number}", b.download)
	return mux
}

// list shows the mails, the newest first on the page and the oldest first in JSON,
// which is the order a program waits for them in. ?to= and ?release= narrow both.
func (b *Mailbox) list(w http.ResponseWriter, r *http.Request) {
	mails, to, id := b.Mails(), r.URL.Query().Get("to"), r.URL.Query().Get("release")
	people, releases := []string{}, []string{}
	for _, m := range mails {
		people, releases = append(people, m.To), append(releases, m.releases()...)
	}
	if to != "" {
		mails = slices.DeleteFunc(mails, func(m Mail) bool { return !strings.EqualFold(m.To, to) })
	}
	if id != "" {
		mails = slices.DeleteFunc(mails, func(m Mail) bool { return !slices.Contains(m.releases(), id) })
	}
	if page.WantsJSON(r) {
		writeJSON(w, map[string]any{"mails": mails})
		return
	}
	slices.Reverse(mails)
	inboxPage.Write(w, http.StatusOK, "Inbox", map[string]any{"Mails": mails, "To": to, "Release": id, "People": distinct(people), "Releases": distinct(releases)})
}

func distinct(all []string) []string {
	slices.Sort(all)
	return slices.Compact(all)
}

// releases returns the release ids that a mail mentions. The stand-in knows nothing of
// releases but what an id looks like.
func (m Mail) releases() []string { return releaseID.FindAllString(m.Subject+"\n"+m.Text, -1) }

var releaseID = regexp.MustCompile(`\bREL-\d{4}-Q[1-4]-\d{3,}\b`)

func (b *Mailbox) show(w http.ResponseWriter, r *http.Request) {
	m, ok := b.find(r.PathValue("id"))
	if !ok {
		http.Error(w, "There is no such mail; without a data folder the inbox is emptied when the host stops.", http.StatusNotFound)
		return
	}
	if page.WantsJSON(r) {
		writeJSON(w, m)
		return
	}
	mailPage.Write(w, http.StatusOK, m.Subject, m)
}

// body serves the HTML part alone, for the frame on the mail's page. Its policy keeps it from
// running or loading anything.
func (b *Mailbox) body(w http.ResponseWriter, r *http.Request) {
	m, ok := b.find(r.PathValue("id"))
	if !ok || m.HTML == "" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(m.HTML))
}

// source serves the message as a mail server would see it.
func (b *Mailbox) source(w http.ResponseWriter, r *http.Request) {
	m, ok := b.find(r.PathValue("id"))
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "message/rfc822")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": m.ID + ".eml"}))
	w.Header().Set("Content-Security-Policy", "sandbox; default-src 'none'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(m.raw)
}

func (b *Mailbox) download(w http.ResponseWriter, r *http.Request) {
	m, ok := b.find(r.PathValue("id"))
	number, err := strconv.Atoi(r.PathValue("number"))
	if !ok || err != nil || number < 0 || number >= len(m.Attachments) {
		http.NotFound(w, r)
		return
	}
	a := m.Attachments[number]
	kind := a.ContentType
	if kind == "" {
		kind = "application/octet-stream"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": a.Name}))
	w.Header().Set("Content-Security-Policy", "sandbox; default-src 'none'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(a.raw)
}

// queueFaults lets a test outside this process make SES misbehave:
// {"faults":[{"kind":"throttle"},{"kind":"reject","to":"ann@example.com","always":true}]}.
// {"quota":200} limits it to that many mails in 24 hours.
func (b *Mailbox) queueFaults(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Faults []Fault
		Quota  *int
	}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&in)
	if err == nil {
		err = b.Fail(in.Faults...)
	}
	if err == nil && in.Quota != nil {
		b.SetQuota(*in.Quota)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
}

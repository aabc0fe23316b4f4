package bus

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"net/http"
	"slices"

	"example.com/releases/shared/local/page"
)

//go:embed events.html
var eventsBody string

var eventsPage = page.Parse(eventsBody)

// Handler serves the stand-in's endpoint at /_local/eventbridge, and the published events at
// /_local/events.
func (b *Bus) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /_local/eventbridge/{$}", b.PutEvents)
	mux.HandleFunc("POST /_local/eventbridge", b.PutEvents)
	mux.HandleFunc("GET /_local/events", b.list)
	mux.HandleFunc("DELETE /_local/events", func(w http.ResponseWriter, _ *http.Request) {
		if err := b.empty(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /_local/events/faults", b.queueFaults)
	return mux
}

// list shows the events, the newest first on the page and the oldest first in
// JSON, which is the order a program waits for them in.
func (b *Bus) list(w http.ResponseWriter, r *http.Request) {
	all := b.Events()
	if page.WantsJSON(r) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		_ = e.Encode(map[string]any{"events": all})
		return
	}
	slices.Reverse(all)
	type row struct {
		Event
		Pretty string
	}
	rows := make([]row, len(all))
	for i, e := range all {
		var pretty bytes.Buffer
		if json.Indent(&pretty, e.Detail, "", "  ") != nil {
			pretty.Reset()
			pretty.Write(e.Detail)
		}
		rows[i] = row{e, pretty.String()}
	}
	eventsPage.Write(w, http.StatusOK, "Published events", rows)
}

// queueFaults lets a test outside this process make EventBridge misbehave:
// {"faults":[{"kind":"fail-entries","indexes":[0],"code":"ThrottlingException"}]}.
func (b *Bus) queueFaults(w http.ResponseWriter, r *http.Request) {
	var in struct{ Faults []Fault }
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&in)
	if err == nil {
		err = b.Fail(in.Faults...)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

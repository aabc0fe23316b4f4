package local

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"example.com/releases/shared/local/page"
	"example.com/releases/shared/local/streams"
)

// Failure is work that was given up: on AWS it would be in a failure queue, and an alarm would
// go off.
type Failure struct {
	Function string           `json:"function"`
	Source   string           `json:"source"` // stream, schedule or event
	Attempts int              `json:"attempts"`
	Error    string           `json:"error"`
	At       time.Time        `json:"at"`
	Batch    *streams.Failure `json:"batch,omitempty"`
	Event    json.RawMessage  `json:"event,omitempty"`
}

type failures struct {
	mu   sync.Mutex
	list []Failure
}

// keptFailures bounds how many failures are kept, so that a broken schedule does not fill the
// memory in a long session.
const keptFailures = 1000

func (h *Host) failed(f Failure) {
	if f.Source == "event" {
		h.log.Error("ALARM: an event was given up; see the failures page", "function", f.Function, "error", f.Error)
	}
	h.failures.mu.Lock()
	defer h.failures.mu.Unlock()
	h.failures.list = append(h.failures.list, f)
	h.failures.list = h.failures.list[max(0, len(h.failures.list)-keptFailures):]
}

// Failures returns what was given up, oldest first.
func (h *Host) Failures() []Failure {
	h.failures.mu.Lock()
	out := append([]Failure{}, h.failures.list...)
	h.failures.mu.Unlock()
	for _, f := range h.streams.Failures() {
		out = append(out, Failure{Function: f.Function, Source: "stream", Attempts: f.Attempts, Error: f.Error, At: f.At.UTC(), Batch: &f})
	}
	slices.SortStableFunc(out, func(a, b Failure) int { return a.At.Compare(b.At) })
	return out
}

//go:embed failures.html
var failuresBody string

var failuresPage = page.Parse(failuresBody)

func (h *Host) showFailures(w http.ResponseWriter, r *http.Request) {
	all := h.Failures()
	if page.WantsJSON(r) {
		writeJSON(w, map[string]any{"failures": all, "streams": h.streams.States()})
		return
	}
	slices.Reverse(all)
	failuresPage.Write(w, http.StatusOK, "Failures", map[string]any{"Failures": all, "States": h.streams.States()})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v)
}

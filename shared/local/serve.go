package local

import (
	"cmp"
	"context"
	_ "embed"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"

	"example.com/releases/shared/local/page"
	"example.com/releases/shared/local/schedules"
	"example.com/releases/shared/local/tokens"
	"example.com/releases/shared/rest"
)

//go:embed index.html
var indexBody string

var indexPage = page.Parse(indexBody)

// handler puts the API and the host's own pages behind one listener.
func (h *Host) handler(api http.Handler, tamper http.HandlerFunc) http.Handler {
	own := http.NewServeMux()
	own.HandleFunc("GET "+page.StylePath, page.Style)
	own.HandleFunc("GET /_local/failures", h.showFailures)
	own.HandleFunc("GET /_local/quiet", h.serveWaitIdle)
	own.HandleFunc("GET /_local/memory", serveMemory)
	own.HandleFunc("POST /_local/tamper", tamper)
	own.Handle(schedules.Path, h.schedules.Handler())
	for _, at := range []string{"/_local/ses/", "/_local/inbox", "/_local/inbox/"} {
		own.Handle(at, h.Mail.Handler())
	}
	for _, at := range []string{"/_local/eventbridge", "/_local/eventbridge/", "/_local/events", "/_local/events/"} {
		own.Handle(at, h.Events.Handler())
	}
	for _, at := range []string{tokens.KeysPath, tokens.ConfigPath, tokens.TokenPath, tokens.RotatePath} {
		own.Handle(at, h.Tokens.Handler())
	}
	own.HandleFunc("/_local/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "There is no such page of the laptop host; / lists what there is.", http.StatusNotFound)
	})
	// Other sites' pages in the same browser must not be able to empty the inbox or run jobs.
	guarded := http.NewCrossOriginProtection().Handler(own)
	mux := http.NewServeMux()
	mux.Handle("/", api)
	mux.Handle("GET /{$}", http.HandlerFunc(h.index))
	// Browsers ask for it with every page.
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.Handle("/_local/", guarded)
	mux.Handle("GET "+tokens.ConfigPath, guarded)
	return loopback(unclean(mux, api))
}

// unclean passes paths that ServeMux would redirect directly to the API, which answers them as
// API Gateway does.
func unclean(mux, api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := r.URL.Path; !strings.HasPrefix(p, "/_local/") && (strings.Contains(p, "//") || strings.Contains(p, "/.") && !strings.HasPrefix(p, "/.well-known/")) {
			api.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// loopback refuses requests to unknown host names, against DNS rebinding: a site whose name
// points at 127.0.0.1 could otherwise read tokens and the inbox.
func loopback(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			name = r.Host
		}
		if name != "localhost" && net.ParseIP(strings.Trim(name, "[]")) == nil {
			http.Error(w, "This host answers to 127.0.0.1 and localhost only.", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// serveWaitIdle answers when everything that was triggered so far is done, for scripts that
// check the result.
func (h *Host) serveWaitIdle(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), time.Minute)
	defer cancel()
	if h.WaitIdle(ctx) != nil {
		http.Error(w, "There was still something to do after a minute; see /_local/failures.", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// serveMemory tells what the host needs, after a collection: the heap that is alive, and how
// many goroutines there are.
func serveMemory(w http.ResponseWriter, _ *http.Request) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	writeJSON(w, map[string]uint64{"heapBytes": m.HeapAlloc, "goroutines": uint64(runtime.NumGoroutine())}) // never negative
}

type indexRow struct {
	Method, Path, Role, Function string
	Link                         bool // a browser can open it as it is
}

// index lists what this host serves.
func (h *Host) index(w http.ResponseWriter, _ *http.Request) {
	roles := map[string]string{}
	for _, r := range rest.Routes() {
		roles[r.Method+" "+rest.Base+r.Path] = r.Role().String()
	}
	var rows []indexRow
	for _, f := range h.template.Functions {
		for _, r := range f.Routes {
			if r.Method == http.MethodOptions || r.Method == http.MethodHead {
				continue // preflights, one for each path; and HEAD, which is wherever GET is
			}
			role := cmp.Or(roles[r.Method+" "+r.Path], "any token") // tools check the role themselves
			if r.Authorizer == "" {
				role = "everybody"
			}
			open := r.Authorizer == "" && r.Method == http.MethodGet && !strings.Contains(r.Path, "{")
			rows = append(rows, indexRow{r.Method, r.Path, role, f.Name, open})
		}
	}
	slices.SortFunc(rows, func(a, b indexRow) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Method, b.Method))
	})
	indexPage.Write(w, http.StatusOK, "What is where", map[string]any{"Rows": rows, "Tokens": holders, "URL": h.BaseURL})
}

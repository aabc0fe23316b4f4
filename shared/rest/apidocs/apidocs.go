// Package apidocs serves the API's document and the page for people that is made from
// it. Both are generated and embedded, so it must know neither routes nor types.
package apidocs

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
)

var (
	//go:embed openapi.json
	document []byte
	//go:embed docs.html
	page []byte
)

// Handler serves /openapi.json, /docs and /problems/{code}, to which the types of
// problems point. The document names the public URL as its server where it is known.
func Handler(publicURL string) http.Handler {
	served := document
	if publicURL != "" {
		url, _ := json.Marshal(publicURL) // a string
		served = bytes.Replace(document, []byte(`"url": "/"`), append([]byte(`"url": `), url...), 1)
	}
	mux := http.NewServeMux()
	notFound := notFoundBelow(publicURL)
	mux.Handle("GET /openapi.json", fixed(served, "application/json", "default-src 'none'"))
	mux.Handle("GET /openapi.json/{$}", fixed(served, "application/json", "default-src 'none'"))
	// With a slash at the end, the page's relative links would lead elsewhere.
	mux.HandleFunc("GET /docs/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "../docs")
		w.WriteHeader(http.StatusPermanentRedirect)
	})
	mux.Handle("GET /docs", fixed(page, "text/html; charset=utf-8", "default-src 'none'; style-src '"+styleHash()+"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"))
	mux.HandleFunc("GET /problems/{code}", explain("../docs", notFound))
	mux.HandleFunc("GET /problems/{code}/{$}", explain("../../docs", notFound))
	mux.HandleFunc("/", notFound)
	return mux
}

// fixed serves bytes that only a deployment changes.
func fixed(body []byte, contentType, policy string) http.Handler {
	sum := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("ETag", tag)
		h.Set("Cache-Control", "public, max-age=300")
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Access-Control-Allow-Origin", "*") // the documents are public
		h.Set("Access-Control-Expose-Headers", "ETag")
		if strings.Contains(r.Header.Get("If-None-Match"), tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		h.Set("Content-Type", contentType)
		_, _ = w.Write(body) // the client may be gone
	})
}

// styleHash allows the page's own style sheet, and nothing else.
func styleHash() string {
	_, after, _ := bytes.Cut(page, []byte("<style>"))
	style, _, _ := bytes.Cut(after, []byte("</style>"))
	sum := sha256.Sum256(style)
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// explain redirects from a problem's type to its section of the page.
func explain(docs string, notFound http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		code := r.PathValue("code")
		if !bytes.Contains(page, []byte(`id="problem-`+code+`"`)) {
			notFound(w, r)
			return
		}
		w.Header().Set("Location", docs+"#problem-"+code)
		w.WriteHeader(http.StatusSeeOther)
	}
}

func notFoundBelow(publicURL string) http.HandlerFunc {
	typ, _ := json.Marshal(publicURL + "/problems/not-found") // a string
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"type":` + string(typ) + `,"title":"Not found","status":404,"detail":"Nothing is here. The documentation is at /docs.","code":"not-found"}` + "\n"))
	}
}

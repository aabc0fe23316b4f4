package rest

import (
	"net/http"
	"slices"
)

// Preflight answers a browser that asks whether a page of another origin may call: pages
// of the configured origins may. It requires no token, because browsers send none.
func Preflight(origins []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Cache-Control", "no-store")
		header.Set("Vary", "Origin")
		if origin := r.Header.Get("Origin"); origin != "" && (slices.Contains(origins, origin) || slices.Contains(origins, "*")) {
			header.Set("Access-Control-Allow-Origin", origin)
			header.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PATCH, DELETE")
			header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key")
			header.Set("Access-Control-Max-Age", "3600")
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

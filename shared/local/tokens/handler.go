package tokens

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"example.com/releases/shared/local/page"
)

//go:embed tokens.html
var tokensBody string

var tokensPage = page.Parse(tokensBody)

// Where the issuer publishes itself, below the host's base URL.
const (
	KeysPath   = "/_local/.well-known/jwks.json"
	ConfigPath = "/.well-known/openid-configuration"
	TokenPath  = "/_local/token"
	RotatePath = "/_local/token/rotate"
)

// Handler serves the key set, the issuer's description and tokens.
func (i *Issuer) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+KeysPath, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, i.JWKS()) })
	mux.HandleFunc("GET "+ConfigPath, func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{
			"issuer": i.URL, "jwks_uri": i.URL + KeysPath,
			"id_token_signing_alg_values_supported": []string{"ES256"},
			"response_types_supported":              []string{"token"}, "subject_types_supported": []string{"public"},
		})
	})
	mux.HandleFunc("GET "+TokenPath, i.mint)
	mux.HandleFunc("POST "+RotatePath, func(w http.ResponseWriter, _ *http.Request) {
		if err := i.Rotate(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}

// mint answers with a token: bare text, so that $(curl …) works, or JSON, or a page
// for people who look around. ?life= takes a duration, a negative one too.
func (i *Issuer) mint(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if len(q) == 0 && r.Header.Get("Accept") != "" && wantsHTML(r) {
		i.page(w)
		return
	}
	h := Holder{Email: q.Get("email"), Name: q.Get("name"), Role: q.Get("role"), Kind: q.Get("kind"), Unverified: q.Get("verified") == "false"}
	if life := q.Get("life"); life != "" {
		d, err := time.ParseDuration(life)
		if err != nil {
			http.Error(w, "life must be a duration such as 12h or -1m", http.StatusBadRequest)
			return
		}
		h.Life = d
	}
	token, err := i.Mint(h)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if page.WantsJSON(r) {
		writeJSON(w, map[string]string{"token": token})
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(token + "\n"))
}

func wantsHTML(r *http.Request) bool {
	for _, accept := range r.Header.Values("Accept") {
		if len(accept) >= 9 && accept[:9] == "text/html" {
			return true
		}
	}
	return false
}

func (i *Issuer) page(w http.ResponseWriter) {
	type row struct{ Role, Token string }
	var rows []row
	for _, role := range []string{"viewer", "auditor", "admin", "requester"} {
		token, err := i.Mint(Holder{Role: role})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		rows = append(rows, row{role, token})
	}
	tokensPage.Write(w, http.StatusOK, "Tokens", map[string]any{"Rows": rows, "URL": i.URL + TokenPath, "Kinds": strings.Join(Kinds(), ", ")})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v)
}

// Package mcptools is the MCP surface: the tools for agents over the same operations
// that REST calls, the endpoint they are reached at, and its metadata. It must know
// neither the store nor REST, and have no rule of the domain: those are in operations.
package mcptools

import (
	"net/http"
	"strings"

	"example.com/releases/shared/operations"
)

//go:generate go test -count=1 ./describe -run TestToolsJSON_Types_AreWhatItSays -update

// Path is where the endpoint is served, below the public URL.
const Path = "/mcp"

// MetadataPath is where RFC 9728 puts the metadata of a resource without a path;
// MetadataPath + Path is its place for the resource at Path.
const MetadataPath = "/.well-known/oauth-protected-resource"

// Config is what the endpoint has to know about its deployment.
type Config struct {
	// PublicURL is where clients reach the service, without a slash at the end.
	PublicURL string
	// AllowedOrigins are the browser origins that may call besides the service's own.
	AllowedOrigins []string
	// Issuer is the authorization server whose access tokens are accepted.
	Issuer string
	// Scopes are what a client asks the issuer for. Issuers without default scopes give no
	// token to a client that names none.
	Scopes []string
}

// Handler serves the endpoint and its metadata. The context carries the caller, whom the
// authorizer has let through.
func Handler(ops *operations.Operations, c Config) http.Handler {
	e := &endpoint{config: c, origins: originsOf(c), protocol: protocolHandler(newServer(ops))}
	mux := http.NewServeMux()
	// A slash at the end is accepted, since people type it into their client's settings.
	for _, slash := range []string{"", "/{$}"} {
		mux.Handle(Path+slash, e)
		mux.HandleFunc(MetadataPath+slash, e.metadata)
		mux.HandleFunc(MetadataPath+Path+slash, e.metadata)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeError(w, http.StatusNotFound, nil, codeInvalidRequest, "Nothing is served here. The endpoint is "+c.PublicURL+Path+".")
	})
	return mux
}

// Challenge is the WWW-Authenticate header of a 401: it names the scopes to ask for, and the
// metadata, from which a client learns where to get a token. The gateway says the same before
// a request gets here; a test keeps the two equal.
func (c Config) Challenge() string {
	challenge := `Bearer realm="releases"`
	if len(c.Scopes) > 0 {
		challenge += `, scope="` + strings.Join(c.Scopes, " ") + `"`
	}
	if c.PublicURL != "" {
		challenge += `, resource_metadata="` + strings.TrimRight(c.PublicURL, "/") + MetadataPath + Path + `"`
	}
	return challenge
}

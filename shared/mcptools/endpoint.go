package mcptools

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

// The JSON-RPC error codes that the endpoint itself answers with.
const (
	codeParse          = -32700
	codeInvalidRequest = -32600
	codeMethodNotFound = -32601
	codeUnauthorized   = -32001
	codeForbidden      = -32003
)

// maxMessage bounds a message in bytes. It is far above the bound on arguments, so that
// an agent that sends too much is told so by the tool.
const maxMessage = 4 << 20

// maxRead bounds what is read of a message: one that is too large is answered with its id,
// which may come at its end. The gateway accepts no more than this.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
const maxRead = 10 << 20

// methods are those of the capabilities that this server declares. Any other is refused
// here, before the SDK answers with an empty list, or holds a stream open that would keep
// a Lambda function until its timeout (subscriptions/listen).
var methods = []string{"initialize", "ping", "server/discover", "tools/list", "tools/call"}

// endpoint is the URL that takes one JSON-RPC message per request and answers it in JSON.
// It checks what concerns HTTP and leaves the protocol to the SDK.
type endpoint struct {
	config   Config
	origins  []*url.URL
	protocol http.Handler
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if !e.admitOrigin(w, r) {
		writeError(w, http.StatusForbidden, nil, codeForbidden,
			"This origin may not call here. Nothing was changed. Next: ask the operators to name it in the parameter AllowedOrigins, or call without a browser.")
		return
	}
	if r.Method == http.MethodOptions {
		preflight(w, r)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		writeError(w, http.StatusMethodNotAllowed, nil, codeInvalidRequest,
			"Only POST is served here: there are no sessions to end and no streams to open. Next: send each message with POST.")
		return
	}
	if _, known := release.CallerFrom(r.Context()); !known {
		w.Header().Set("WWW-Authenticate", e.config.Challenge())
		writeError(w, http.StatusUnauthorized, nil, codeUnauthorized,
			"This needs an access token. Next: send it in the header Authorization: Bearer <token>.")
		return
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		w.Header().Set("Accept-Encoding", "identity")
		writeError(w, http.StatusUnsupportedMediaType, nil, codeInvalidRequest,
			"Only messages without a content coding are read. Nothing was changed. Next: send it as it is, without the header Content-Encoding.")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRead))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) || len(body) > maxMessage {
		message, _ := readEnvelope(body) // without an id where it cannot be read
		writeError(w, http.StatusRequestEntityTooLarge, message.ID, codeInvalidRequest, "The message is larger than 4 MiB. Nothing was changed. Next: send less.")
		return
	}
	if err != nil {
		writeError(w, http.StatusBadRequest, nil, codeParse, "The message ended too early. Nothing was changed. Next: send it again.")
		return
	}
	// A byte order mark is not part of the JSON (RFC 8259, 8.1).
	e.serveBody(w, r, bytes.TrimPrefix(body, []byte("\ufeff")))
}

// preflight tells a browser what a page of an allowed origin may send.
func preflight(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Allow", "POST, OPTIONS")
	if r.Header.Get("Origin") != "" {
		w.Header().Set("Access-Control-Allow-Methods", http.MethodPost)
		w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Accept, Mcp-Protocol-Version, Mcp-Method, Mcp-Name, "+ToolsetsHeader)
		w.Header().Set("Access-Control-Max-Age", "3600")
	}
	w.WriteHeader(http.StatusNoContent)
}

// envelope is the part of a message that is read before the SDK reads it.
type envelope struct {
	ID     json.RawMessage
	Method string
}

// readEnvelope matches names exactly, as the SDK does: encoding/json alone would also
// accept METHOD, and so read another method than the SDK.
func readEnvelope(body []byte) (envelope, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return envelope{}, err
	}
	e := envelope{ID: members["id"]}
	if !utf8.Valid(e.ID) {
		return envelope{}, errors.New("the id is not UTF-8")
	}
	if members["method"] == nil {
		return e, nil
	}
	return e, json.Unmarshal(members["method"], &e.Method)
}

// firstStatelessVersion is the protocol revision from which an unknown method is a 404.
const firstStatelessVersion = "2026-07-28"

func (e *endpoint) serveBody(w http.ResponseWriter, r *http.Request, body []byte) {
	message, err := readEnvelope(body)
	if err != nil {
		if bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
			writeError(w, http.StatusBadRequest, nil, codeInvalidRequest, "Batches are not served. Nothing was changed. Next: send each message by itself.")
			return
		}
		writeError(w, http.StatusBadRequest, nil, codeParse, "This is not a JSON-RPC message. Nothing was changed. Next: correct the JSON and send it again.")
		return
	}
	if names := outside(operations.Repeated(body)); len(names) > 0 {
		writeError(w, http.StatusBadRequest, message.ID, codeInvalidRequest,
			"The message holds "+strings.Join(names, ", ")+" more than once. Nothing was changed. Next: send each once.")
		return
	}
	isCall := message.Method != "" && len(message.ID) > 0
	if isCall && !slices.Contains(methods, message.Method) {
		status := http.StatusOK
		if r.Header.Get("Mcp-Protocol-Version") >= firstStatelessVersion {
			status = http.StatusNotFound
		}
		writeError(w, status, message.ID, codeMethodNotFound,
			"This server has tools only; it does not serve this method. Next: call tools/list to see what it can do.")
		return
	}
	sets, err := readToolsets(r.Header)
	if err != nil {
		writeError(w, http.StatusBadRequest, message.ID, codeInvalidRequest, fmt.Sprintf(
			"The header %s is wrong: %v. Nothing was changed. Next: ask for %s, with commas between (over stdio in RELEASES_TOOLSETS).", ToolsetsHeader, err, strings.Join(setNames, ", ")))
		return
	}
	r = r.Clone(withToolsets(r.Context(), sets))
	answer := &refusals{ResponseWriter: w, id: message.ID}
	if message.Method == "tools/list" {
		answer.tools = list(r.Context())
	}
	if !keptByTheSDK(message.ID) {
		if body, err = withStandIn(body); err != nil {
			writeError(w, http.StatusBadRequest, nil, codeParse, "This is not a JSON-RPC message. Nothing was changed. Next: correct the JSON and send it again.")
			return
		}
		answer.swapped = true
	}
	acceptWhatIsAnswered(r.Header)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	e.protocol.ServeHTTP(answer, r)
}

// outside leaves out names that are repeated within a tool's arguments: the tool refuses
// those itself, in words that reach the agent.
func outside(names []string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, "params.arguments.") })
}

// refusals turns what the SDK refuses in plain text into JSON-RPC errors, so that a
// client, and the stdio bridge, always get an answer to the message they sent.
type refusals struct {
	http.ResponseWriter
	id      json.RawMessage
	status  int // of a refusal in plain text; 0 while there is none
	refused bool
	swapped bool   // the SDK got the message with another id
	tools   []byte // replaces the list that the SDK leaves empty
}

func (w *refusals) WriteHeader(status int) {
	if status >= http.StatusBadRequest && strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") {
		w.status = status
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *refusals) Write(text []byte) (int, error) {
	if w.status == 0 {
		answer := text
		if w.swapped {
			answer = asItCame(answer, w.id)
		}
		if w.tools != nil {
			answer = bytes.Replace(answer, noTools, w.tools, 1)
		}
		_, err := w.ResponseWriter.Write(answer)
		return len(text), err
	}
	if !w.refused {
		w.refused = true
		writeError(w.ResponseWriter, w.status, w.id, codeInvalidRequest, strings.TrimSpace(string(text)))
	}
	return len(text), nil
}

func writeError(w http.ResponseWriter, status int, id json.RawMessage, code int, message string) {
	if len(id) == 0 {
		id = json.RawMessage("null")
	}
	type fault struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	body := encode(struct {
		Version string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Error   fault           `json:"error"`
	}{"2.0", id, fault{code, message}})
	w.Header().Set("Content-Type", "application/json")
	w.Header().Del("Content-Length")
	w.Header().Del("X-Content-Type-Options")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone; there is nobody left to tell
}

// metadata is the RFC 9728 document: which authorization server issues tokens for this
// resource. It is public, also for clients in browsers.
func (e *endpoint) metadata(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	const methods = "GET, HEAD, OPTIONS"
	switch {
	case r.Method == http.MethodOptions:
		// Clients in browsers send the protocol version header even for the metadata, and so
		// need a preflight.
		w.Header().Set("Allow", methods)
		w.Header().Set("Access-Control-Allow-Methods", "GET, HEAD")
		w.Header().Set("Access-Control-Allow-Headers", "Accept, Authorization, Content-Type, Mcp-Protocol-Version")
		w.Header().Set("Access-Control-Max-Age", "3600")
		w.WriteHeader(http.StatusNoContent)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", methods)
		writeError(w, http.StatusMethodNotAllowed, nil, codeInvalidRequest, "The metadata can only be read. Next: use GET.")
	case e.config.PublicURL == "" || e.config.Issuer == "":
		writeError(w, http.StatusNotFound, nil, codeInvalidRequest,
			"The metadata is not configured. Next: ask the operators to give the parameter PublicUrl its value (the output Url of the stack, or the custom domain).")
	default:
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "public, max-age=3600")
		_, _ = w.Write(encode(struct {
			Resource             string   `json:"resource"`
			Name                 string   `json:"resource_name"`
			AuthorizationServers []string `json:"authorization_servers"`
			Scopes               []string `json:"scopes_supported,omitempty"`
			BearerMethods        []string `json:"bearer_methods_supported"`
		}{e.config.PublicURL + Path, "Releases", []string{e.config.Issuer}, e.config.Scopes, []string{"header"}}))
	}
}

// originsOf lists whose pages may call: the service's own and those that are named.
func originsOf(c Config) []*url.URL {
	var all []*url.URL
	for _, s := range append([]string{c.PublicURL}, c.AllowedOrigins...) {
		if u, err := url.Parse(s); err == nil && u.Host != "" {
			all = append(all, u)
		}
	}
	return all
}

// admitOrigin refuses pages of other origins, and on a laptop also other host names that
// resolve to it (DNS rebinding). Clients that are not browsers send no Origin.
func (e *endpoint) admitOrigin(w http.ResponseWriter, r *http.Request) bool {
	if own, err := url.Parse(e.config.PublicURL); err == nil && loopback(own.Hostname()) && !loopback(hostname(r.Host)) {
		return false
	}
	sent := r.Header.Values("Origin")
	if len(sent) == 0 {
		return true
	}
	origin, err := url.Parse(sent[0])
	if err != nil || len(sent) > 1 || !slices.ContainsFunc(e.origins, func(u *url.URL) bool { return sameOrigin(u, origin) }) {
		return false
	}
	w.Header().Set("Access-Control-Allow-Origin", sent[0])
	w.Header().Set("Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After")
	w.Header().Add("Vary", "Origin")
	return true
}

func sameOrigin(a, b *url.URL) bool {
	if a.Scheme != b.Scheme || a.Port() != b.Port() {
		return false
	}
	return strings.EqualFold(a.Hostname(), b.Hostname()) || loopback(a.Hostname()) && loopback(b.Hostname())
}

func hostname(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.Trim(hostport, "[]")
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

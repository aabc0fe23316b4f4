package bridge

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"example.com/releases/shared/version"
)

// firstStateless is the protocol revision from which method and name are headers too.
const firstStateless = "2026-07-28"

// post sends a message and returns the line to answer with; nil where there is none. A message
// whose token is refused was not carried out, so it is sent once more with a new token,
// without the client noticing.
func (b *bridge) post(ctx context.Context, m message) []byte {
	token, err := b.tokens.current(ctx)
	if err != nil {
		return refusal(m.id, b.tokens.unavailable(err))
	}
	line, refused := b.send(ctx, m, token)
	if !refused {
		return line
	}
	renewed, err := b.tokens.renewed(ctx, token)
	if err != nil {
		return refusal(m.id, b.tokens.unavailable(err))
	}
	if renewed != token {
		if line, refused = b.send(ctx, m, renewed); !refused {
			return line
		}
	}
	return refusal(m.id, b.tokens.unauthorized())
}

// send sends a message once. It reports separately whether the token was refused, since only
// that can be fixed with a new token.
func (b *bridge) send(ctx context.Context, m message, token string) (line []byte, refused bool) {
	got, complaint := b.exchange(ctx, m, token)
	switch {
	case complaint != "":
		return refusal(m.id, complaint), false
	case got.status == http.StatusUnauthorized:
		return nil, true
	case got.status == http.StatusAccepted:
		return nil, false
	}
	if line := protocolLine(got.body); line != nil {
		b.agreed(m, line)
		return line, false
	}
	return refusal(m.id, unexpected(b.url, got)), false
}

// answered is an HTTP answer that was read to its end.
type answered struct {
	status int
	header http.Header
	body   []byte
}

// exchange makes one request and returns its answer, or a complaint on why there is none.
func (b *bridge) exchange(ctx context.Context, m message, token string) (_ answered, complaint string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url, bytes.NewReader(m.line))
	if err != nil {
		return answered{}, "INVALID_URL: RELEASES_URL cannot be used. Nothing was changed. Next: correct it and restart this server."
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	req.Header.Set("User-Agent", "releases-mcp-stdio/"+version.Number)
	if b.toolsets != "" {
		req.Header.Set("X-Mcp-Toolsets", b.toolsets)
	}
	if m.version != "" {
		req.Header.Set("Mcp-Protocol-Version", m.version)
		if m.version >= firstStateless {
			req.Header.Set("Mcp-Method", m.method)
			if m.name != "" {
				req.Header.Set("Mcp-Name", m.name)
			}
		}
	}
	res, err := b.client.Do(req)
	if err != nil {
		return answered{}, unreached(b.url, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return answered{}, unreached(b.url, err)
	case len(body) > maxAnswer:
		return answered{}, "TOO_LARGE: The answer is larger than 16 MiB. Next: ask for less, such as a smaller logLimit."
	}
	return answered{res.StatusCode, res.Header, body}, ""
}

// speaks returns the protocol version for a message: its own, or else that of the message
// before it.
func (b *bridge) speaks(m message) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m.version != "" {
		b.version = m.version
	}
	if m.method == "initialize" {
		return m.version // nothing is agreed yet
	}
	return b.version
}

// agreed remembers the protocol version in the answer to initialize.
func (b *bridge) agreed(m message, line []byte) {
	if m.method != "initialize" {
		return
	}
	var answer struct {
		Result struct {
			ProtocolVersion string `json:"protocolVersion"`
		} `json:"result"`
	}
	if json.Unmarshal(line, &answer) == nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.version = answer.Result.ProtocolVersion
	}
}

// protocolLine returns a body as one line if it is a JSON-RPC message, or nil.
func protocolLine(body []byte) []byte {
	var is struct {
		Version string `json:"jsonrpc"`
	}
	if json.Unmarshal(body, &is) != nil || is.Version != "2.0" {
		return nil
	}
	if !bytes.ContainsAny(body, "\r\n") {
		return body
	}
	var line bytes.Buffer
	if json.Compact(&line, body) != nil {
		return nil
	}
	return line.Bytes()
}

// codeUnreached is the JSON-RPC code of the bridge's own errors.
const codeUnreached = -32000

func refusal(id json.RawMessage, text string) []byte {
	if id == nil {
		id = json.RawMessage("null")
	}
	type fault struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	line, err := json.Marshal(struct {
		Version string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Error   fault           `json:"error"`
	}{"2.0", id, fault{codeUnreached, text}})
	if err != nil {
		panic("bridge: " + err.Error()) // texts, and an id that was read from JSON
	}
	return line
}

const (
	nothing = " Nothing was changed. Next: "
	unknown = " The call may have been carried out. Next: read before you repeat a call that writes, or repeat it with the same idempotencyKey."
)

// unreached says in words why no answer came.
func unreached(at string, err error) string {
	var (
		lookup  *net.DNSError
		cert    *tls.CertificateVerificationError
		dial    *net.OpError
		timeout interface{ Timeout() bool }
	)
	switch {
	case errors.As(err, &lookup):
		return fmt.Sprintf("UNREACHABLE: There is no host %s.%scorrect RELEASES_URL, or check the network.", lookup.Name, nothing)
	case errors.As(err, &cert):
		return fmt.Sprintf("UNREACHABLE: The certificate of %s is not trusted here (%v).%scorrect RELEASES_URL, or ask the operators for their certificate.", at, cert.Err, nothing)
	case errors.As(err, &dial) && dial.Op == "dial":
		return fmt.Sprintf("UNREACHABLE: Nothing answers at %s (%v).%sstart the service (make run on a laptop), or correct RELEASES_URL.", at, dial.Err, nothing)
	case errors.As(err, &timeout) && timeout.Timeout():
		return "TIMEOUT: No answer came in time." + unknown
	}
	return fmt.Sprintf("UNREACHABLE: The connection to %s broke off.%s", at, unknown)
}

// unavailable says in words why there is no token to send.
func (t *tokens) unavailable(err error) string {
	return fmt.Sprintf("TOKEN_UNAVAILABLE: The access token cannot be had: %s %v.%scorrect that, or sign in again where that gives a token, and make the same call again.", t.name, err, nothing)
}

// unauthorized says in words that the service refused every token there is.
func (t *tokens) unauthorized() string {
	if t.fixed {
		return "UNAUTHORIZED: Releases does not accept the token in RELEASES_TOKEN: it may have expired or be meant for another service." + nothing +
			"get a new access token, put it into RELEASES_TOKEN in your client's configuration, and restart this server."
	}
	return "UNAUTHORIZED: Releases does not accept the token from " + t.name + ", which was asked again: it may have expired or be meant for another service." + nothing +
		"sign in again, so that it gives a new access token, and make the same call again. No restart is needed."
}

// unexpected says in words that something other than the endpoint has answered.
func unexpected(at string, got answered) string {
	switch code := got.status; {
	case code == http.StatusForbidden:
		return "FORBIDDEN: Something before Releases, such as a firewall, refuses this call." + nothing + "ask the operators to let this machine call " + at + "."
	case code == http.StatusNotFound || code == http.StatusMethodNotAllowed:
		return "NOT_FOUND: Nothing serves MCP at " + at + "." + nothing + "correct RELEASES_URL: it ends in /mcp, and with an execute-api address the stage comes before it."
	case code == http.StatusRequestEntityTooLarge:
		return "TOO_LARGE: The message is larger than the service accepts." + nothing + "send less."
	case code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable:
		return fmt.Sprintf("THROTTLED: Releases is busy (%d).%swait %s and make the same call again.", code, nothing, wait(got))
	case code >= 300 && code < 400:
		return fmt.Sprintf("REDIRECTED: %s leads elsewhere (%s), and the token is not sent there.%sset RELEASES_URL to the address that is meant.", at, got.header.Get("Location"), nothing)
	case code == http.StatusGatewayTimeout:
		return "TIMEOUT: No answer came in time." + unknown
	case code >= 500:
		return fmt.Sprintf("INTERNAL: Something failed in the service (%d).%s", code, unknown)
	case code >= 400:
		return fmt.Sprintf("REFUSED: The service refuses this message (%d).%scheck RELEASES_URL, and that this program and the service are of the same age.", code, nothing)
	}
	kind, _, _ := strings.Cut(got.header.Get("Content-Type"), ";")
	return fmt.Sprintf("UNEXPECTED_ANSWER: What answers at %s is not the MCP endpoint (it sends %q).%scorrect RELEASES_URL.", at, kind, nothing)
}

func wait(got answered) string {
	if s := got.header.Get("Retry-After"); s != "" && len(s) < 6 {
		return s + " s"
	}
	return "a few seconds"
}

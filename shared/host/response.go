package host

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

// responseWriter behaves like the one of net/http's server, so that a handler answers the same on both: the first
// status counts, headers are those of that moment, nothing written means 200, and no body follows a status that
// allows none.
type responseWriter struct {
	header http.Header
	sent   http.Header // header as it was when the status was set; nil until then
	status int
	body   bytes.Buffer
	sniff  int // how much of the body decides its type; 0 is all
}

func newResponseWriter() *responseWriter { return &responseWriter{header: http.Header{}} }

func (w *responseWriter) Header() http.Header { return w.header }

func (w *responseWriter) WriteHeader(status int) {
	if status < 100 || status > 999 {
		panic(fmt.Sprintf("invalid WriteHeader code %d", status))
	}
	// Informational answers have no place in an event; the final one is yet to come.
	if w.sent != nil || status < 200 && status != http.StatusSwitchingProtocols {
		return
	}
	w.status, w.sent = status, w.header.Clone()
}

func (w *responseWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if !allowsBody(w.status) {
		return 0, http.ErrBodyNotAllowed
	}
	return w.body.Write(p)
}

// Flush has nowhere to flush to, but after it the status and the type are settled, as they would be on the wire.
func (w *responseWriter) Flush() {
	w.WriteHeader(http.StatusOK)
	if w.sniff == 0 {
		w.sniff = w.body.Len()
	}
}

func allowsBody(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// response is what was written, as the answer to a request with the method.
func (w *responseWriter) response(method string) events.APIGatewayProxyResponse {
	w.WriteHeader(http.StatusOK)
	w.complete(method)
	answer := events.APIGatewayProxyResponse{StatusCode: w.status, MultiValueHeaders: w.sent}
	switch body := w.body.Bytes(); {
	case method == http.MethodHead:
	case utf8.Valid(body):
		answer.Body = string(body)
	default:
		// The API must list the type under its binary media types, else the client gets the base64.
		answer.Body, answer.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	return answer
}

// complete adds and drops the headers that net/http's server would.
func (w *responseWriter) complete(method string) {
	_, typed := w.sent["Content-Type"]
	switch {
	case w.status == http.StatusNotModified:
		w.sent.Del("Content-Type")
		fallthrough
	case !allowsBody(w.status):
		w.sent.Del("Content-Length")
		w.sent.Del("Transfer-Encoding")
	case w.body.Len() > 0:
		if !typed && w.sent.Get("Content-Encoding") == "" {
			seen := w.body.Bytes()
			if w.sniff > 0 {
				seen = seen[:w.sniff]
			}
			w.sent.Set("Content-Type", http.DetectContentType(seen))
		}
		// Otherwise the gateway counts the body, which for HEAD it never sees.
		if method == http.MethodHead && w.sent.Get("Content-Length") == "" {
			w.sent.Set("Content-Length", strconv.Itoa(w.body.Len()))
		}
	}
	for name, values := range w.sent {
		if len(values) == 0 {
			delete(w.sent, name) // set to nil: the handler wants none
			continue
		}
		for i, value := range values {
			values[i] = strings.TrimSpace(lineBreaks.Replace(value))
		}
	}
}

// lineBreaks in a header's value would start another header.
var lineBreaks = strings.NewReplacer("\r", " ", "\n", " ")

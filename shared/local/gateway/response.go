package gateway

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// statuses are API Gateway's own, for responses without a status in the template.
var statuses = map[string]int{
	"ACCESS_DENIED": 403, "UNAUTHORIZED": 401, "MISSING_AUTHENTICATION_TOKEN": 403, "REQUEST_TOO_LARGE": 413,
	"BAD_REQUEST_PARAMETERS": 400, "AUTHORIZER_FAILURE": 500, "INTEGRATION_TIMEOUT": 504, "DEFAULT_4XX": 400, "DEFAULT_5XX": 502, // a function that fails is a bad gateway
}

// refuse answers without a function: with the template's response of that type, or else its
// default for the class, or else API Gateway's own answer.
func (g *Gateway) refuse(w http.ResponseWriter, c *call, kind, message string, authorizer map[string]any) {
	status := statuses[kind]
	response, ok := g.responses[kind]
	if !ok {
		class := "DEFAULT_4XX"
		if status >= 500 {
			class = "DEFAULT_5XX"
		}
		response = g.responses[class]
	}
	if response.StatusCode != 0 {
		status = response.StatusCode
	}
	body, ok := response.Templates["application/json"]
	if !ok {
		body = `{"message":$context.error.messageString}`
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	for name, value := range response.Headers {
		h.Set(name, value)
	}
	w.WriteHeader(status)
	if c.r.Method != http.MethodHead {
		_, _ = w.Write([]byte(expand(body, c, kind, message, authorizer)))
	}
}

// expand replaces the template's variables with the request's values. Like API Gateway it
// inserts them as they are: only messageString includes quotes.
func expand(body string, c *call, kind, message string, authorizer map[string]any) string {
	quoted, err := json.Marshal(message)
	if err != nil {
		panic(err) // a string
	}
	values := map[string]string{
		"$context.error.messageString": string(quoted), "$context.error.message": message, "$context.error.responseType": kind,
		"$context.requestId": c.id, "$context.path": c.r.URL.EscapedPath(), "$context.httpMethod": c.r.Method,
	}
	for name, v := range authorizer {
		values["$context.authorizer."+name] = fmt.Sprint(v)
	}
	// Longest names first, because messageString begins with message.
	names := slices.SortedFunc(maps.Keys(values), func(a, b string) int { return len(b) - len(a) })
	pairs := make([]string, 0, 2*len(names))
	for _, name := range names {
		pairs = append(pairs, name, values[name])
	}
	return strings.NewReplacer(pairs...).Replace(body)
}

// remapped are the headers of a function's answer that API Gateway renames and keeps for
// itself (its guide, "Important notes for REST APIs"): a challenge reaches a client only
// from a gateway response.
var remapped = []string{"Authorization", "Connection", "Content-Length", "Date", "Server", "Www-Authenticate"}

// write answers with what a function returned, or returns an error where that is not a valid
// answer.
func write(w http.ResponseWriter, out []byte) error {
	var a events.APIGatewayProxyResponse
	if err := json.Unmarshal(out, &a); err != nil {
		return fmt.Errorf("malformed proxy response: %w", err)
	}
	if a.StatusCode < 100 || a.StatusCode > 599 {
		return fmt.Errorf("malformed proxy response: status code %d", a.StatusCode)
	}
	body := []byte(a.Body)
	if a.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(a.Body)
		if err != nil {
			return fmt.Errorf("malformed proxy response: %w", err)
		}
		body = decoded
	}
	h := w.Header()
	for name, value := range a.Headers {
		h.Set(name, value)
	}
	for name, values := range a.MultiValueHeaders {
		h[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
	for _, name := range remapped {
		if values := h.Values(name); len(values) > 0 {
			h["X-Amzn-Remapped-"+name] = values
			h.Del(name)
		}
	}
	if h.Get("Content-Type") == "" && len(body) > 0 {
		h.Set("Content-Type", "application/json") // API Gateway's default
	}
	w.WriteHeader(a.StatusCode)
	_, _ = w.Write(body)
	return nil
}

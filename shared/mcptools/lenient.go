package mcptools

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// Here is what real clients send and the SDK, which goes by the letter, would refuse or alter.

// acceptWhatIsAnswered has the SDK see both media types that it asks for: only JSON is ever
// answered, so a client that takes JSON, or does not say what it takes, is served.
func acceptWhatIsAnswered(h http.Header) {
	const both = "application/json, text/event-stream"
	sent := h.Values("Accept")
	for _, part := range strings.Split(strings.Join(sent, ","), ",") {
		kind, _, _ := strings.Cut(part, ";")
		switch kind = strings.ToLower(strings.TrimSpace(kind)); {
		case kind == "application/json", kind == "application/*", kind == "*/*", kind == "" && len(sent) < 2:
			h.Set("Accept", both)
			return
		}
	}
}

// standIn is the id under which the SDK sees a message whose own it would not give back as
// it came.
const standIn = `"as-it-came"`

// keptByTheSDK tells whether the SDK gives an id back as it came: it reads numbers as
// floating-point ones and keeps their whole part, which alters fractions and what is beyond 2^53.
func keptByTheSDK(id json.RawMessage) bool {
	if len(id) == 0 || id[0] != '-' && (id[0] < '0' || id[0] > '9') {
		return true
	}
	n, err := strconv.ParseInt(string(id), 10, 64)
	return err == nil && -1<<53 <= n && n <= 1<<53 && strconv.FormatInt(n, 10) == string(id)
}

// withStandIn is the message under another id.
func withStandIn(body []byte) ([]byte, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, err
	}
	members["id"] = json.RawMessage(standIn)
	return json.Marshal(members)
}

// asItCame puts the id back that the client sent. In an answer it stands before everything
// that could hold the same letters.
func asItCame(answer []byte, id json.RawMessage) []byte {
	return bytes.Replace(answer, []byte(`"id":`+standIn), append([]byte(`"id":`), id...), 1)
}

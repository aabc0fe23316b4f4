package mcptools

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// Real clients send what is handled here; the SDK, which follows the letter of the
// protocol, would refuse or alter it.

// acceptWhatIsAnswered gives the SDK both media types that it demands: only JSON is ever
// answered, so a client that accepts JSON, or does not say what it accepts, is served.
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

// standIn is the id that the SDK gets for a message whose own id it would alter.
const standIn = `"as-it-came"`

// keptByTheSDK tells whether the SDK returns an id unaltered: it reads numbers as floating
// point and keeps their whole part, which alters fractions and numbers beyond 2^53.
func keptByTheSDK(id json.RawMessage) bool {
	if len(id) == 0 || id[0] != '-' && (id[0] < '0' || id[0] > '9') {
		return true
	}
	n, err := strconv.ParseInt(string(id), 10, 64)
	return err == nil && -1<<53 <= n && n <= 1<<53 && strconv.FormatInt(n, 10) == string(id)
}

// withStandIn is the message with standIn as its id.
func withStandIn(body []byte) ([]byte, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, err
	}
	members["id"] = json.RawMessage(standIn)
	return json.Marshal(members)
}

// asItCame puts the client's id back. In an answer the id comes before everything that
// could contain the same letters.
func asItCame(answer []byte, id json.RawMessage) []byte {
	return bytes.Replace(answer, []byte(`"id":`+standIn), append([]byte(`"id":`), id...), 1)
}

package bridge

import (
	"bufio"
	"bytes"
	"encoding/json"
	"testing"
)

// FuzzLine: whatever a client writes on a line, it is passed on as it came, and what is
// answered in the bridge's own name is one line of JSON under the same id.
func FuzzLine(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}`, `{"id":1.0,"method":"notifications/cancelled","params":{"requestId":"a"}}`,
		`[]`, `{"id":{},"params":[]}`, `{"method":1,"id":"\ud800"}`, "\x00", `{"params":{"_meta":{"io.modelcontextprotocol/protocolVersion":7}},"method":"m"}`, `{"id":1,"id":2,"method":"a"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		line, tooLong, _ := readLine(bufio.NewReader(bytes.NewReader(raw)))
		if tooLong || len(line) > len(raw) {
			t.Errorf("%q: %q, too long %t", raw, line, tooLong)
		}
		m := parse(line)
		if !bytes.Equal(m.line, line) {
			t.Errorf("%q became %q", line, m.line)
		}
		if m.id == nil {
			return
		}
		answer := refusal(m.id, "no")
		var got struct{ ID json.RawMessage }
		if err := json.Unmarshal(answer, &got); err != nil || bytes.ContainsAny(bytes.TrimSuffix(answer, []byte("\n")), "\n\r") {
			t.Errorf("%q is answered %q: %v", line, answer, err)
		}
		var is, was any
		if json.Unmarshal(m.id, &was) == nil && (json.Unmarshal(got.ID, &is) != nil || string(mustMarshal(is)) != string(mustMarshal(was))) {
			t.Errorf("%q is answered under %q", line, got.ID)
		}
	})
}

func mustMarshal(v any) []byte {
	b, _ := json.Marshal(v)
	return b
}

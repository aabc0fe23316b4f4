package openapi_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.com/releases/shared/local/tokens"
)

// docs/api.md is true: its lines are run in one shell, as somebody would paste them,
// and what it says is answered has to be part of what is.
func TestGuide_Commands_WorkAsWritten(t *testing.T) {
	guide, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "api.md"))
	if err != nil {
		t.Fatal(err)
	}
	const end = "--- end of block ---"
	var script strings.Builder
	var expected []string // after each block of lines; empty where nothing is said
	for _, block := range regexp.MustCompile("(?ms)^```(sh|json|text)\n(.*?)^```$").FindAllSubmatch(guide, -1) {
		if string(block[1]) == "sh" {
			script.WriteString(string(block[2]) + "echo; echo '" + end + "'\n")
			expected = append(expected, "")
			continue
		}
		expected[len(expected)-1] = string(block[2])
	}
	if len(expected) < 15 {
		t.Fatalf("only %d blocks found", len(expected))
	}
	h := system(t)
	dir := t.TempDir()
	run := map[string]any{"baseUrl": h.BaseURL, "tokens": map[string]string{}}
	for _, role := range []string{"viewer", "auditor", "admin"} {
		token, err := h.Tokens.Mint(tokens.Holder{Role: role, Email: role + "@example.com"})
		if err != nil {
			t.Fatal(err)
		}
		run["tokens"].(map[string]string)[role] = token
	}
	file, err := json.MarshalIndent(run, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, ".local"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".local", "run.json"), file, 0o600); err != nil {
		t.Fatal(err)
	}
	shell := exec.CommandContext(t.Context(), "bash", "-eu", "-o", "pipefail")
	shell.Dir, shell.Stdin = dir, strings.NewReader(script.String())
	var complaints bytes.Buffer
	shell.Stderr = &complaints
	out, err := shell.Output()
	if err != nil || complaints.Len() > 0 {
		t.Fatalf("%v: %s\n%s", err, complaints.String(), out)
	}
	answers := strings.Split(string(out), end+"\n")
	for i, want := range expected {
		got := strings.TrimSpace(answers[i])
		if want = strings.TrimSpace(want); want == "" || want == got {
			continue
		}
		var a, b any
		if err := json.Unmarshal([]byte(want), &a); err != nil {
			t.Errorf("the guide says %s\nbut it is %s", want, got)
		} else if err := json.Unmarshal([]byte(got), &b); err != nil || !holds(b, a) {
			t.Errorf("the guide says %s\nbut it is %s", want, got)
		}
	}
}

// holds tells whether an answer has what is said of it. … stands for any text, at the
// beginning of one for what differs from place to place, and at the end of one for the rest.
func holds(answer, documented any) bool {
	switch documented := documented.(type) {
	case map[string]any:
		answer, ok := answer.(map[string]any)
		for name, value := range documented {
			ok = ok && holds(answer[name], value)
		}
		return ok
	case []any:
		answer, ok := answer.([]any)
		if !ok || len(answer) != len(documented) {
			return false
		}
		for i := range documented {
			ok = ok && holds(answer[i], documented[i])
		}
		return ok
	case string:
		text, ok := answer.(string)
		if begin, cut := strings.CutSuffix(documented, "…"); cut && begin != "" {
			return ok && strings.HasPrefix(text, begin)
		}
		end, cut := strings.CutPrefix(documented, "…")
		return ok && (cut && text != "" && strings.HasSuffix(text, end) || documented == text)
	}
	return answer == documented
}

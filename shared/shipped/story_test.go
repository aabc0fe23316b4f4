package shipped_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"example.com/releases/shared/local"
	"example.com/releases/shared/local/demo"
	"example.com/releases/shared/local/iam"
	"example.com/releases/shared/local/tokens"
)

// The whole demo, from planning to rollback with its mails, with every function as the file that
// ships, under the rights that its policy gives it.
func TestShipped_MainJob_Works(t *testing.T) {
	var guard *iam.Guard
	root, _ := load(t)
	h, err := local.Start(t.Context(), local.Options{Root: root, Run: local.AsShipped(files(t), &guard), Period: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Stop()
	run := map[string]any{"baseUrl": h.BaseURL, "mcpUrl": h.BaseURL + "/mcp", "inboxUrl": h.BaseURL + "/_local/inbox"}
	minted := map[string]string{}
	for _, role := range []string{"requester", "viewer", "auditor", "admin"} {
		if minted[role], err = h.Tokens.Mint(tokens.Holder{Role: role}); err != nil {
			t.Fatal(err)
		}
	}
	run["tokens"] = minted
	file := filepath.Join(t.TempDir(), "run.json")
	if err := os.WriteFile(file, must(json.Marshal(run)), 0o600); err != nil {
		t.Fatal(err)
	}
	var reported bytes.Buffer
	if err := demo.Run(t.Context(), file, &reported, local.Verify); err != nil {
		t.Errorf("%v\n%s", err, reported.String())
	}
	for _, denied := range guard.Denied() {
		t.Errorf("denied: %s", denied)
	}
	for _, failed := range h.Failures() {
		t.Errorf("a record or event was given up: %+v", failed)
	}
	used := 0
	_, tmpl := load(t)
	for _, f := range tmpl.Functions {
		used += len(guard.Used(f.Name))
	}
	t.Logf("%d rights were used", used)
}

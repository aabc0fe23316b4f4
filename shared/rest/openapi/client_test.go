package openapi_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.com/releases/shared/local"
	"example.com/releases/shared/local/tokens"
	"example.com/releases/shared/testkit"
)

// generator makes Go of an OpenAPI document. It is pinned here and built once by go run.
const generator = "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2"

// system is the whole system with tables of its own.
func system(t *testing.T) *local.Host {
	t.Helper()
	tables := testkit.New(t, testkit.WithStreams)
	h, err := local.Start(t.Context(), local.Options{Endpoint: tables.Endpoint, Table: tables.Name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Stop)
	return h
}

// Others generate their client from the document: so does this test, and it does the
// main job with it. Both are in testdata/client, a module that knows nothing of ours.
func TestGeneratedClient_FromTheDocument_DoesTheMainJob(t *testing.T) {
	h, dir := system(t), t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/client")); err != nil {
		t.Fatal(err)
	}
	document, err := filepath.Abs("../apidocs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "RELEASES_URL="+h.BaseURL)
	for _, role := range []string{"Admin", "Viewer"} {
		token, err := h.Tokens.Mint(tokens.Holder{Role: role})
		if err != nil {
			t.Fatal(err)
		}
		env = append(env, "RELEASES_TOKEN_"+strings.ToUpper(role)+"="+token)
	}
	run := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir, cmd.Env = dir, env
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	run("run", generator, "-generate", "types,client", "-package", "client", "-o", "client.go", document)
	// Without paths in what is built, a client that has not changed is not compiled again.
	if out := run("test", "-trimpath", "-count=1", "-v", "."); !strings.Contains(out, "--- PASS: TestClient_MainJob_Works") {
		t.Errorf("the job was not done:\n%s", out)
	}
}

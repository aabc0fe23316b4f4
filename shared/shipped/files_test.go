// Package shipped_test checks the functions as the files that ship: that each is a static file
// of its own and is reproducible, that it answers its event, and that its policy allows what it
// uses, no less and no more; and the arithmetic of docs/performance/scale.md. It must not know
// how the functions do their work: only for the policies it reads the source of package dynamo.
package shipped_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"example.com/releases/shared/local/bootstrap"
	"example.com/releases/shared/local/engine"
	"example.com/releases/shared/local/template"
)

// scratch is where the tests of this package build.
var scratch string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if scratch, err = os.MkdirTemp("", "shipped-"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(scratch)
		return m.Run()
	}())
}

func load(t testing.TB) (string, *template.Template) {
	t.Helper()
	root, err := engine.Root()
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := template.Load(filepath.Join(root, "template.yaml"), map[string]string{
		"PublishTrustCenter": "true", "TokenIssuer": "https://issuer.example", "JwksUrl": "https://issuer.example/keys", "TokenAudience": "releases",
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(tmpl.Functions) < 25 {
		t.Fatalf("only %d functions were read from template.yaml, want 25 or more", len(tmpl.Functions))
	}
	return root, tmpl
}

var build = sync.OnceValues(func() (map[string]string, error) {
	root, err := engine.Root()
	if err != nil {
		return nil, err
	}
	tmpl, err := template.Load(filepath.Join(root, "template.yaml"), nil)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range tmpl.Functions {
		names = append(names, f.Name)
	}
	return bootstrap.Build(context.Background(), root, filepath.Join(scratch, "bin"), names)
})

// files returns the file of each function, built as it ships, once for all tests.
func files(t testing.TB) map[string]string {
	t.Helper()
	built, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return built
}

// SAM would ship one binary under every name if the template had one folder for all; and a
// dynamically linked one does not start where the machine has other libraries.
func TestShipped_EachFunction_IsAStaticFile(t *testing.T) {
	seen := map[[32]byte]string{}
	for name, file := range files(t) {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(content)
		if other, twice := seen[sum]; twice {
			t.Errorf("%s and %s are the same file", name, other)
		}
		seen[sum] = name
		f, err := elf.NewFile(bytes.NewReader(content))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, p := range f.Progs {
			if p.Type == elf.PT_INTERP {
				t.Errorf("%s needs libraries of the machine it runs on", name)
			}
		}
		if f.Section(".symtab") != nil || f.Section(".debug_info") != nil {
			t.Errorf("%s carries symbols that only make it larger", name)
		}
		root, err := engine.Root()
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte(root+"/")) {
			t.Errorf("%s contains the path of the directory where it was built", name)
		}
	}
	if len(seen) < 25 {
		t.Errorf("only %d different files, want 25 or more", len(seen))
	}
}

// One function of each kind, built again from a copy in another directory, is the same to the
// byte. Linking all of them twice takes half a minute and hardly shows more; `make reproducible`
// does so.
func TestShipped_BuiltAgain_IsTheSame(t *testing.T) {
	sample := []string{"authorize", "transition-release", "settle-tasks", "send-mail", "mcp"}
	if os.Getenv("REPRODUCE") == "all" {
		sample = nil
		for name := range files(t) {
			sample = append(sample, name)
		}
	}
	first := files(t)
	root, _ := load(t)
	elsewhere := filepath.Join(scratch, "copy")
	if err := os.MkdirAll(elsewhere, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"go.mod", "go.sum", "Makefile"} {
		content, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(elsewhere, file), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"functions", "shared"} {
		if err := os.CopyFS(filepath.Join(elsewhere, dir), os.DirFS(filepath.Join(root, dir))); err != nil {
			t.Fatal(err)
		}
	}
	repeated, err := bootstrap.Build(t.Context(), elsewhere, filepath.Join(scratch, "again"), sample)
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range repeated {
		a, err := os.ReadFile(first[name])
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a, b) {
			t.Errorf("%s differs when it is built elsewhere", name)
		}
	}
	fmt.Printf("%d functions built twice are the same\n", len(repeated))
}

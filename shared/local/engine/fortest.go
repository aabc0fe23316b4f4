package engine

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/releases/shared/local/template"
)

// shared is the one engine of a test process. Nobody has to stop it: it ends with the
// process.
var shared struct {
	once   sync.Once
	engine *Engine
	err    error
}

// ForTest returns the endpoint of the engine that tests use: the one that
// DYNAMODB_ENDPOINT names, or one that all tests of the process share. Without an
// engine the test fails; it is never skipped.
func ForTest(t testing.TB) string {
	t.Helper()
	if endpoint := os.Getenv(EndpointVariable); endpoint != "" {
		return endpoint
	}
	shared.once.Do(func() { shared.engine, shared.err = startInMemory() })
	if shared.err != nil {
		t.Fatalf("no database engine: %v", shared.err)
	}
	return shared.engine.Endpoint()
}

// Own gives a test an engine of its own until it ends: one that makes very many stream
// records would slow down all others, and they it. Where DYNAMODB_ENDPOINT names an
// engine, that one stays.
func Own(t testing.TB) {
	t.Helper()
	if os.Getenv(EndpointVariable) != "" {
		return
	}
	e, err := startInMemory()
	if err != nil {
		t.Fatalf("no database engine: %v", err)
	}
	t.Cleanup(e.Stop)
	t.Setenv(EndpointVariable, e.Endpoint())
}

// startInMemory leaves time to fetch the engine, the first time.
func startInMemory() (*Engine, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	return Start(ctx, Options{})
}

// FreshTables creates the tables of template.yaml, without their streams, for one test
// under names that no other test uses, and drops them when the test ends. It returns
// the endpoint, a client, and the names by logical id.
//
// DynamoDB Local looks through all streams it ever had at each write to a table that
// has one, and forgets none with its table: with streams, tests that nobody reads them
// in would slow each other down tenfold.
func FreshTables(t testing.TB) (endpoint string, client *dynamodb.Client, names map[string]string) {
	t.Helper()
	return freshTables(t, false)
}

// FreshStreams is FreshTables with the streams, for tests that read them.
func FreshStreams(t testing.TB) (endpoint string, client *dynamodb.Client, names map[string]string) {
	t.Helper()
	return freshTables(t, true)
}

func freshTables(t testing.TB, streams bool) (endpoint string, client *dynamodb.Client, names map[string]string) {
	t.Helper()
	endpoint = ForTest(t)
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := template.Load(filepath.Join(root, "template.yaml"), nil)
	if err != nil {
		t.Fatal(err)
	}
	prefix := "t" + rand.Text()[:10] + "-"
	names = make(map[string]string)
	for _, table := range tmpl.Tables {
		names[table.LogicalID] = prefix + table.LogicalID
	}
	if !streams {
		for i := range tmpl.Tables {
			tmpl.Tables[i].StreamView = ""
		}
	}
	client = Client(endpoint)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	t.Cleanup(func() {
		for _, name := range names {
			_, _ = client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name})
		}
	})
	if err := CreateTables(ctx, client, tmpl.Tables, func(id string) string { return names[id] }); err != nil {
		t.Fatal(err)
	}
	return endpoint, client, names
}

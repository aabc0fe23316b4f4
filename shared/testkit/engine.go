package testkit

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"example.com/releases/shared/local/engine"
)

// shared is the one engine of a test process. It need not be stopped: it ends with the
// process.
var shared struct {
	once   sync.Once
	engine *engine.Engine
	err    error
}

// endpointOfEngine returns DYNAMODB_ENDPOINT, or the endpoint of an engine that all tests of
// the process share. Without an engine the test fails; it is never skipped.
func endpointOfEngine(t testing.TB) string {
	t.Helper()
	if endpoint := os.Getenv(engine.EndpointVariable); endpoint != "" {
		return endpoint
	}
	shared.once.Do(func() { shared.engine, shared.err = startInMemory() })
	if shared.err != nil {
		t.Fatalf("no database engine: %v", shared.err)
	}
	return shared.engine.Endpoint()
}

// OwnEngine gives a test an engine of its own until it ends: a test with very many stream
// records and all others would slow each other down. Where DYNAMODB_ENDPOINT is set, that
// engine is used.
func OwnEngine(t testing.TB) {
	t.Helper()
	if os.Getenv(engine.EndpointVariable) != "" {
		return
	}
	e, err := startInMemory()
	if err != nil {
		t.Fatalf("no database engine: %v", err)
	}
	t.Cleanup(e.Stop)
	t.Setenv(engine.EndpointVariable, e.Endpoint())
}

// startInMemory starts an engine; the timeout includes fetching it the first time.
func startInMemory() (*engine.Engine, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	return engine.Start(ctx, engine.Options{})
}

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

// endpointOfEngine is that of the engine that DYNAMODB_ENDPOINT names, or of one that all
// tests of the process share. Without an engine the test fails; it is never skipped.
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

// OwnEngine gives a test an engine of its own until it ends: one that makes very many
// stream records would slow down all others, and they it. Where DYNAMODB_ENDPOINT names
// an engine, that one stays.
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

// startInMemory leaves time to fetch the engine, the first time.
func startInMemory() (*engine.Engine, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	return engine.Start(ctx, engine.Options{})
}

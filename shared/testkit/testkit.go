// Package testkit is the harness of the product's tests: the template's tables on the real
// engine, the layer that makes the engine as strict as DynamoDB, and a store on them. Its
// packages add faults (inject), the cost of requests (meter), and huge numbers of tasks
// (crowd). Only tests link it, and it must not know what they test.
package testkit

import (
	"context"
	"crypto/rand"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/local/engine"
	"example.com/releases/shared/local/strict"
	"example.com/releases/shared/local/template"
	"example.com/releases/shared/testkit/bounded"
	"example.com/releases/shared/testkit/inject"
)

// Harness is a store on tables of its own.
type Harness struct {
	Endpoint string            // of the engine
	Client   *dynamodb.Client  // straight to the engine
	Names    map[string]string // of the tables, by logical id
	Tables   dynamo.Tables     // the same
	Layer    *strict.Layer     // as strict as DynamoDB, before the engine
	Config   aws.Config        // through the layer
	Store    *dynamo.Store     // through the layer, without faults

	t testing.TB
}

// Option changes a test's tables from the default.
type Option int

const (
	// WithStreams keeps the tables' streams, for tests that read them. At each write to a
	// table with a stream, DynamoDB Local searches all streams it ever had, including those of
	// deleted tables: with streams everywhere, tests would be ten times slower.
	WithStreams Option = iota
	// WithoutExpiry keeps items that have expired by the real clock, for tests with another.
	WithoutExpiry
)

// New creates the tables of template.yaml, by default without their streams, for one
// test under names that no other test uses, and drops them when the test ends.
func New(t testing.TB, options ...Option) *Harness {
	t.Helper()
	h := &Harness{t: t, Endpoint: endpointOfEngine(t), Names: map[string]string{}}
	h.Client = engine.Client(h.Endpoint)
	h.createTables(options)
	h.Tables = dynamo.Tables{
		Releases: h.Names["ReleasesTable"], Changes: h.Names["ChangesTable"], Tasks: h.Names["TasksTable"], Mail: h.Names["MailTable"],
		Record: h.Names["RecordTable"],
	}
	h.Layer = strict.New(awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = 256, 256
	}).Do, strict.Options{})
	h.Config = AWS(h.Endpoint)
	h.Config.HTTPClient = h.Layer
	h.Config.APIOptions = append(h.Config.APIOptions, bounded.Refuse(t.Errorf))
	h.Store = h.Open()
	return h
}

// Name returns a table's name by its logical id.
func (h *Harness) Name(logicalID string) string { return h.Names[logicalID] }

// Open opens another store on the same tables.
func (h *Harness) Open(options ...func(*dynamodb.Options)) *dynamo.Store {
	return dynamo.Open(h.Config, h.Tables, options...)
}

// Under opens a store on the same tables with faults: one around each call, above the SDK's
// retries, and one around each attempt; either may be nil.
func (h *Harness) Under(call, attempt inject.Around) *dynamo.Store {
	return h.Open(inject.Option(call, attempt))
}

// AWS returns the configuration of a client for an engine or a stand-in.
func AWS(endpoint string) aws.Config {
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(endpoint),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
		}),
		// Retries as in production but with short pauses, because tests inject many faults.
		Retryer: func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxBackoff = 2 * time.Millisecond
				o.RateLimiter = ratelimit.None
			})
		},
	}
}

func (h *Harness) createTables(options []Option) {
	h.t.Helper()
	root, err := engine.Root()
	if err != nil {
		h.t.Fatal(err)
	}
	tmpl, err := template.Load(filepath.Join(root, "template.yaml"), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	prefix := "t" + rand.Text()[:10] + "-"
	for i := range tmpl.Tables {
		table := &tmpl.Tables[i]
		h.Names[table.LogicalID] = prefix + table.LogicalID
		if !slices.Contains(options, WithStreams) {
			table.StreamView = ""
		}
		if slices.Contains(options, WithoutExpiry) {
			table.TTL = ""
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	h.t.Cleanup(func() {
		for _, name := range h.Names {
			_, _ = h.Client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name})
		}
	})
	if err := engine.CreateTables(ctx, h.Client, tmpl.Tables, h.Name); err != nil {
		h.t.Fatal(err)
	}
}

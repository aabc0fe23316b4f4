// Package dynamo stores releases, change requests, tasks and the outbox of mails in
// DynamoDB: keys, items and conditional writes. The rules come from packages release and
// mail; every write repeats them as a condition, so that no race gets past them. It also
// says what a stream record of a table means. It must not know HTTP, nor how records are
// delivered or mails are sent.
package dynamo

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/release"
)

// Tables names the five tables, one per aggregate.
type Tables struct{ Releases, Changes, Tasks, Mail, Record string }

// Store reads and writes the tables. It is safe for concurrent use.
type Store struct {
	db                   *dynamodb.Client
	tables               Tables
	eventuallyConsistent bool
}

// Open returns a store on the tables. Options adjust the client, for instance with the
// middleware that tests inject faults through.
func Open(cfg aws.Config, tables Tables, options ...func(*dynamodb.Options)) *Store {
	return &Store{db: dynamodb.NewFromConfig(cfg, options...), tables: tables}
}

// EventuallyConsistent returns the store with eventually consistent reads, at half the
// price: what they return may be a second old. Use it to find out whether there is anything
// to do, never to decide what.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.ReadConsistency.html
func (s *Store) EventuallyConsistent() *Store {
	r := *s
	r.eventuallyConsistent = true
	return &r
}

// Write is who writes, when, and under which precondition.
type Write struct {
	release.Stamp
	// IfRevision refuses the write unless the item has this revision; 0 for any.
	IfRevision int
	// SeparateDuties keeps those who wrote a change request from deciding on it, and
	// Standard changes from being pre-approved.
	SeparateDuties bool
	// Idempotency makes the write happen once per key; nil where the caller sent none.
	Idempotency *IdempotencyKey
}

// item is a DynamoDB item or a map inside one.
type item = map[string]types.AttributeValue

// Package meter measures what requests to DynamoDB cost, for tests and benchmarks: their
// number, and the capacity units that AWS would charge. It must not know what the requests are
// for.
package meter

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
)

// Meter adds up what the requests of a client cost. It is safe for concurrent use, but
// approximate for concurrent writes to one item, because it reads the item before and after
// each write.
type Meter struct {
	engine *dynamodb.Client

	mu      sync.Mutex
	indexes map[string][]index // by table
	n       Reading
}

// New returns a meter that reads items through the given client, which must not be metered
// itself.
func New(engine *dynamodb.Client) *Meter {
	return &Meter{engine: engine, indexes: map[string][]index{}}
}

// Reading is the sum of the costs.
type Reading struct {
	Requests map[string]int // by the name of the operation: "Query"
	Read     float64        // read capacity units, of tables and indexes
	Written  float64        // write capacity units of the tables themselves
	Indexes  float64        // write capacity units of their indexes
}

// Total is the number of all requests.
func (r Reading) Total() int {
	total := 0
	for _, n := range r.Requests {
		total += n
	}
	return total
}

// String is the requests by name, each with its number where there are several.
func (r Reading) String() string {
	var all []string
	for name, n := range r.Requests {
		if n > 1 {
			name = fmt.Sprintf("%d %s", n, name)
		}
		all = append(all, name)
	}
	slices.SortFunc(all, func(a, b string) int {
		return strings.Compare(strings.TrimLeft(a, "0123456789 "), strings.TrimLeft(b, "0123456789 "))
	})
	return strings.Join(all, ", ")
}

// Take returns the costs so far and resets them.
func (m *Meter) Take() Reading {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.n
	m.n = Reading{}
	return n
}

// Option adds the meter to a client. The cost of reads is the engine's; the cost of writes is
// computed from the items before and after, because DynamoDB Local is wrong about transactions
// (one update is 4 units there) and about indexes.
func (m *Meter) Option(o *dynamodb.Options) {
	o.APIOptions = append(slices.Clone(o.APIOptions), func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("meter", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			writes, err := m.writesOf(ctx, in.Parameters)
			if err != nil {
				return middleware.InitializeOutput{}, middleware.Metadata{}, err
			}
			reflect.ValueOf(in.Parameters).Elem().FieldByName("ReturnConsumedCapacity").Set(reflect.ValueOf(types.ReturnConsumedCapacityIndexes))
			out, md, err := next.HandleInitialize(ctx, in)
			after, lookErr := m.look(ctx, writes)
			if lookErr != nil {
				return out, md, lookErr
			}
			m.add(awsmiddleware.GetOperationName(ctx), writes, after, out.Result, err)
			return out, md, err
		}), middleware.Before)
	})
}

// write is one item that a request writes, or whose condition it checks, which costs the same.
type write struct {
	table       string
	key         Item
	before      Item
	transaction bool
}

// writesOf returns the writes of a request, with the items as they are before it; nil for
// reads.
func (m *Meter) writesOf(ctx context.Context, input any) ([]write, error) {
	var all []write
	add := func(table *string, key Item, transaction bool) {
		all = append(all, write{table: *table, key: Item{"pk": key["pk"], "sk": key["sk"]}, transaction: transaction})
	}
	switch in := input.(type) {
	case *dynamodb.PutItemInput:
		add(in.TableName, in.Item, false)
	case *dynamodb.UpdateItemInput:
		add(in.TableName, in.Key, false)
	case *dynamodb.DeleteItemInput:
		add(in.TableName, in.Key, false)
	case *dynamodb.BatchWriteItemInput:
		for table, requests := range in.RequestItems {
			for _, r := range requests {
				if r.PutRequest != nil {
					add(&table, r.PutRequest.Item, false)
				} else {
					add(&table, r.DeleteRequest.Key, false)
				}
			}
		}
	case *dynamodb.TransactWriteItemsInput:
		for _, a := range in.TransactItems {
			switch {
			case a.Put != nil:
				add(a.Put.TableName, a.Put.Item, true)
			case a.Update != nil:
				add(a.Update.TableName, a.Update.Key, true)
			case a.Delete != nil:
				add(a.Delete.TableName, a.Delete.Key, true)
			case a.ConditionCheck != nil:
				add(a.ConditionCheck.TableName, a.ConditionCheck.Key, true)
			}
		}
	}
	before, err := m.look(ctx, all)
	for i := range all {
		all[i].before = before[i]
	}
	return all, err
}

// look reads the current state of the items that are written.
func (m *Meter) look(ctx context.Context, writes []write) ([]Item, error) {
	items := make([]Item, len(writes))
	for i, w := range writes {
		out, err := m.engine.GetItem(ctx, &dynamodb.GetItemInput{TableName: &w.table, Key: w.key, ConsistentRead: &consistent})
		if err != nil {
			return items, fmt.Errorf("the meter cannot look at %s: %w", w.table, err)
		}
		if len(out.Item) > 0 {
			items[i] = out.Item
		}
		if err := m.learn(ctx, w.table); err != nil {
			return items, err
		}
	}
	return items, nil
}

var consistent = true

// learn reads a table's indexes, once.
func (m *Meter) learn(ctx context.Context, table string) error {
	m.mu.Lock()
	_, known := m.indexes[table]
	m.mu.Unlock()
	if known {
		return nil
	}
	out, err := m.engine.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &table})
	if err != nil {
		return fmt.Errorf("the meter cannot learn the indexes of %s: %w", table, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.indexes[table] = indexesOf(out.Table)
	return nil
}

func (m *Meter) add(operation string, writes []write, after []Item, result any, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.n.Requests == nil {
		m.n.Requests = map[string]int{}
	}
	m.n.Requests[operation]++
	for i, w := range writes {
		m.n.Written += writeUnits(w.before, after[i], w.transaction) // a condition that fails costs the same
		for _, x := range m.indexes[w.table] {
			m.n.Indexes += x.indexUnits(w.before, after[i])
		}
	}
	if err != nil || len(writes) > 0 {
		return
	}
	switch c := reflect.ValueOf(result).Elem().FieldByName("ConsumedCapacity").Interface().(type) {
	case *types.ConsumedCapacity:
		if c != nil {
			m.n.Read += *c.CapacityUnits
		}
	case []types.ConsumedCapacity:
		for _, c := range c {
			m.n.Read += *c.CapacityUnits
		}
	}
}

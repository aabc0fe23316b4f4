// Package meter tells what requests to DynamoDB cost, in the capacity units that the
// engine reports, for tests and benchmarks. It must not know what the requests are for.
package meter

import (
	"context"
	"reflect"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
)

// Meter adds up what requests cost. It is safe for concurrent use.
type Meter struct {
	mu sync.Mutex
	n  Reading
}

// Reading is what was added up.
type Reading struct {
	Requests int
	Base     float64 // capacity units of the tables themselves
	Indexes  float64
}

// Take returns what was added up so far and begins anew.
func (m *Meter) Take() Reading {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.n
	m.n = Reading{}
	return n
}

// Option puts the meter into a client; every request of it asks what it costs.
//
// DynamoDB Local counts transactions wrongly (one update as 4 units); what AWS would
// charge for those has to be worked out from the sizes of their items.
func (m *Meter) Option(o *dynamodb.Options) {
	o.APIOptions = append(slices.Clone(o.APIOptions), func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("meter", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			reflect.ValueOf(in.Parameters).Elem().FieldByName("ReturnConsumedCapacity").Set(reflect.ValueOf(types.ReturnConsumedCapacityIndexes))
			out, md, err := next.HandleInitialize(ctx, in)
			if err == nil {
				m.add(reflect.ValueOf(out.Result).Elem().FieldByName("ConsumedCapacity").Interface())
			}
			return out, md, err
		}), middleware.Before)
	})
}

func (m *Meter) add(consumed any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.n.Requests++
	var all []types.ConsumedCapacity
	switch c := consumed.(type) {
	case *types.ConsumedCapacity:
		if c != nil {
			all = append(all, *c)
		}
	case []types.ConsumedCapacity:
		all = c
	}
	for _, c := range all {
		if c.Table != nil && c.Table.CapacityUnits != nil {
			m.n.Base += *c.Table.CapacityUnits
		}
		for _, index := range c.GlobalSecondaryIndexes {
			m.n.Indexes += *index.CapacityUnits
		}
	}
}

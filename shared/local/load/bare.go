package load

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/local/engine"
	"example.com/releases/shared/local/template"
)

// bare sends plain requests to the engine, to a table without indexes or a stream.
type bare struct {
	db      *dynamodb.Client
	clients int
	sent    atomic.Int64
}

const bareTable = "BareTable"

func newBare(ctx context.Context, endpoint string, clients int) (*bare, error) {
	b := &bare{db: engine.Client(endpoint), clients: clients}
	return b, engine.CreateTables(ctx, b.db, []template.Table{{
		LogicalID: bareTable, Key: template.Key{Hash: "pk"}, Attributes: []template.Attribute{{Name: "pk", Type: "S"}},
	}}, func(id string) string { return id })
}

// send reads and writes single items of 1 KB, so many times, with all clients at once.
func (b *bare) send(ctx context.Context, reads, writes int) error {
	todo := make(chan bool, reads+writes) // whether it is a write
	for n := range reads + writes {
		todo <- (n+1)*writes/(reads+writes) > n*writes/(reads+writes)
	}
	close(todo)
	failures := make(chan error, b.clients)
	var sending sync.WaitGroup
	for range b.clients {
		sending.Go(func() {
			for isWrite := range todo {
				if err := b.one(ctx, isWrite); err != nil {
					failures <- err
					return
				}
			}
		})
	}
	sending.Wait()
	close(failures)
	return <-failures
}

func (b *bare) one(ctx context.Context, isWrite bool) error {
	key := &types.AttributeValueMemberS{Value: fmt.Sprint(b.sent.Add(1) % 1000)}
	if !isWrite {
		_, err := b.db.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String(bareTable), Key: map[string]types.AttributeValue{"pk": key}, ConsistentRead: aws.Bool(true)})
		return err
	}
	_, err := b.db.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(bareTable), Item: map[string]types.AttributeValue{
		"pk": key, "text": &types.AttributeValueMemberB{Value: make([]byte, 1000)},
	}})
	return err
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/local/template"
)

// Client makes a plain client for an engine. DynamoDB Local accepts only letters and digits in
// the access key.
func Client(endpoint string) *dynamodb.Client {
	return dynamodb.New(dynamodb.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(endpoint),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
		}),
		// Tests write from many goroutines at once; the default keeps only ten connections
		// open.
		HTTPClient: awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConns, t.MaxIdleConnsPerHost = 256, 256
		}),
	})
}

// CreateTables creates a template's tables under the names that name gives them, with indexes,
// streams and expiry, and returns when all can be used. A table that exists is kept if it has
// the same keys; otherwise it is an error.
func CreateTables(ctx context.Context, client *dynamodb.Client, tables []template.Table, name func(logicalID string) string) error {
	failures := make(chan error, len(tables))
	for _, t := range tables {
		go func() {
			if err := createTable(ctx, client, t, name(t.LogicalID)); err != nil {
				failures <- fmt.Errorf("table %s: %w", name(t.LogicalID), err)
				return
			}
			failures <- nil
		}()
	}
	var err error
	for range tables {
		err = errors.Join(err, <-failures)
	}
	return err
}

func createTable(ctx context.Context, client *dynamodb.Client, t template.Table, name string) error {
	in := tableInput(t, name)
	_, err := client.CreateTable(ctx, in)
	if exists := (*types.ResourceInUseException)(nil); errors.As(err, &exists) {
		return compare(ctx, client, in)
	}
	if err != nil {
		return err
	}
	if err := dynamodb.NewTableExistsWaiter(client, func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = 20*time.Millisecond, 500*time.Millisecond
	}).Wait(ctx, &dynamodb.DescribeTableInput{TableName: &name}, time.Minute); err != nil {
		return err
	}
	if t.TTL == "" {
		return nil
	}
	_, err = client.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName:               &name,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String(t.TTL), Enabled: aws.Bool(true)},
	})
	return err
}

func tableInput(t template.Table, name string) *dynamodb.CreateTableInput {
	in := &dynamodb.CreateTableInput{
		TableName:   aws.String(name),
		BillingMode: types.BillingModePayPerRequest,
		KeySchema:   keySchema(t.Key),
	}
	for _, a := range t.Attributes {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{
			AttributeName: aws.String(a.Name), AttributeType: types.ScalarAttributeType(a.Type),
		})
	}
	for _, x := range t.Indexes {
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
			IndexName:  aws.String(x.Name),
			KeySchema:  keySchema(x.Key),
			Projection: &types.Projection{ProjectionType: types.ProjectionType(x.Projection), NonKeyAttributes: x.Include},
		})
	}
	if t.StreamView != "" {
		in.StreamSpecification = &types.StreamSpecification{StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewType(t.StreamView)}
	}
	return in
}

func keySchema(k template.Key) []types.KeySchemaElement {
	schema := []types.KeySchemaElement{{AttributeName: aws.String(k.Hash), KeyType: types.KeyTypeHash}}
	if k.Range != "" {
		schema = append(schema, types.KeySchemaElement{AttributeName: aws.String(k.Range), KeyType: types.KeyTypeRange})
	}
	return schema
}

// compare checks an existing table against the wanted one. Otherwise old data on disk would
// fail much later, with an error that nobody understands.
func compare(ctx context.Context, client *dynamodb.Client, in *dynamodb.CreateTableInput) error {
	out, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: in.TableName})
	if err != nil {
		return err
	}
	type shape struct {
		key        []types.KeySchemaElement
		projection types.ProjectionType
		include    []string
	}
	sorted := func(list []string) []string {
		list = slices.Clone(list)
		slices.Sort(list)
		return list
	}
	want := map[string]shape{"": {key: in.KeySchema}}
	for _, x := range in.GlobalSecondaryIndexes {
		want[*x.IndexName] = shape{x.KeySchema, x.Projection.ProjectionType, sorted(x.Projection.NonKeyAttributes)}
	}
	got := map[string]shape{"": {key: out.Table.KeySchema}}
	for _, x := range out.Table.GlobalSecondaryIndexes {
		got[*x.IndexName] = shape{x.KeySchema, x.Projection.ProjectionType, sorted(x.Projection.NonKeyAttributes)}
	}
	if !reflect.DeepEqual(want, got) {
		return errors.New("is there with other keys or indexes than template.yaml has now; remove the engine's data directory to begin afresh")
	}
	return nil
}

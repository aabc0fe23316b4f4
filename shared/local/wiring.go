package local

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"

	"example.com/releases/shared/local/engine"
	"example.com/releases/shared/local/invoke"
	"example.com/releases/shared/local/schedules"
	"example.com/releases/shared/local/streams"
	"example.com/releases/shared/local/template"
)

// createTables creates the tables that do not exist yet, and returns the names of all by
// logical id.
func createTables(ctx context.Context, endpoint string, t *template.Template, name func(string) string) (map[string]string, error) {
	if err := engine.CreateTables(ctx, engine.Client(endpoint), t.Tables, name); err != nil {
		return nil, fmt.Errorf("the engine at %s: %w", endpoint, err)
	}
	tables := make(map[string]string, len(t.Tables))
	for _, table := range t.Tables {
		tables[table.LogicalID] = name(table.LogicalID)
	}
	return tables, nil
}

// startStreams polls for every event source mapping of the template.
func (h *Host) startStreams(ctx context.Context, endpoint string, tables map[string]string, wrap func(string, streams.Handler) streams.Handler) error {
	client := engine.Client(endpoint)
	var mappings []streams.Mapping
	for _, f := range h.template.Functions {
		for _, s := range f.Streams {
			m, err := mapping(f, s)
			m.PartitionKey = h.partitionKey(s.Table)
			if err != nil {
				return fmt.Errorf("%s, event %s: %w", f.Name, s.Name, err)
			}
			if m.StreamARN, err = streamARN(ctx, client, tables[s.Table]); err != nil {
				return err
			}
			m.Handler = invoke.Typed[events.DynamoDBEvent, events.DynamoDBEventResponse](h.running.Functions[f.Name])
			if wrap != nil {
				m.Handler = wrap(f.Name, m.Handler)
			}
			mappings = append(mappings, m)
		}
	}
	o := client.Options()
	var err error
	h.streams, err = streams.Start(ctx, dynamodbstreams.New(dynamodbstreams.Options{
		Region: o.Region, BaseEndpoint: o.BaseEndpoint, Credentials: o.Credentials, HTTPClient: o.HTTPClient,
	}), mappings, streams.Options{Log: h.log, Shards: shards})
	return err
}

// shards is how many shards a new table's stream has on AWS: see streams.Options.
const shards = 4

// lanes is how many stream batches a function can get at once; 0 where no stream invokes it.
func lanes(f template.Function) int {
	n := 0
	for _, s := range f.Streams {
		n += shards * max(1, s.ParallelizationFactor)
	}
	return n
}

// partitionKey returns the name of a table's partition key.
func (h *Host) partitionKey(logicalID string) string {
	for _, t := range h.template.Tables {
		if t.LogicalID == logicalID {
			return t.Key.Hash
		}
	}
	return ""
}

// mapping translates a mapping of the template; settings that the host does not support are
// errors.
func mapping(f template.Function, s template.Stream) (streams.Mapping, error) {
	if s.StartingPosition != "TRIM_HORIZON" {
		return streams.Mapping{}, fmt.Errorf("StartingPosition %s: the laptop host reads from TRIM_HORIZON only", s.StartingPosition)
	}
	m := streams.Mapping{
		Function: f.Name, BatchSize: s.BatchSize, Window: s.BatchingWindow, Parallelism: s.ParallelizationFactor, Timeout: f.Timeout,
		ReportFailures: s.PartialFailures, Bisect: s.Bisect, Retries: &s.MaximumRetryAttempts, MaxAge: s.MaximumRecordAge,
	}
	for _, p := range s.Filters {
		filter, err := streams.ParseFilter(p.String())
		if err != nil {
			return streams.Mapping{}, err
		}
		m.Filters = append(m.Filters, filter)
	}
	return m, nil
}

func streamARN(ctx context.Context, client *dynamodb.Client, table string) (string, error) {
	out, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String(table)})
	if err != nil {
		return "", err
	}
	arn := aws.ToString(out.Table.LatestStreamArn)
	if arn == "" {
		return "", fmt.Errorf("the table %s has no stream", table)
	}
	return arn, nil
}

// jobs returns the template's schedules, none slower than the period, so that nobody has to
// wait ten minutes on a laptop.
func jobs(t *template.Template, functions map[string]invoke.Function, period time.Duration) []schedules.Job {
	var out []schedules.Job
	for _, f := range t.Functions {
		for _, s := range f.Schedules {
			out = append(out, schedules.Job{Function: f.Name, Name: s.Name, Every: min(s.Every, period), Input: s.Input, Retries: f.AsyncRetries, Run: functions[f.Name]})
		}
	}
	return out
}

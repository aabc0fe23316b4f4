package testkit

import (
	"context"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"

	"example.com/releases/shared/local/streams"
)

// Stream reads a table's records once, in order, as Lambda would hand them to a function.
type Stream struct {
	h        *Harness
	reader   *dynamodbstreams.Client
	arn      string
	shard    *string
	iterator *string
	last     *string // sequence number of the last record read
}

// Stream opens the stream of a table, by its logical id; see WithStreams.
func (h *Harness) Stream(logicalID string) *Stream {
	h.t.Helper()
	name, ctx := h.Name(logicalID), context.Background()
	described, err := h.Client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	if err != nil || described.Table.LatestStreamArn == nil {
		h.t.Fatalf("%s has no stream: %v", logicalID, err)
	}
	s := &Stream{h: h, reader: dynamodbstreams.NewFromConfig(AWS(h.Endpoint)), arn: *described.Table.LatestStreamArn}
	shards, err := s.reader.DescribeStream(ctx, &dynamodbstreams.DescribeStreamInput{StreamArn: &s.arn})
	if err != nil || len(shards.StreamDescription.Shards) != 1 {
		h.t.Fatalf("%s: want one shard: %v", logicalID, err)
	}
	s.shard = shards.StreamDescription.Shards[0].ShardId
	return s
}

// Read returns the records that came since it was called last.
func (s *Stream) Read() []events.DynamoDBEventRecord {
	s.h.t.Helper()
	var all []events.DynamoDBEventRecord
	for {
		if s.iterator == nil {
			s.open()
		}
		out, err := s.reader.GetRecords(context.Background(), &dynamodbstreams.GetRecordsInput{ShardIterator: s.iterator, Limit: aws.Int32(1000)})
		if err != nil {
			s.h.t.Fatal(err)
		}
		s.iterator = out.NextShardIterator
		if len(out.Records) == 0 {
			if s.last == nil {
				s.iterator = nil
			}
			return all
		}
		for _, r := range out.Records {
			all = append(all, streams.Record(r, s.arn))
			s.last = r.Dynamodb.SequenceNumber
		}
	}
}

// open requests an iterator after the last record read. It is called as late as possible:
// DynamoDB Local treats an iterator from the time when the stream was empty as trimmed once
// the stream has records.
func (s *Stream) open() {
	s.h.t.Helper()
	in := &dynamodbstreams.GetShardIteratorInput{StreamArn: &s.arn, ShardId: s.shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon}
	if s.last != nil {
		in.ShardIteratorType, in.SequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, s.last
	}
	it, err := s.reader.GetShardIterator(context.Background(), in)
	if err != nil {
		s.h.t.Fatal(err)
	}
	s.iterator = it.ShardIterator
}

package streams

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// requestTimeout bounds one call of the Streams API, so that an engine that
// hangs is asked again.
const requestTimeout = 15 * time.Second

// shard reads one shard of a stream from its oldest record to its end, for one
// mapping, and hands what passes the filters to lanes.
type shard struct {
	id      string
	consume *consumer
	lanes   []*lane
	working sync.WaitGroup
	last    string // sequence number of the last record read, filtered ones included
}

// waiting is how many records may wait in a lane before reading stops. Where a shard of the
// engine is divided into several, the number is larger, so that one shard that hangs does not
// hold up the others too soon.
func waiting(c *consumer) int {
	if c.options.Shards > 1 {
		return max(2*c.mapping.BatchSize, 1000)
	}
	return 2 * c.mapping.BatchSize
}

func newShard(id string, c *consumer) *shard {
	s := &shard{id: id, consume: c}
	for n := range c.options.Shards * c.mapping.Parallelism {
		name := id
		if c.options.Shards > 1 {
			name = fmt.Sprintf("%s/%d", id, n/c.mapping.Parallelism)
		}
		s.lanes = append(s.lanes, &lane{
			records: make(chan events.DynamoDBEventRecord, waiting(c)),
			delivery: delivery{
				mapping: c.mapping, shard: name, backoff: c.options.Backoff, now: time.Now,
				retry: c.retried, giveUp: c.gaveUp,
			},
			done: c.finished,
		})
	}
	return s
}

// run returns true when the shard was closed and everything in it is processed; false when the
// context ended first.
func (s *shard) run(ctx context.Context) bool {
	for _, l := range s.lanes {
		s.working.Go(func() { l.run(ctx) })
	}
	s.read(ctx)
	for _, l := range s.lanes {
		close(l.records)
	}
	s.working.Wait()
	return ctx.Err() == nil
}

// read follows the shard until it ends.
func (s *shard) read(ctx context.Context) {
	iterator := ""
	for trouble := 0; ctx.Err() == nil; {
		started := time.Now()
		records, next, err := s.page(ctx, iterator)
		var (
			expired *types.ExpiredIteratorException
			trimmed *types.TrimmedDataAccessException
			gone    *types.ResourceNotFoundException
		)
		switch {
		case err == nil:
			trouble = 0
		case ctx.Err() != nil:
			return
		case errors.As(err, &gone):
			return // the whole shard was trimmed: nothing is left to read
		case errors.As(err, &expired):
			iterator = "" // a new one, after the last record read
			continue
		case errors.As(err, &trimmed):
			// What came after the last record is gone; go on with the oldest there is.
			// A new engine answers so, too, when nothing has been read yet: nobody needs to hear of that.
			if s.last != "" {
				s.consume.options.Log.Warn("stream records were trimmed before they were read", "function", s.consume.mapping.Function, "shard", s.id)
			}
			iterator, s.last = "", ""
			trouble++
			sleep(ctx, s.consume.options.Poll)
			continue
		default:
			trouble++
			s.consume.trouble(err, trouble)
			iterator = ""
			sleep(ctx, s.consume.options.Backoff(trouble))
			continue
		}
		for _, r := range records {
			if !s.handOver(ctx, r) {
				return
			}
		}
		if next == "" {
			return
		}
		iterator = next
		if len(records) == 0 {
			s.consume.emptyPoll(s.id, started)
			sleep(ctx, s.consume.options.Poll)
		}
	}
}

// page reads the next records. Without an iterator it requests one after the last record read,
// or at the oldest record.
func (s *shard) page(ctx context.Context, iterator string) ([]types.Record, string, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	c := s.consume
	if iterator == "" {
		in := &dynamodbstreams.GetShardIteratorInput{
			StreamArn: aws.String(c.mapping.StreamARN), ShardId: aws.String(s.id),
			ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
		}
		if s.last != "" {
			in.ShardIteratorType, in.SequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, aws.String(s.last)
		}
		out, err := c.client.GetShardIterator(ctx, in)
		if err != nil {
			return nil, "", err
		}
		iterator = aws.ToString(out.ShardIterator)
	}
	out, err := c.client.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: aws.String(iterator)})
	if err != nil {
		return nil, "", err
	}
	return out.Records, aws.ToString(out.NextShardIterator), nil
}

// handOver gives a record to its lane and waits while that is full; false when the context
// ended.
func (s *shard) handOver(ctx context.Context, raw types.Record) bool {
	r := Record(raw, s.consume.mapping.StreamARN)
	if m := s.consume.mapping; matchAny(m.Filters, r) {
		s.consume.received()
		select {
		case s.lanes[laneOf(r, m.PartitionKey, s.consume.options.Shards, m.Parallelism)].records <- r:
		case <-ctx.Done():
			return false
		}
	}
	s.last = r.Change.SequenceNumber
	return true
}

package streams

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// discovery is how often a stream is asked for new shards; the end of a shard
// asks at once.
const discovery = 10 * time.Second

// consumer runs one mapping over all shards of its stream, a parent always before
// its children.
type consumer struct {
	mapping Mapping
	client  *dynamodbstreams.Client
	options Options
	report  func(Failure)

	mu         sync.Mutex
	discovered time.Time            // when the shards were last listed, the start of it
	open       map[string]time.Time // shards being read → start of the last poll that found nothing
	ended      map[string]bool      // shards read to their end
	pending    int                  // records handed to lanes and not finished yet
	state      State
}

// State says how far a mapping has come.
type State struct {
	Function  string `json:"function"`
	StreamARN string `json:"streamArn"`
	Received  int    `json:"received"` // records that passed the filters
	Finished  int    `json:"finished"` // of these, those processed or given up
	Retried   int    `json:"retried"`  // invocations that made no progress
	GivenUp   int    `json:"givenUp"`  // batches on the failure queue
	LastError string `json:"lastError,omitempty"`
}

func newConsumer(m Mapping, client *dynamodbstreams.Client, o Options, report func(Failure)) *consumer {
	return &consumer{
		mapping: m, client: client, options: o, report: report,
		open: map[string]time.Time{}, ended: map[string]bool{},
		state: State{Function: m.Function, StreamARN: m.StreamARN},
	}
}

// run reads until the context ends and everything it started has returned.
func (c *consumer) run(ctx context.Context) {
	var readers sync.WaitGroup
	defer readers.Wait()
	wake := make(chan struct{}, 1)
	for trouble := 0; ctx.Err() == nil; {
		started := time.Now()
		shards, err := c.shards(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			trouble++
			c.trouble(err, trouble)
			sleep(ctx, c.options.Backoff(trouble))
			continue
		}
		trouble = 0
		for _, s := range c.ready(shards, started) {
			readers.Go(func() {
				if s.run(ctx) {
					c.end(s.id)
					select {
					case wake <- struct{}{}:
					default:
					}
				}
			})
		}
		timer := time.NewTimer(discovery)
		select {
		case <-wake:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// ready opens the shards that can be read now: neither read nor being read, with a parent that
// was read to its end or no longer exists.
func (c *consumer) ready(shards []types.Shard, listed time.Time) []*shard {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := make(map[string]bool, len(shards))
	for _, s := range shards {
		known[aws.ToString(s.ShardId)] = true
	}
	var out []*shard
	for _, s := range shards {
		id, parent := aws.ToString(s.ShardId), aws.ToString(s.ParentShardId)
		if _, reading := c.open[id]; reading || c.ended[id] || known[parent] && !c.ended[parent] {
			continue
		}
		c.open[id] = time.Time{}
		out = append(out, newShard(id, c))
	}
	c.discovered = listed
	return out
}

// shards lists the shards of the stream, all pages.
func (c *consumer) shards(ctx context.Context) ([]types.Shard, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var out []types.Shard
	in := &dynamodbstreams.DescribeStreamInput{StreamArn: aws.String(c.mapping.StreamARN)}
	for {
		page, err := c.client.DescribeStream(ctx, in)
		if err != nil {
			return nil, err
		}
		if page.StreamDescription == nil {
			return nil, errors.New("the engine described a stream with nothing")
		}
		out = append(out, page.StreamDescription.Shards...)
		in.ExclusiveStartShardId = page.StreamDescription.LastEvaluatedShardId
		if aws.ToString(in.ExclusiveStartShardId) == "" {
			return out, nil
		}
	}
}

func (c *consumer) end(shard string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, shard)
	c.ended[shard] = true
	c.discovered = time.Time{} // its children are not known yet, so the consumer is not idle
}

func (c *consumer) emptyPoll(shard string, started time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[shard] = started
}

func (c *consumer) received() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending++
	c.state.Received++
}

func (c *consumer) finished(records int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending -= records
	c.state.Finished += records
}

func (c *consumer) retried(err error, attempt int) {
	c.mu.Lock()
	c.state.Retried++
	c.state.LastError = err.Error()
	c.mu.Unlock()
	c.options.Log.Warn("a batch comes again", "function", c.mapping.Function, "attempt", attempt, "error", err)
}

func (c *consumer) gaveUp(f Failure) {
	c.mu.Lock()
	c.state.GivenUp++
	c.mu.Unlock()
	c.options.Log.Error("ALARM: records were given up; see the failure queue", "function", f.Function, "records", len(f.Records), "attempts", f.Attempts, "error", f.Error)
	c.report(f)
}

func (c *consumer) trouble(err error, times int) {
	c.mu.Lock()
	c.state.LastError = err.Error()
	c.mu.Unlock()
	if times == 1 || times%20 == 0 { // one line in twenty is enough while the engine is down
		c.options.Log.Warn("the stream could not be read; trying again", "function", c.mapping.Function, "error", err)
	}
}

// quietSince reports whether everything that was in the stream at the given time has been
// processed.
func (c *consumer) quietSince(at time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.discovered.IsZero() || c.pending > 0 {
		return false
	}
	for _, empty := range c.open {
		if empty.Before(at) {
			return false
		}
	}
	return true
}

func (c *consumer) snapshot() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

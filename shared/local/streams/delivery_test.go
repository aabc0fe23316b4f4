package streams

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// handling decides a handler's answer from the number of the call and the sequence numbers of
// its batch: those that failed, or an error.
type handling func(call int, batch []string) ([]string, error)

// replayBatch delivers records 1..n and returns the batches that the handler got, and what was
// given up.
func replayBatch(t *testing.T, m Mapping, n int, h handling) (seen []string, failures []Failure) {
	t.Helper()
	m.Function, m.StreamARN = "f", "arn"
	m.Handler = func(_ context.Context, e events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
		var batch []string
		for _, r := range e.Records {
			batch = append(batch, r.Change.SequenceNumber)
		}
		seen = append(seen, strings.Join(batch, ""))
		failed, err := h(len(seen), batch)
		var out events.DynamoDBEventResponse
		for _, f := range failed {
			out.BatchItemFailures = append(out.BatchItemFailures, events.DynamoDBBatchItemFailure{ItemIdentifier: f})
		}
		return out, err
	}
	m = m.withDefaults()
	if err := m.check(); err != nil {
		t.Fatal(err)
	}
	d := delivery{
		mapping: m, shard: "s", now: time.Now,
		backoff: func(int) time.Duration { return 0 },
		retry:   func(error, int) {},
		giveUp:  func(f Failure) { failures = append(failures, f) },
	}
	var batch []events.DynamoDBEventRecord
	for i := range n {
		batch = append(batch, numbered(i+1))
	}
	d.deliver(t.Context(), batch)
	return seen, failures
}

func numbered(n int) events.DynamoDBEventRecord {
	return events.DynamoDBEventRecord{Change: events.DynamoDBStreamRecord{
		SequenceNumber: fmt.Sprint(n),
		Keys:           map[string]events.DynamoDBAttributeValue{"pk": events.NewStringAttribute(fmt.Sprint(n))},
	}}
}

func attempts(n int) *int { return &n }

func TestDelivery_EachAnswer_IsObeyed(t *testing.T) {
	boom := errors.New("boom")
	poison := func(bad string) handling {
		return func(_ int, batch []string) ([]string, error) {
			if slices.Contains(batch, bad) {
				return nil, boom
			}
			return nil, nil
		}
	}
	stopsAt := func(bad string) handling {
		return func(_ int, batch []string) ([]string, error) {
			if slices.Contains(batch, bad) {
				return []string{bad}, nil
			}
			return nil, nil
		}
	}
	first := func(failed []string, err error) handling {
		return func(call int, _ []string) ([]string, error) {
			if call == 1 {
				return failed, err
			}
			return nil, nil
		}
	}
	partial, plain := Mapping{ReportFailures: true}, Mapping{}
	for _, c := range []struct {
		name   string
		m      Mapping
		n      int
		h      handling
		seen   string
		gaveUp string // condition, records, attempts
	}{
		{"all succeed", partial, 3, first(nil, nil), "123", ""},
		{"the lowest failure is the checkpoint", partial, 5, first([]string{"4", "2", "5"}, nil), "12345 2345", ""},
		{"the first record fails", partial, 3, first([]string{"1"}, nil), "123 123", ""},
		{"an empty identifier fails the batch", partial, 3, first([]string{"3", ""}, nil), "123 123", ""},
		{"an unknown identifier fails the batch", partial, 3, first([]string{"9"}, nil), "123 123", ""},
		{"an error fails the batch", partial, 3, first([]string{"3"}, boom), "123 123", ""},
		{"without partial failures the answer is not read", plain, 3, first([]string{"2"}, nil), "123", ""},
		{"without partial failures an error fails the batch", plain, 3, first(nil, boom), "123 123", ""},
		{"retries end", Mapping{Retries: attempts(2)}, 2, poison("1"), "12 12 12", "RetryAttemptsExhausted 12 3"},
		{"no retries", Mapping{Retries: attempts(0)}, 2, poison("1"), "12", "RetryAttemptsExhausted 12 1"},
		{"bisecting isolates the poison", Mapping{Retries: attempts(1), Bisect: true}, 4, poison("2"), "1234 12 1 2 2 34", "RetryAttemptsExhausted 2 2"},
		{"bisecting at the reported record", Mapping{ReportFailures: true, Retries: attempts(1), Bisect: true}, 5, stopsAt("2"), "12345 2345 23 2 2 3 45", "RetryAttemptsExhausted 2 2"},
		{"progress starts the count anew", Mapping{ReportFailures: true, Retries: attempts(0)}, 3, func(_ int, batch []string) ([]string, error) { return batch[1:], nil }, "123 23 3", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen, failures := replayBatch(t, c.m, c.n, c.h)
			if got := strings.Join(seen, " "); got != c.seen {
				t.Errorf("invocations %q, want %q", got, c.seen)
			}
			var gaveUp []string
			for _, f := range failures {
				records := ""
				for _, r := range f.Records {
					records += r.Change.SequenceNumber
				}
				gaveUp = append(gaveUp, fmt.Sprintf("%s %s %d", f.Condition, records, f.Attempts))
				if f.First != records[:1] || f.Last != records[len(records)-1:] || f.Error == "" {
					t.Errorf("the failure tells first %s, last %s, error %q", f.First, f.Last, f.Error)
				}
			}
			if got := strings.Join(gaveUp, ", "); got != c.gaveUp {
				t.Errorf("given up %q, want %q", got, c.gaveUp)
			}
		})
	}
}

func TestDelivery_OldRecords_GivenUp(t *testing.T) {
	_, failures := replayBatch(t, Mapping{MaxAge: time.Hour}, 1, func(int, []string) ([]string, error) { return nil, errors.New("boom") })
	if len(failures) != 1 || failures[0].Condition != recordTooOld {
		// The records of this test have no time, so they are as old as can be.
		t.Errorf("got the failures %+v, want one, too old", failures)
	}
}

func TestDelivery_PanicAndHang_AreSurvived(t *testing.T) {
	seen, failures := replayBatch(t, Mapping{}, 2, func(call int, _ []string) ([]string, error) {
		if call == 1 {
			panic("boom")
		}
		return nil, nil
	})
	if len(seen) != 2 || len(failures) != 0 {
		t.Errorf("after a panic: batches %q, failures %v; want two and none", seen, failures)
	}

	release := make(chan struct{})
	defer close(release)
	hung := make(chan struct{})
	d := delivery{
		mapping: Mapping{Timeout: 20 * time.Millisecond, ReportFailures: true, Handler: func(context.Context, events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
			close(hung)
			<-release
			return events.DynamoDBEventResponse{}, nil
		}}.withDefaults(),
	}
	through, err := d.invoke(t.Context(), []events.DynamoDBEventRecord{numbered(1)})
	<-hung
	if through != 0 || err == nil || !strings.Contains(err.Error(), "did not answer within 20ms") {
		t.Errorf("a hanging handler: %d records through, %v; want none and a timeout of 20ms", through, err)
	}
}

func TestMapping_WhatAWSRefuses_Refused(t *testing.T) {
	handler := func(context.Context, events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
		return events.DynamoDBEventResponse{}, nil
	}
	for _, m := range []Mapping{
		{},
		{Function: "f", Handler: handler},
		{Function: "f", Handler: handler, StreamARN: "a", BatchSize: 10_001},
		{Function: "f", Handler: handler, StreamARN: "a", Window: 6 * time.Minute},
		{Function: "f", Handler: handler, StreamARN: "a", Parallelism: 11},
		{Function: "f", Handler: handler, StreamARN: "a", Retries: attempts(-2)},
	} {
		if err := m.withDefaults().check(); err == nil {
			t.Errorf("%+v was accepted", m)
		}
	}
}

package stream_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/stream"
)

// The failures of these tests are many, and so are the lines about them.
func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

// woken is a record of a mail that is to be sent. Its event has an id that is not its
// sequence number, as real ones have.
func woken(sequence, mail string) events.DynamoDBEventRecord {
	return events.DynamoDBEventRecord{EventID: "event-" + sequence, EventName: "MODIFY", Change: events.DynamoDBStreamRecord{
		SequenceNumber: sequence,
		Keys:           map[string]events.DynamoDBAttributeValue{"pk": events.NewStringAttribute("MAIL#" + mail), "sk": events.NewStringAttribute("M")},
		NewImage:       map[string]events.DynamoDBAttributeValue{"op": events.NewStringAttribute("send")},
	}}
}

// sender is a loop whose work is a function of the mail's id.
func sender(atOnce int, do func(ctx context.Context, id string) error) stream.Loop[string] {
	return stream.Loop[string]{
		Consumer: dynamo.SendMail(), AtOnce: atOnce, Read: dynamo.StreamRecord.MailID,
		Do: func(ctx context.Context, id string, _ dynamo.StreamRecord) error { return do(ctx, id) },
	}
}

// answered words an answer: the identifiers it names.
func answered(r events.DynamoDBEventResponse) string {
	var all []string
	for _, f := range r.BatchItemFailures {
		all = append(all, f.ItemIdentifier)
	}
	return strings.Join(all, " ")
}

func TestHandle_Failures_LowestRecordReportedAlone(t *testing.T) {
	poison := woken("p", "x")
	poison.Change.Keys["pk"] = events.NewStringAttribute("OTHER#x")
	silent := woken("0", "b") // for nobody, and one place in the batch
	silent.Change.NewImage = nil
	for name, c := range map[string]struct {
		batch []events.DynamoDBEventRecord
		fails string // mails that fail
		want  string
	}{
		"none":                     {[]events.DynamoDBEventRecord{woken("1", "a"), woken("2", "b")}, "", ""},
		"in the middle":            {[]events.DynamoDBEventRecord{woken("1", "a"), woken("2", "b"), woken("3", "c")}, "b", "2"},
		"the first":                {[]events.DynamoDBEventRecord{woken("1", "a"), woken("2", "b")}, "a", "1"},
		"the last":                 {[]events.DynamoDBEventRecord{woken("1", "a"), woken("2", "b")}, "b", "2"},
		"several":                  {[]events.DynamoDBEventRecord{woken("1", "a"), woken("2", "b"), woken("3", "c")}, "bc", "2"},
		"asked for twice":          {[]events.DynamoDBEventRecord{woken("1", "b"), woken("2", "a"), woken("3", "b")}, "b", "1"},
		"unreadable":               {[]events.DynamoDBEventRecord{woken("1", "a"), poison, woken("3", "c")}, "", "p"},
		"unreadable after another": {[]events.DynamoDBEventRecord{woken("1", "a"), poison}, "a", "1"},
		"after one for nobody":     {[]events.DynamoDBEventRecord{silent, woken("1", "a"), silent, woken("2", "b")}, "b", "2"},
		"empty":                    {nil, "", ""},
	} {
		for _, atOnce := range []int{0, 1, 3, 10} {
			answer, err := sender(atOnce, func(_ context.Context, id string) error {
				if strings.Contains(c.fails, id) {
					return errors.New("it failed")
				}
				return nil
			}).Handle(t.Context(), events.DynamoDBEvent{Records: c.batch})
			if got := answered(answer); err != nil || got != c.want {
				t.Errorf("%s, %d at once: reports %q, %v; want %q", name, atOnce, got, err, c.want)
			}
			if text, _ := json.Marshal(answer); c.want == "" && string(text) != `{"batchItemFailures":[]}` {
				t.Errorf("%s: answers %s", name, text)
			}
		}
	}
}

// An empty identifier makes Lambda repeat the batch as well, but says so of no record.
func TestHandle_EmptySequenceNumber_WholeBatchFails(t *testing.T) {
	batch := events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{woken("1", "a"), woken("", "b"), woken("3", "c")}}
	broken := errors.New("it failed")
	answer, err := sender(1, func(_ context.Context, id string) error {
		if id == "b" {
			return broken
		}
		return nil
	}).Handle(t.Context(), batch)
	if !errors.Is(err, broken) || len(answer.BatchItemFailures) != 0 {
		t.Errorf("%v, %v; want the error and no identifier", answer, err)
	}
	// Where all goes well, nobody asks for the number.
	if answer, err := sender(1, func(context.Context, string) error { return nil }).Handle(t.Context(), batch); err != nil || len(answer.BatchItemFailures) != 0 {
		t.Errorf("%v, %v; want all acknowledged", answer, err)
	}
}

func TestHandle_RecordsForNobody_Acknowledged(t *testing.T) {
	future, removal, list, none := woken("1", "a"), woken("2", "b"), woken("3", "c"), woken("4", "d")
	future.Change.NewImage["op"] = events.NewStringAttribute("archived")
	removal.Change.NewImage = nil
	list.Change.NewImage["op"] = events.NewListAttribute([]events.DynamoDBAttributeValue{events.NewStringAttribute("send")})
	delete(none.Change.NewImage, "op")
	answer, err := sender(1, func(_ context.Context, id string) error {
		t.Errorf("did %s", id)
		return nil
	}).Handle(t.Context(), events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{future, removal, list, none}})
	if err != nil || len(answer.BatchItemFailures) != 0 {
		t.Errorf("%v, %v; want all acknowledged", answer, err)
	}
}

// Keys that are missing or of another type are of no item that the word is for.
func TestHandle_OddKeys_Reported(t *testing.T) {
	for name, keys := range map[string]map[string]events.DynamoDBAttributeValue{
		"none":          nil,
		"no sort key":   {"pk": events.NewStringAttribute("MAIL#a")},
		"a number":      {"pk": events.NewNumberAttribute("1"), "sk": events.NewStringAttribute("M")},
		"another item":  {"pk": events.NewStringAttribute("TOLD#a"), "sk": events.NewStringAttribute("M")},
		"a row of it":   {"pk": events.NewStringAttribute("MAIL#a"), "sk": events.NewStringAttribute("N#1")},
		"nothing after": {"pk": events.NewStringAttribute("MAIL#"), "sk": events.NewStringAttribute("M")},
		"null":          {"pk": events.NewNullAttribute(), "sk": events.NewNullAttribute()},
	} {
		r := woken("2", "a")
		r.Change.Keys = keys
		answer, err := sender(1, func(context.Context, string) error { return nil }).
			Handle(t.Context(), events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{woken("1", "b"), r}})
		if got := answered(answer); err != nil || got != "2" {
			t.Errorf("%s: reports %q, %v", name, got, err)
		}
	}
}

func TestHandle_Panic_IsAFailureOfItsRecord(t *testing.T) {
	for _, atOnce := range []int{1, 10} {
		var done atomic.Int32
		answer, err := sender(atOnce, func(_ context.Context, id string) error {
			if id == "b" {
				panic("boom")
			}
			done.Add(1)
			return nil
		}).Handle(t.Context(), events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{woken("1", "a"), woken("2", "b"), woken("3", "c")}})
		if got := answered(answer); err != nil || got != "2" || done.Load() < 1 {
			t.Errorf("%d at once: reports %q, %v, %d done", atOnce, got, err, done.Load())
		}
	}
	reading := sender(1, func(context.Context, string) error { return nil })
	reading.Read = func(dynamo.StreamRecord) (string, error) { panic("boom") }
	if answer, err := reading.Handle(t.Context(), events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{woken("1", "a")}}); err != nil || answered(answer) != "1" {
		t.Errorf("a panic while reading: reports %v, %v", answer, err)
	}
}

func TestHandle_SameWish_DoneOnce(t *testing.T) {
	var did []string
	answer, err := sender(1, func(_ context.Context, id string) error {
		did = append(did, id)
		return nil
	}).Handle(t.Context(), events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{woken("1", "a"), woken("2", "b"), woken("3", "a"), woken("4", "a")}})
	if err != nil || len(answer.BatchItemFailures) != 0 || !slices.Equal(did, []string{"a", "b"}) {
		t.Errorf("did %v: %v, %v", did, answer, err)
	}
}

// The order of a batch is kept where one thing is done at once.
func TestHandle_OneAtOnce_InOrderAndNothingAfterAFailure(t *testing.T) {
	var did []string
	batch := []events.DynamoDBEventRecord{woken("1", "d"), woken("2", "b"), woken("3", "a"), woken("4", "c")}
	_, err := sender(0, func(_ context.Context, id string) error {
		did = append(did, id)
		if id == "a" {
			return errors.New("it failed")
		}
		return nil
	}).Handle(t.Context(), events.DynamoDBEvent{Records: batch})
	if err != nil || !slices.Equal(did, []string{"d", "b", "a"}) {
		t.Errorf("did %v, %v", did, err)
	}
}

// The answer is there before Lambda ends the invocation: five seconds before, or a fifth
// of the time.
func TestHandle_Deadline_FirstUnfinishedReportedBefore(t *testing.T) {
	for _, c := range []struct{ timeout, want time.Duration }{{240 * time.Second, 235 * time.Second}, {10 * time.Second, 8 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), c.timeout)
			defer cancel()
			answer, err := sender(2, func(ctx context.Context, id string) error {
				if id == "a" {
					return nil
				}
				<-ctx.Done()
				return ctx.Err()
			}).Handle(ctx, events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{woken("1", "a"), woken("2", "b"), woken("3", "c"), woken("4", "d")}})
			if got := answered(answer); err != nil || got != "2" {
				t.Errorf("%s: reports %q, %v", c.timeout, got, err)
			}
			if took := time.Since(began); took != c.want {
				t.Errorf("of %s it used %s, want %s", c.timeout, took, c.want)
			}
		})
	}
}

// What is not begun when the time is up is not begun any more.
func TestEach_ContextEnded_NothingBegun(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	at, err := stream.Each(ctx, 3, 2, func(int) error { t.Error("begun"); return nil })
	if at != 0 || !errors.Is(err, why) {
		t.Errorf("%d, %v", at, err)
	}
}

func TestEach_Failures_LowestNumberAndAllBelowDone(t *testing.T) {
	for _, width := range []int{1, 3, 8, 100} {
		var mu sync.Mutex
		done := map[int]bool{}
		running, most := 0, 0
		at, err := stream.Each(t.Context(), 50, width, func(n int) error {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			time.Sleep(time.Duration(50-n) * 100 * time.Microsecond) // the higher, the sooner
			mu.Lock()
			defer mu.Unlock()
			running--
			if n == 20 || n == 22 {
				return fmt.Errorf("number %d", n)
			}
			done[n] = true
			return nil
		})
		if at != 20 || err == nil || err.Error() != "number 20" {
			t.Errorf("%d at once: %d, %v", width, at, err)
		}
		for n := range 20 {
			if !done[n] {
				t.Errorf("%d at once: %d is not done", width, n)
			}
		}
		if most > width {
			t.Errorf("%d at once, where %d may be", most, width)
		}
		if width < 8 && done[20+width+1] {
			t.Errorf("%d at once: begun after a failure", width)
		}
	}
	if at, err := stream.Each(t.Context(), 0, 3, nil); at != 0 || err != nil {
		t.Errorf("nothing to do: %d, %v", at, err)
	}
}

// Whatever a stream says, an answer names a record of the batch or nothing, and no
// consumer's reader panics.
func FuzzHandle(f *testing.F) {
	f.Add([]byte(`{"dynamodb":{"Keys":{"pk":{"S":"CR#1"},"sk":{"S":"M"}},"NewImage":{"op":{"S":"follow"},"history":{"L":[{"M":{"release":{"S":"R"}}}]}},"SequenceNumber":"1"}}`))
	f.Add([]byte(`{"dynamodb":{"Keys":{"pk":{"N":"1"}},"NewImage":{"op":{"S":"deployed"}},"SequenceNumber":"1"}}`))
	f.Add([]byte(`{"dynamodb":{"NewImage":{"op":{"L":[]}}}}`))
	f.Add([]byte(`{"dynamodb":{"NewImage":{"op":{"S":"follow"},"history":{"L":[{"S":"x"}]}}}}`))
	f.Add([]byte(`{"dynamodb":{"Keys":{"pk":{"N":"1"}},"NewImage":{"op":{"S":"cancelled"},"history":{"L":[{"S":"x"},{"M":{}}]},"changeIds":{"BS":["YQ=="]},"x":{"NULL":true}},"SequenceNumber":"2"}}`))
	for _, function := range []string{"announce", "plan-notices", "send-mail"} {
		payload, err := os.ReadFile("../../events/" + function + ".json")
		if err != nil {
			f.Fatal(err)
		}
		var batch struct{ Records []json.RawMessage }
		if err := json.Unmarshal(payload, &batch); err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(batch.Records[0]))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var r events.DynamoDBEventRecord
		if json.Unmarshal(raw, &r) != nil {
			t.Skip()
		}
		for _, c := range dynamo.Consumers() {
			loop := stream.Loop[string]{
				Consumer: c,
				Read: func(r dynamo.StreamRecord) (string, error) {
					_, released := r.ReleaseID()
					_, _, followed := r.Followed()
					_, planned := r.Job()
					_, mailed := r.MailID()
					s, total := r.Release()
					if total == nil && (s.ID == "" || s.Epoch() == 0) {
						t.Errorf("taken for a release: %s", raw)
					}
					_ = r.WindowMoved()
					return "", errors.Join(released, followed, planned, mailed) // one of them, at least
				},
			}
			answer, err := loop.Handle(t.Context(), events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{r}})
			if got := answered(answer); got != "" && got != r.Change.SequenceNumber || r.Change.SequenceNumber != "" && err != nil {
				t.Errorf("names %q, %v: %s", got, err, raw)
			}
			// Without a number the error itself comes back.
			nameless := r
			nameless.Change.SequenceNumber = ""
			if _, err := loop.Handle(t.Context(), events.DynamoDBEvent{Records: []events.DynamoDBEventRecord{nameless}}); err != nil && strings.Contains(err.Error(), "stream: panic") {
				t.Errorf("%v: %s", err, raw)
			}
		}
	})
}

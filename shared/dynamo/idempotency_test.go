package dynamo_test

import (
	"context"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
	"example.com/releases/shared/testkit/inject"
)

// withKey is write with an Idempotency-Key.
func (l *harness) withKey(key string) dynamo.Write {
	w := l.write()
	w.Idempotency = &dynamo.IdempotencyKey{Key: key, Body: "digest"}
	return w
}

// recordedAnswer returns the answer that is recorded under a write's key, as a value of the type of
// like; nil if there is none.
func (l *harness) recordedAnswer(w dynamo.Write, like any) any {
	l.t.Helper()
	m, err := l.FindIdempotencyRecord(l.ctx, w)
	l.no(err)
	if m == nil {
		return nil
	}
	if m.Body != "digest" {
		l.t.Errorf("the record is of another body: %q", m.Body)
	}
	result := reflect.New(reflect.TypeOf(like))
	if through, err := m.Result(result.Interface()); err != nil || !through {
		l.t.Errorf("the record's answer is complete: %v, want true: %v", through, err)
	}
	return result.Elem().Interface()
}

// Two hundred creations at once with one key create one release, and all of them can find out which.
func TestIdempotency_TwoHundredCreations_MakeOneRelease(t *testing.T) {
	l := newHarness(t)
	change := l.changes("CHG", 1)
	answers := make([]string, 200)
	var all sync.WaitGroup
	free := make(chan struct{}, 32)
	for n := range answers {
		w := l.withKey("key")
		all.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			r, ids := planOf(change...)
			created, err := l.CreateRelease(l.ctx, r, ids, w)
			if err == nil {
				answers[n] = created.Release.ID
				return
			}
			answers[n] = l.recordedAnswer(w, created).(dynamo.ReleaseDetail).Release.ID
		})
	}
	all.Wait()
	id := l.onlyRelease()
	for n, answer := range answers {
		if answer != id {
			t.Fatalf("creation %d finds %q, want %s", n, answer, id)
		}
	}
}

// Every operation that takes a key does its work once for each key. What it answered can be read from
// the record, also by a caller whose own answer was lost.
func TestIdempotency_KeyUsedTwice_Refused(t *testing.T) {
	l := newHarness(t)
	l.changes("CHG", 2)
	task := newTask("T-edit", "")
	_, err := l.CreateTask(l.ctx, task, l.write())
	l.no(err)
	id := l.release()
	for name, run := range map[string]func(s *dynamo.Store, w dynamo.Write) (any, error){
		"transition": func(s *dynamo.Store, w dynamo.Write) (any, error) {
			return s.Transition(l.ctx, l.release(), moveTo(release.Approved), w)
		},
		"create a change request": func(s *dynamo.Store, w dynamo.Write) (any, error) {
			return s.CreateChange(l.ctx, newChange("C-"+w.Request, release.DecisionPending), w)
		},
		"decide": func(s *dynamo.Store, w dynamo.Write) (any, error) {
			return s.Decide(l.ctx, "CHG-000", release.DecisionApproved, "", w)
		},
		"add": func(s *dynamo.Store, w dynamo.Write) (any, error) {
			return s.LinkChanges(l.ctx, id, []string{"CHG-001"}, nil, w)
		},
		"append": func(s *dynamo.Store, w dynamo.Write) (any, error) {
			return s.AppendLog(l.ctx, id, "x", "", w)
		},
		"create a task": func(s *dynamo.Store, w dynamo.Write) (any, error) {
			return s.CreateTask(l.ctx, newTask("T-"+w.Request, "CHG-000"), w)
		},
		"create a release": func(s *dynamo.Store, w dynamo.Write) (any, error) {
			r, _ := planOf()
			return s.CreateRelease(l.ctx, r, nil, w)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := l.withKey("key of " + name)
			result, err := run(l.Store, w)
			l.no(err)
			if got := l.recordedAnswer(w, result); !reflect.DeepEqual(got, result) {
				t.Errorf("the record has %+v\nwant %+v", got, result)
			}
			repeated := l.withKey("key of " + name)
			if _, err := run(l.Store, repeated); err == nil {
				t.Error("the key was taken a second time")
			}
			if got := l.recordedAnswer(repeated, result); !reflect.DeepEqual(got, result) {
				t.Errorf("for the second caller the record has %+v\nwant %+v", got, result)
			}
			lost := l.withKey("lost key of " + name)
			dying := l.Under(func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
				if err := do(ctx); err != nil || !writesIdempotencyRecord(call) {
					return err
				}
				return errDied
			}, nil)
			if _, err := run(dying, lost); err == nil && name != "transition" {
				t.Error("the answer was not lost")
			}
			if l.recordedAnswer(lost, result) == nil {
				t.Error("the operation was carried out, and its answer is not recorded")
			}
		})
	}
}

// writesIdempotencyRecord tells whether a call is the transaction that writes an idempotency record.
func writesIdempotencyRecord(call inject.Call) bool {
	in, ok := call.Input.(*dynamodb.TransactWriteItemsInput)
	if !ok {
		return false
	}
	last := in.TransactItems[len(in.TransactItems)-1]
	return last.Put != nil && last.Put.Item["body"] != nil
}

// After a day a key can be used again, by the caller's clock, even if DynamoDB has not deleted the
// record yet.
func TestIdempotency_KeyExpired_IsNew(t *testing.T) {
	l := newHarness(t)
	create := func(w dynamo.Write) error {
		_, err := l.CreateChange(l.ctx, newChange("C-"+w.Request, release.DecisionPending), w)
		return err
	}
	w := l.withKey("key")
	l.no(create(w))
	nearly, after := l.withKey("key"), l.withKey("key")
	nearly.At, after.At = w.At.Add(24*time.Hour-2*time.Second), w.At.Add(24*time.Hour+time.Second)
	if err := create(nearly); !release.HasCode(err, "request-in-progress") {
		t.Errorf("before the key expires it is answered %v, want request-in-progress", err)
	}
	if m, err := l.FindIdempotencyRecord(l.ctx, l.RecordInChanges(nearly)); err != nil || m == nil {
		t.Errorf("before the key expires it has no record: %v", err)
	}
	if m, err := l.FindIdempotencyRecord(l.ctx, l.RecordInChanges(after)); err != nil || m != nil {
		t.Errorf("the expired key has the record %v, want none: %v", m, err)
	}
	l.no(create(after))
	if l.recordedAnswer(after, release.Change{}) == nil {
		t.Error("the new use of the key is not recorded")
	}
}

// Of two tries of one request that has several transactions, the one that is a chunk behind
// neither writes that chunk again nor the record: what is recorded is the answer for all of it.
func TestIdempotency_AnotherTryIsAChunkAhead_ItsAnswerStays(t *testing.T) {
	l := newHarness(t)
	ids := l.changes("CHG", 60)
	id := l.release()
	var ahead dynamo.LinkResult
	s := l.heldUpAt("TransactWriteItems", func(n int64) {
		if n == 2 {
			var err error
			ahead, err = l.LinkChanges(l.ctx, id, ids, nil, l.withKey("key"))
			l.no(err)
		}
	})
	if _, err := s.LinkChanges(l.ctx, id, ids, nil, l.withKey("key")); !release.HasCode(err, "request-in-progress") {
		t.Errorf("the one behind: %v", err) // operations then answers from the record
	}
	recorded := l.recordedAnswer(l.RecordInReleases(l.withKey("key")), dynamo.LinkResult{})
	for whose, got := range map[string]any{"the one ahead": ahead, "the record": recorded} {
		if r, ok := got.(dynamo.LinkResult); !ok || len(r.Added) != 60 || len(r.Unchanged) != 0 {
			t.Errorf("%s answers %+v", whose, got)
		}
	}
}

// A key can have expired, and belong to another request by the time that a chunk is written:
// that one's record stays.
func TestIdempotency_KeyBelongsToAnotherRequest_ItsRecordStays(t *testing.T) {
	l := newHarness(t)
	ids := l.changes("CHG", 60)
	id := l.release()
	s := l.heldUpAt("TransactWriteItems", func(n int64) {
		if n != 2 {
			return
		}
		for _, i := range l.scan(l.Tables.Releases) {
			if i["chunks"] != nil {
				i["body"] = &types.AttributeValueMemberS{Value: "another digest"}
				_, err := l.Client.PutItem(l.ctx, &dynamodb.PutItemInput{TableName: &l.Tables.Releases, Item: i})
				l.no(err)
			}
		}
	})
	if _, err := s.LinkChanges(l.ctx, id, ids, nil, l.withKey("key")); !release.HasCode(err, "request-in-progress") {
		t.Errorf("got %v", err)
	}
	record, err := l.FindIdempotencyRecord(l.ctx, l.RecordInReleases(l.withKey("key")))
	if err != nil || record == nil || record.Body != "another digest" {
		t.Errorf("the record is %+v, %v", record, err)
	}
}

package dynamo_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/local/inject"
	"example.com/releases/shared/release"
)

// once is a write with an Idempotency-Key. Its memory is JSON of whatever came out.
func (l *harness) once(key string) dynamo.Write {
	w := l.write()
	w.Idempotency = &dynamo.IdempotencyRecord{Key: key, Body: "digest", Encode: json.Marshal}
	return w
}

func (l *harness) recalled(w dynamo.Write) string {
	l.t.Helper()
	m, err := l.FindIdempotencyRecord(l.ctx, w)
	l.no(err)
	if m == nil {
		return ""
	}
	if m.Body != "digest" {
		l.t.Errorf("the memory is of another body: %q", m.Body)
	}
	return string(m.Answer)
}

// Two hundred creations at once with one key make one release, and all learn which.
func TestTwoHundredCreationsWithOneKeyMakeOneRelease(t *testing.T) {
	l := newHarness(t)
	change := l.changes("CHG", 1)
	answers := make([]string, 200)
	var all sync.WaitGroup
	free := make(chan struct{}, 32)
	for n := range answers {
		w := l.once("key")
		all.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			r, ids := planOf(change...)
			made, err := l.CreateRelease(l.ctx, r, ids, w)
			if err == nil {
				answers[n] = made.Release.ID
				return
			}
			var whole dynamo.ReleaseDetail
			l.no(json.Unmarshal([]byte(l.recalled(w)), &whole))
			answers[n] = whole.Release.ID
		})
	}
	all.Wait()
	id := l.onlyRelease()
	for n, answer := range answers {
		if answer != id {
			t.Fatalf("the %d. creation is told %q, want %s", n, answer, id)
		}
	}
}

// Every operation that takes a key does its work once per key, and what it answered can
// be recalled, also by the one whose own answer was lost.
func TestAKeyIsUsedOnce(t *testing.T) {
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
			w := l.once("key of " + name)
			result, err := run(l.Store, w)
			l.no(err)
			want, err := json.Marshal(result)
			l.no(err)
			if got := l.recalled(w); got != string(want) {
				t.Errorf("recalled %s\nwant %s", got, want)
			}
			again := l.once("key of " + name)
			if _, err := run(l.Store, again); err == nil {
				t.Error("the key was taken a second time")
			}
			if got := l.recalled(again); got != string(want) {
				t.Errorf("the second caller recalls %s\nwant %s", got, want)
			}
			lost := l.once("lost key of " + name)
			dying := l.under(func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
				if err := do(ctx); err != nil || !usesMemory(call) {
					return err
				}
				return errDied
			}, nil)
			if _, err := run(dying, lost); err == nil && name != "transition" {
				t.Error("the answer was not lost")
			}
			if l.recalled(lost) == "" {
				t.Error("what was carried out cannot be recalled")
			}
		})
	}
}

// usesMemory tells whether a call is the transaction that keeps a memory.
func usesMemory(call inject.Call) bool {
	in, ok := call.Input.(*dynamodb.TransactWriteItemsInput)
	if !ok {
		return false
	}
	last := in.TransactItems[len(in.TransactItems)-1]
	return last.Put != nil && last.Put.Item["answer"] != nil
}

// After a day the key is new again, by the clock of the one who asks: DynamoDB deletes
// late.
func TestAKeyExpires(t *testing.T) {
	l := newHarness(t)
	create := func(w dynamo.Write) error {
		_, err := l.CreateChange(l.ctx, newChange("C-"+w.Request, release.DecisionPending), w)
		return err
	}
	w := l.once("key")
	l.no(create(w))
	nearly, after := l.once("key"), l.once("key")
	nearly.At, after.At = w.At.Add(24*time.Hour-2*time.Second), w.At.Add(24*time.Hour+time.Second)
	if err := create(nearly); !release.HasCode(err, "request-in-progress") {
		t.Errorf("before it expires: %v", err)
	}
	if m, err := l.FindIdempotencyRecord(l.ctx, after); err != nil || m != nil {
		t.Errorf("expired, it is recalled: %v, %v", m, err)
	}
	l.no(create(after))
	if l.recalled(after) == "" {
		t.Error("the new use is not remembered")
	}
}

// A creation that is undone, because somebody took one of its change requests between
// two chunks, is not remembered as a success.
func TestAnUndoneCreationIsNotRemembered(t *testing.T) {
	l := newHarness(t)
	ids := l.changes("CHG", 60)
	other := l.release()
	var once sync.Once
	store := l.under(func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
		err := do(ctx)
		if usesMemory(call) {
			once.Do(func() {
				_, err := l.LinkChanges(l.ctx, other, []string{"CHG-059"}, nil, l.write())
				l.no(err)
			})
		}
		return err
	}, nil)
	w := l.once("key")
	r, _ := planOf()
	if _, err := store.CreateRelease(l.ctx, r, ids, w); !release.HasCode(err, "not-linkable") {
		t.Fatalf("got %v", err)
	}
	if got := l.recalled(w); got != "" {
		t.Errorf("recalled %.100s", got)
	}
	if id := l.onlyRelease(); id != other {
		t.Errorf("%s is left", id)
	}
}

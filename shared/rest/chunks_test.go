package rest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/releases/shared/testkit/inject"
)

// chunkAt returns the fixture with an API in which something happens right after the n-th transaction
// that links or frees change requests. If that returns an error, the answer of the transaction is
// lost, and everything fails from then on.
func (w *fixture) chunkAt(n int, happens func() error) *fixture {
	var seen atomic.Int64
	var dead atomic.Bool
	around := func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
		if dead.Load() {
			return errors.New("injected: the engine is gone")
		}
		err := do(ctx)
		in, ok := call.Input.(*dynamodb.TransactWriteItemsInput)
		if err == nil && ok && len(in.TransactItems) > 10 && int(seen.Add(1)) == n {
			if err = happens(); err != nil {
				dead.Store(true)
			}
		}
		return err
	}
	return w.on(w.Under(around, nil))
}

var errEngine = errors.New("injected: the engine died")

// approved creates approved change requests, several at a time, and returns their ids in order.
func (w *fixture) approved(n int) []string {
	ids := make([]string, n)
	var all sync.WaitGroup
	free := make(chan struct{}, 8)
	for i := range ids {
		all.Go(func() {
			free <- struct{}{}
			ids[i] = w.change(true)
			<-free
		})
	}
	all.Wait()
	slices.Sort(ids)
	return ids
}

// creates returns the creation of a release with change requests, and with an Idempotency-Key.
func creates(ids []string) ask {
	return ask{
		route: "POST /releases", body: object{"name": newKey("In chunks"), "linkedChangeRequestIds": ids},
		headers: []string{"Idempotency-Key: " + newKey("chunks")},
	}
}

// take links a change request to another release, and tells whether that worked.
func (w *fixture) take(change string) bool {
	other := w.release()
	return w.send(admin, ask{route: "POST /releases/" + other + "/add-changes", body: object{"add": []string{change}}}).Code == http.StatusOK
}

// held returns the release of each change request, for a page of a hundred.
func (w *fixture) held() map[string]any {
	held := map[string]any{}
	for _, c := range w.must(viewer, ask{route: "GET /change-requests?limit=100"})["changeRequests"].([]any) {
		held[c.(object)["id"].(string)] = c.(object)["releaseId"]
	}
	return held
}

// freeAll deletes all releases, so that the next case finds the same change requests free.
func (w *fixture) freeAll() {
	w.Helper()
	for _, r := range w.must(viewer, ask{route: "GET /releases?limit=100"})["releases"].([]any) {
		w.must(admin, ask{route: "DELETE /releases/" + r.(object)["id"].(string)})
	}
}

// isTrue checks that the answer of a creation tells the truth: with 201, there is one release, complete
// and as GET answers it; with 409 there is none, and all change requests but the taken one are free.
func (w *fixture) isTrue(t *testing.T, name string, got answer, ids []string, taken string) {
	t.Helper()
	var all []object
	for _, r := range w.must(viewer, ask{route: "GET /releases?limit=100"})["releases"].([]any) {
		if r.(object)["name"] == name {
			all = append(all, r.(object))
		}
	}
	switch got.Code {
	case http.StatusCreated:
		if len(all) != 1 {
			t.Fatalf("201, and there are %d releases, want one", len(all))
		}
		now := w.send(viewer, ask{route: "GET /releases/" + all[0]["id"].(string)})
		if now.text != got.text {
			t.Errorf("answered %s\nGET says %s", got.text, now.text)
		}
		v := w.must(viewer, ask{route: "GET /releases/" + all[0]["id"].(string)})
		if len(v["linkedChangeRequestIds"].([]any)) != len(ids) || len(v["linkedChangeRequests"].([]any)) != len(ids) || v["stillLinking"] != nil {
			t.Errorf("201, and the release has %v, want all %d change requests", v["linkedChangeRequestIds"], len(ids))
		}
	case http.StatusConflict:
		p := w.problem(got)
		if p.Code != "not-linkable" || len(p.Errors) != 1 || p.Errors[0].ID != taken || !strings.Contains(p.Detail, "not created") {
			t.Errorf("409 with %s, want not-linkable that names %s", got.text, taken)
		}
		if len(all) != 0 {
			t.Errorf("409, and there is %v, want no release", all)
		}
		held := w.held()
		for _, id := range ids {
			if (held[id] != nil) != (id == taken) {
				t.Errorf("409, and %s is in %v; want only %s to be in a release", id, held[id], taken)
			}
		}
	default:
		t.Errorf("%d %s, want 201 or 409", got.Code, got.text)
	}
}

// The engine dies after each chunk in turn; then a change request is taken by another release, or
// not; then the client repeats the request, or the sweep runs, or both in either order. The last
// answer tells the truth, and every further repetition is answered the same.
func TestCreateInChunks_EngineDies_TheAnswerIsWhatThereIs(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	ids := w.approved(100)
	for died := 1; died <= 3; died++ {
		for _, taking := range []bool{false, true} {
			for _, then := range []string{"repeat", "sweep", "sweep repeat", "repeat sweep"} {
				t.Run(fmt.Sprintf("after chunk %d, taken %v, %s", died, taking, then), func(t *testing.T) {
					defer w.freeAll()
					a, taken := creates(ids), ""
					first := w.chunkAt(died, func() error { return errEngine }).send(admin, a)
					if first.Code < 500 {
						t.Fatalf("it did not die: %d %s", first.Code, first.text)
					}
					if taking && w.take(ids[99]) {
						taken = ids[99]
					}
					if taking == (taken == "") && died < 3 {
						t.Fatal("the change request could not be taken")
					}
					for _, step := range strings.Fields(then) {
						if step == "sweep" {
							w.settle()
						} else {
							w.isTrue(t, a.body.(object)["name"].(string), w.send(admin, a), ids, taken)
						}
					}
					last := w.send(admin, a)
					if (last.Code == http.StatusConflict) != (taken != "") {
						t.Errorf("taken is %q, and the answer is %d; want 409 exactly if something was taken", taken, last.Code)
					}
					w.isTrue(t, a.body.(object)["name"].(string), last, ids, taken)
					if repeated := w.send(admin, a); repeated.Code != last.Code || repeated.text != last.text {
						t.Errorf("again: %d %s\nbefore: %d %s", repeated.Code, repeated.text, last.Code, last.text)
					}
				})
			}
		}
	}
}

// A creation that is undone frees its change requests in several writes. It dies after each of them in
// turn. A repetition of the request frees the rest, and so does the sweep.
func TestCreateInChunks_EndedHalfWay_TheRestIsFreed(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	ids := w.approved(100)
	for died := 1; died <= 2; died++ {
		for _, by := range []string{"repeat", "sweep"} {
			t.Run(fmt.Sprintf("after write %d, %s", died, by), func(t *testing.T) {
				defer w.freeAll()
				a := creates(ids)
				w.chunkAt(2, func() error { return errEngine }).send(admin, a)
				w.take(ids[99])
				w.chunkAt(died, func() error { return errEngine }).send(admin, a) // the first frees 45, the second the other 45
				if by == "sweep" {
					w.settle()
				}
				w.isTrue(t, a.body.(object)["name"].(string), w.send(admin, a), ids, ids[99])
			})
		}
	}
}

// If another release takes a change request while the creation runs, the creation is undone at once.
func TestCreateInChunks_TakenMeanwhile_NeverMade(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	ids := w.approved(100)
	for _, keyed := range []bool{true, false} {
		a := creates(ids)
		if !keyed {
			a.headers = nil
		}
		got := w.chunkAt(1, func() error { w.take(ids[60]); return nil }).send(admin, a)
		w.isTrue(t, a.body.(object)["name"].(string), got, ids, ids[60])
		w.freeAll()
	}
}

// If the same request comes again while the first still runs, between any two chunks, it goes on with
// the creation, and both get the same answer.
func TestCreateInChunks_RepeatedWhileItRuns_OneAnswer(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	ids := w.approved(100)
	for n := 1; n <= 3; n++ {
		for _, taking := range []bool{false, true} {
			a, taken := creates(ids), ""
			var second answer
			first := w.chunkAt(n, func() error {
				if taking && w.take(ids[99]) {
					taken = ids[99]
				}
				second = w.send(admin, a)
				return nil
			}).send(admin, a)
			w.isTrue(t, a.body.(object)["name"].(string), first, ids, taken)
			if first.Code != second.Code || first.text != second.text {
				t.Errorf("after chunk %d, taken %q: %d %s\nand meanwhile: %d %s", n, taken, first.Code, first.text, second.Code, second.text)
			}
			w.freeAll()
		}
	}
	// And many at once.
	a := creates(ids)
	answers := make([]answer, 6)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = w.send(admin, a) })
	}
	all.Wait()
	for _, got := range answers {
		w.isTrue(t, a.body.(object)["name"].(string), got, ids, "")
	}
}

// The answer to an Idempotency-Key stays the same, even if the release is edited later.
func TestCreateInChunks_LaterEdit_TheKeyAnswersAsThen(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	a := creates(w.approved(60))
	first := w.send(admin, a)
	id := w.must(viewer, ask{route: "GET /releases?limit=1"})["releases"].([]any)[0].(object)["id"].(string)
	w.must(admin, ask{route: "PATCH /releases/" + id, body: object{"name": "Another name"}})
	if repeated := w.send(admin, a); repeated.Code != http.StatusCreated || repeated.text != first.text {
		t.Errorf("the repetition is answered %d %s\nwant as at first %d %s", repeated.Code, repeated.text, first.Code, first.text)
	}
	other := a
	other.body = object{"name": "Another body"}
	if p := w.problem(w.send(admin, other)); p.Code != "idempotency-key-reused" {
		t.Errorf("%+v", p)
	}
}

// Another body under the key of a creation that is not complete is refused, and does not go on with
// the creation.
func TestCreateInChunks_OtherBodyUnderItsKey_Refused(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	ids := w.approved(60)
	a := creates(ids)
	w.chunkAt(1, func() error { return errEngine }).send(admin, a)
	other := a
	other.body = object{"name": "Another", "linkedChangeRequestIds": ids}
	if p := w.problem(w.send(admin, other)); p.Code != "idempotency-key-reused" {
		t.Errorf("%+v", p)
	}
	id := w.must(viewer, ask{route: "GET /releases?limit=1"})["releases"].([]any)[0].(object)["id"].(string)
	if v := w.must(viewer, ask{route: "GET /releases/" + id}); v["stillLinking"] == nil {
		t.Error("the other body went on with the creation")
	}
}

// A decision on a change request of a half-created release is refused until the release is complete.
func TestDecide_HalfCreated_Linking(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	ids := w.approved(60)
	w.chunkAt(1, func() error { return errEngine }).send(admin, creates(ids))
	decision := ask{route: "POST /change-requests/" + ids[0] + "/decision", body: object{"decision": "rejected"}}
	if p := w.problem(w.send(admin, decision)); p.Status != http.StatusConflict || p.Code != "linking" {
		t.Errorf("%+v", p)
	}
	w.must(admin, ask{route: "POST /change-requests/" + ids[59] + "/decision", body: object{"decision": "rejected"}})
	w.settle()
	w.must(admin, decision)
	v := w.must(viewer, ask{route: "GET /releases?limit=1"})["releases"].([]any)[0].(object)
	if p := w.problem(w.send(admin, ask{route: "POST /releases/" + v["id"].(string) + "/status", body: object{"status": "approved"}})); p.Code != "cab-approval-missing" || len(p.ChangeRequests) != 2 {
		t.Errorf("the approval is answered %+v, want cab-approval-missing for both rejected change requests", p)
	}
}

// A request under a key adds 95 change requests and removes five, and dies after each chunk in turn.
// The repetition does the rest and answers for all of it, as every further one does. What somebody
// else has undone in between stays undone.
func TestAddChangesInChunks_EngineDies_TheAnswerIsForAllOfIt(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	ids, old := w.approved(95), w.approved(5)
	for died := 1; died <= 3; died++ {
		for _, undone := range []bool{false, true} {
			id := w.release(ids[3])
			w.must(admin, ask{route: "POST /releases/" + id + "/add-changes", body: object{"add": old}})
			a := ask{
				route: "POST /releases/" + id + "/add-changes", body: object{"add": ids, "remove": old},
				headers: []string{"Idempotency-Key: " + newKey("add")},
			}
			// The removal of the five is the first transaction, with eleven actions.
			if first := w.chunkAt(died, func() error { return errEngine }).send(admin, a); first.Code < 500 {
				t.Fatalf("it did not die: %d %s", first.Code, first.text)
			}
			want := 95
			if undone && died == 2 {
				w.must(admin, ask{route: "POST /releases/" + id + "/add-changes", body: object{"remove": ids[:2], "add": old[:1]}})
				want-- // two were removed again, and one of the removed was added back
			}
			got := w.must(admin, a)
			if len(got["added"].([]any)) != 94 || len(got["removed"].([]any)) != 5 || len(got["unchanged"].([]any)) != 1 || got["unchanged"].([]any)[0] != ids[3] {
				t.Errorf("died after chunk %d: the answer is %v, want 94 added, 5 removed and 1 unchanged", died, got)
			}
			if repeated := w.send(admin, a); repeated.text != w.send(admin, a).text || repeated.Code != http.StatusOK {
				t.Errorf("again: %d %s", repeated.Code, repeated.text)
			}
			if held := w.must(viewer, ask{route: "GET /releases/" + id})["linkedChangeRequestIds"].([]any); len(held) != want {
				t.Errorf("died after chunk %d: the release has %d change requests, want %d", died, len(held), want)
			}
			w.freeAll()
		}
	}
}

// If a later chunk is refused, the refusal says what the earlier ones have done. Once the reason is
// gone, a repetition goes on from there.
func TestAddChangesInChunks_LaterChunkRefused_SaysWhatStays(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	ids := w.approved(60)
	for _, keyed := range []bool{true, false} {
		id := w.release()
		a := ask{route: "POST /releases/" + id + "/add-changes", body: object{"add": ids}}
		if keyed {
			a.headers = []string{"Idempotency-Key: " + newKey("add")}
		}
		other := ""
		p := w.problem(w.chunkAt(1, func() error { other = w.release(ids[59]); return nil }).send(admin, a))
		if p.Code != "not-linkable" || !strings.Contains(p.Detail, "Nothing else was changed") || !strings.Contains(p.Detail, "linked 45 change requests") {
			t.Errorf("%+v", p)
		}
		w.must(admin, ask{route: "POST /releases/" + other + "/add-changes", body: object{"remove": ids[59:]}})
		got := w.must(admin, a)
		if added := len(got["added"].([]any)); added != map[bool]int{true: 60, false: 15}[keyed] {
			t.Errorf("with a key: %v, the repetition answers that %d were added", keyed, added)
		}
		w.freeAll()
	}
}

package rest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"example.com/releases/shared/record"
	"example.com/releases/shared/release"
)

// provable is a fixture with a release whose record is sealed, its change request, and another release.
type provable struct {
	*fixture
	release, change, other string
}

func newProvable(t *testing.T) *provable {
	w := &provable{fixture: newFixture(t)}
	w.change = w.fixture.change(false)
	w.release, w.other = w.fixture.release(w.change), w.fixture.release()
	w.must(admin, ask{route: "POST /change-requests/" + w.change + "/decision", body: object{"decision": "approved", "note": "As discussed."}})
	w.must(auditor, ask{route: "POST /releases/" + w.release + "/log", body: object{"text": "Rehearsed."}})
	w.must(admin, ask{route: "PATCH /releases/" + w.release, body: object{"name": "Spring"}})
	w.must(admin, ask{route: "POST /releases/" + w.release + "/status", body: object{"status": "approved"}})
	w.must(auditor, ask{route: "POST /releases/" + w.release + "/log", body: object{"text": "Informed the operators."}})
	w.must(auditor, ask{route: "POST /releases/" + w.other + "/log", body: object{"text": "Elsewhere."}})
	w.seal()
	return w
}

// fetch returns all pages of a release's evidence, one after another, as somebody would keep them.
func (w *fixture) fetch(id string, since int64) string {
	w.Helper()
	var file strings.Builder
	for cursor := ""; ; {
		query := url.Values{}
		if cursor != "" {
			query.Set("cursor", cursor)
		}
		if since > 0 {
			query.Set("since", strconv.FormatInt(since, 10))
		}
		got := w.send(auditor, ask{route: "GET /releases/" + id + "/evidence?" + query.Encode()})
		var page record.Evidence
		if err := json.Unmarshal([]byte(got.text), &page); err != nil || got.Code != 200 {
			w.Fatalf("%d, %v: %s", got.Code, err, got.text)
		}
		if len(got.text) > 4<<20 {
			w.Errorf("a page has %d bytes, want 4 MB at most", len(got.text))
		}
		file.WriteString(got.text)
		if cursor = page.NextCursor; cursor == "" {
			return file.String()
		}
	}
}

// verify returns what the verifier says of evidence, compared with what was kept (earlier evidence,
// checkpoints, events); the fault is "" if there is none.
func (w *fixture) verify(evidence string, kept ...string) (record.Verdict, string) {
	w.Helper()
	pages, err := record.ReadEvidence("evidence.json", []byte(evidence))
	if err != nil {
		w.Fatal(err)
	}
	var all []record.Kept
	for _, data := range kept {
		k, err := record.ReadKept("kept.json", []byte(data))
		if err != nil {
			w.Fatal(err)
		}
		all = append(all, k)
	}
	v, err := record.Verify(pages, all, record.SealedWithin)
	var fault *record.Fault
	if errors.As(err, &fault) {
		return v, fault.Error()
	}
	if err != nil {
		w.Fatal(err)
	}
	return v, ""
}

func (w *fixture) checkpoint() record.Checkpoint {
	w.Helper()
	c, err := w.Store.Checkpoint(context.Background())
	if err != nil {
		w.Fatal(err)
	}
	return c
}

// event returns an event as the bus got it with an entry of the release.
func (w *provable) event(key string, entries int) string {
	w.Helper()
	sent, err := json.Marshal(map[string]any{"detail": map[string]any{
		"release": map[string]string{"id": w.release},
		"record":  record.EventRecord{Checkpoint: w.checkpoint().String(), Key: key, Sum: record.SumOf(textIn(w.log(key), "entry")), Entries: entries},
	}})
	if err != nil {
		w.Fatal(err)
	}
	return string(sent)
}

// Evidence that is fetched later is connected with what was kept before, also after a deletion.
func TestEvidence_RecordGoesOn_IsConnectedWithWhatWasKept(t *testing.T) {
	t.Parallel()
	w := newProvable(t)
	kept, size := w.fetch(w.release, 0), w.checkpoint().Size
	text := w.checkpoint().String()
	w.must(auditor, ask{route: "POST /releases/" + w.release + "/log", body: object{"text": "Waits to be sealed."}})
	if v, fault := w.verify(w.fetch(w.release, size), kept, text); fault != "" || v.Unsealed != 1 || len(v.Kept) != 2 {
		t.Errorf("with an entry that waits to be sealed: %+v, %s; want 1 unsealed, 2 connected", v, fault)
	}
	w.seal()
	if v, fault := w.verify(w.fetch(w.release, size), kept, text, w.event("e0001", 6)); fault != "" || v.Unsealed != 0 || v.Entries != 9 {
		t.Errorf("when it is sealed: %+v, %s; want 9 entries, none unsealed", v, fault)
	}
	if _, fault := w.verify(w.fetch(w.release, 0), kept); !strings.Contains(fault, fmt.Sprintf("Fetch it with ?since=%d", size)) {
		t.Errorf("evidence without the consistency proof says %q, want how to fetch it", fault)
	}
	w.must(admin, ask{route: "POST /releases/" + w.release + "/status", body: object{"status": "cancelled"}})
	w.must(admin, ask{route: "DELETE /releases/" + w.release})
	w.seal()
	deleted := w.fetch(w.release, size)
	if v, fault := w.verify(deleted, kept); fault != "" || v.Entries != 9 { // without the two of the change request
		t.Errorf("of the deleted release: %+v, %s; want 9 entries", v, fault)
	}
	if strings.Contains(deleted, `"release":`) {
		t.Error("the evidence shows the deleted release itself")
	}
	if got := w.send(auditor, ask{route: "GET /releases/REL-1999-Q1-001/evidence"}); got.Code != 404 {
		t.Errorf("the evidence of a release that does not exist: %d, want 404", got.Code)
	}
}

func TestEvidence_NothingSealedYet_IsNoError(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	id := w.release()
	if v, fault := w.verify(w.fetch(id, 7)); fault != "" || v.Unsealed != 1 || v.Entries != 0 {
		t.Errorf("%+v, %s; want one unsealed entry, and no fault", v, fault)
	}
}

// All pages of evidence are of one checkpoint, even if entries are sealed in between. A cursor is only
// valid for the release and the scope that it was given out for.
func TestEvidence_ManyPages_AreOfOneCheckpoint(t *testing.T) {
	t.Parallel()
	w := newProvable(t)
	for n := range 50 {
		var steps []object
		for order := 1; order <= 60; order++ {
			steps = append(steps, object{"order": order, "description": strings.Repeat(string(rune('a'+n%26)), release.MaxStepText)})
		}
		w.must(admin, ask{route: "PATCH /releases/" + w.release, body: object{"rolloutSteps": steps}})
	}
	w.seal()
	first := w.send(auditor, ask{route: "GET /releases/" + w.release + "/evidence"})
	var page record.Evidence
	if err := json.Unmarshal([]byte(first.text), &page); err != nil || page.NextCursor == "" {
		t.Fatalf("%v: %.300s", err, first.text)
	}
	pages := first.text
	for n := 0; page.NextCursor != ""; n++ {
		if n == 0 {
			w.must(auditor, ask{route: "POST /releases/" + w.release + "/log", body: object{"text": "Meanwhile."}})
			w.seal()
		}
		next := w.send(auditor, ask{route: "GET /releases/" + w.release + "/evidence?cursor=" + page.NextCursor})
		was := page.Checkpoint
		page = record.Evidence{}
		if err := json.Unmarshal([]byte(next.text), &page); err != nil || page.Checkpoint != was {
			t.Fatalf("%v: %.300s", err, next.text)
		}
		pages += next.text
	}
	if v, fault := w.verify(pages); fault != "" || v.Entries != 58 || v.Unsealed != 1 {
		t.Errorf("%+v, %s; want 58 entries, one unsealed", v, fault)
	}
	var second record.Evidence
	if err := json.Unmarshal([]byte(first.text), &second); err != nil {
		t.Fatal(err)
	}
	if got := w.send(auditor, ask{route: "GET /releases/" + w.other + "/evidence?cursor=" + second.NextCursor}); got.Code != 400 {
		t.Errorf("with the cursor of another release: %d, want 400", got.Code)
	}
	w.must(admin, ask{route: "POST /releases/" + w.release + "/add-changes", body: object{"add": []string{w.fixture.change(true)}}})
	if got := w.send(auditor, ask{route: "GET /releases/" + w.release + "/evidence?cursor=" + second.NextCursor}); got.Code != 400 || !strings.Contains(got.text, "The change requests of the release have changed") {
		t.Errorf("with a cursor from before the scope changed: %d %s, want 400 that says so", got.Code, got.text)
	}
}

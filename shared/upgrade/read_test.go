package upgrade_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// Recorded items are answered as they were then, and reading writes nothing.
func TestRecordedItems_Read_AnswerAsThen(t *testing.T) {
	w := newFixture(t)
	before := w.everything()
	for name, part := range map[string]func(*testing.T, *fixture){"answers": readAnswers, "public page": readPublicPage, "keys": readKeys} {
		t.Run(name, func(t *testing.T) {
			part(t, w.subtest(t))
			w.subtest(t).unchanged(before, "reading")
		})
	}
}

// readAnswers asks for every release, change request, task, log, list and readiness again.
func readAnswers(t *testing.T, w *fixture) {
	answers := recordedAnswers(t)
	if len(answers) < 120 {
		t.Fatalf("only %d answers were recorded", len(answers))
	}
	unmailable := 0
	for path, was := range answers {
		is := w.ask(admin, "GET "+path, nil)
		// Since 2026-11-26 readiness names the addresses to which no mail can be sent.
		if advice, ok := is.body["advice"].([]any); ok {
			is.body["advice"] = slices.DeleteFunc(advice, func(row any) bool {
				found := row.(object)["code"] == "unmailable-addresses" && strings.Contains(row.(object)["detail"].(string), "jürgen@example.de")
				if found {
					unmailable++
				}
				return found
			})
		}
		if is.status != was.Status {
			t.Errorf("GET %s answers %d, want %d as recorded", path, is.status, was.Status)
			continue
		}
		for _, d := range differences("GET "+path, facts(path, was.Body), facts(path, is.body)) {
			t.Error(d)
		}
	}
	if unmailable != 2 {
		t.Errorf("the readiness of %d releases names a manager to whom no mail can be sent, want of 2", unmailable)
	}
}

// facts returns what an answer says without its wording, which may be improved, and without its
// cursor, which may be encoded differently: whether the recorded cursors still work is asked by
// paths that carry one. Readiness is arranged by status and condition, so that later versions may
// add conditions.
func facts(path string, body object) object {
	switch {
	case valueAt(body, "code") != nil:
		return object{"code": body["code"]}
	case strings.HasSuffix(path, "/readiness"):
		next := object{}
		for _, to := range list(body, "next") {
			conditions := object{}
			for _, c := range list(to, "conditions") {
				conditions[fmt.Sprint(valueAt(c, "condition"))] = object{"holds": valueAt(c, "holds"), "changeRequests": valueAt(c, "changeRequests")}
			}
			next[fmt.Sprint(valueAt(to, "status"))] = object{"ready": valueAt(to, "ready"), "conditions": conditions}
		}
		return object{"id": body["id"], "status": body["status"], "next": next}
	}
	body = maps.Clone(body)
	delete(body, "nextCursor")
	return body
}

// everything returns all items of all tables. Counters are left out, since a number that was
// taken and not used leaves a gap, which the contract allows; and so are the senders' slots,
// which every look at the outbox writes.
func (w *fixture) everything() map[string]any {
	w.t.Helper()
	all := map[string]any{}
	for table := range w.Names {
		for key, i := range w.scan(table) {
			if !strings.HasPrefix(key, "COUNTER#") && !strings.HasPrefix(key, "SENDER#") && !strings.HasSuffix(key, "/L") {
				all[table+" "+key] = i
			}
		}
	}
	return all
}

// readKeys repeats requests with their Idempotency-Keys within a day: they get the recorded
// answers, and do nothing more.
func readKeys(t *testing.T, w *fixture) {
	all := recorded[[]struct {
		Route, Key   string
		Body, Answer object
	}](t, "keyed.json")
	if len(all) < 6 {
		t.Fatalf("only %d keys were recorded", len(all))
	}
	for _, r := range all {
		is := w.ask(admin, r.Route, r.Body, "Idempotency-Key: "+r.Key)
		if is.status >= 300 {
			t.Errorf("%s with the key %s answers %d: %v", r.Route, r.Key, is.status, is.body)
			continue
		}
		for _, d := range differences(r.Route, r.Answer, is.body) {
			t.Error(d)
		}
	}
	w.do(422, all[0].Route, object{"changeType": "Normal", "title": "Another"}, "Idempotency-Key: "+all[0].Key)
}

// readPublicPage holds which releases the public sees: those that are, or were, scheduled, but
// neither those that opted out nor those that were only planned.
func readPublicPage(t *testing.T, w *fixture) {
	page := w.public()
	for id, shown := range map[string]bool{
		planned: false, approved: false, scheduled: true, running: true, deployed: true, rolledBack: true, cancelled: true,
		mails: true, moved: true, missed: true, underWay: true, notAnnounced: true, halfCreated: false, halfDeleted: false, bare: false,
	} {
		if strings.Contains(page, id) != shown {
			t.Errorf("%s is on the page: %t, want %t", id, !shown, shown)
		}
	}
}

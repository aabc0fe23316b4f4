package rest_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/rest"
)

// leaves is what an operation leaves in the record: of the release R, and of the change
// request C that is linked to it; {R}, {C} and {T} stand for their ids and a task's.
type leaves struct {
	request         ask
	before          []string // the statuses that it enters first
	held            bool
	inRelease, inCR string   // the kinds of the new entries, oldest first
	has             []string // fields that the newest of the release's entries carries
}

var recorded = map[operations.Name]leaves{
	operations.CreateRelease: {request: ask{route: "POST /releases", body: object{"name": "Another"}}, has: []string{"changes"}},
	operations.UpdateRelease: {request: ask{route: "PATCH /releases/{R}", body: object{"name": "Renamed"}}, inRelease: "edit", has: []string{"changes"}},
	operations.DeleteRelease: {request: ask{route: "DELETE /releases/{R}"}, inRelease: "deleted", has: []string{"status"}},
	operations.AddChanges: {
		request: ask{route: "POST /releases/{R}/add-changes", body: object{"add": []string{}, "remove": []string{"{C}"}}}, inRelease: "scope", has: []string{"removed"},
	},
	operations.TransitionRelease: {request: ask{route: "POST /releases/{R}/status", body: object{"status": "approved"}}, inRelease: "transition", has: []string{"status"}},
	operations.AppendLog:         {request: ask{route: "POST /releases/{R}/log", body: object{"text": "noted"}}, inRelease: "note"},
	operations.LiftHold: {
		held: true, request: ask{route: "DELETE /releases/{R}/hold"}, inRelease: "hold", has: []string{"hold", "status"},
	},
	operations.CompleteStep: {
		before:  []string{"approved", "scheduled"},
		request: ask{route: "POST /releases/{R}/steps/rollout/1", body: object{"completed": true}}, inRelease: "step", has: []string{"step"},
	},
	operations.CreateChange: {request: ask{route: "POST /change-requests", body: object{"id": "NEW", "changeType": "Normal"}}},
	operations.UpdateChange: {
		request: ask{route: "PATCH /change-requests/{C}", body: object{"title": "Another title"}}, inRelease: "edit", inCR: "edit", has: []string{"changes", "changeRequestId"},
	},
	operations.DecideChange: {
		request:   ask{route: "POST /change-requests/{C}/decision", body: object{"decision": "rejected", "note": "No."}},
		inRelease: "decision", inCR: "decision", has: []string{"decision", "changeRequestId", "digest", "changes"},
	},
	operations.EraseWords: {request: ask{route: "POST /record/erasures", body: object{"releaseId": "{R}", "entry": "e0", "values": []string{"author"}}}, inRelease: "erasure", has: []string{"erased"}},
	// Tasks have comments and a history of their own; the record is of releases and change
	// requests, and a settlement tells it in counts.
	operations.CreateTask: {request: ask{route: "POST /tasks", body: object{"title": "A task", "requesterEmail": "a@example.com", "changeRequestId": "{C}"}}},
	operations.UpdateTask: {request: ask{route: "PATCH /tasks/{T}", body: object{"title": "Another"}}},
}

// Every operation that writes leaves the entries of its row, and no others, by whom it was:
// an operation without a row fails.
func TestRecord_EveryOperation_LeavesItsEntries(t *testing.T) {
	for _, route := range rest.Routes() {
		row, known := recorded[route.Operation]
		if route.Method == http.MethodGet {
			if known {
				t.Errorf("%s only reads, and has a row", route.Operation)
			}
			continue
		}
		if !known {
			t.Errorf("%s writes, and nobody says what it leaves in the record", route.Operation)
			continue
		}
		t.Run(string(route.Operation), func(t *testing.T) {
			t.Parallel()
			w := newFixture(t)
			change := w.change(true)
			task := w.task("a@example.com", change)
			v := w.must(admin, ask{route: "POST /releases", body: object{
				"name": "A release", "scheduledStart": "2026-05-01T20:00:00Z", "scheduledEnd": "2026-05-01T22:00:00Z",
				"rolloutSteps": []object{{"order": 1, "description": "Switch over"}}, "linkedChangeRequestIds": []string{change},
			}})
			id := v["id"].(string)
			w.transition(id, row.before...)
			if row.held {
				w.hold(admin, id, "Stop.")
			}
			fill := strings.NewReplacer("{R}", id, "{C}", change, "{T}", task)
			request := row.request
			request.route = fill.Replace(request.route)
			if request.body != nil {
				request.body = fill.Replace(plain(request.body))
			}
			logs := map[string]string{"/releases/" + id: row.inRelease, "/change-requests/" + change: row.inCR}
			before := map[string]int{}
			for path := range logs {
				before[path] = len(w.entries(path))
			}
			answered := w.must(admin, request)
			for path, want := range logs {
				all := w.entries(path)
				added := all[:len(all)-before[path]]
				var kinds []string
				for _, e := range added {
					kinds = append(kinds, e["kind"].(string))
					if e["subject"] != "sub-ada" || e["author"] != "ada" || e["text"] == "" {
						t.Errorf("the entry does not say who did what: %v", e)
					}
				}
				slices.Reverse(kinds)
				if got := strings.Join(kinds, " "); got != want {
					t.Errorf("%s: %q, want %q", path, got, want)
				}
				if len(added) > 0 && strings.HasPrefix(path, "/releases/") {
					for _, field := range row.has {
						if added[0][field] == nil {
							t.Errorf("the entry has no %s: %v", field, added[0])
						}
					}
				}
			}
			// What is made begins a record of its own.
			if route.Method == http.MethodPost && answered["id"] != nil && (route.Operation == operations.CreateRelease || route.Operation == operations.CreateChange) {
				path := strings.TrimPrefix(request.route, "POST ") + "/" + answered["id"].(string)
				if all := w.entries(path); len(all) != 1 || all[0]["kind"] != "created" || all[0]["subject"] != "sub-ada" {
					t.Errorf("%s begins with %v", path, all)
				}
			}
		})
	}
}

// entries are those of a log, newest first, read as an Auditor reads them.
func (w *fixture) entries(path string) []object {
	w.Helper()
	var all []object
	for _, e := range w.must(auditor, ask{route: "GET " + path + "/log?limit=100"})["entries"].([]any) {
		all = append(all, e.(object))
	}
	return all
}

// The log of a deleted release is there for Auditors, and for nobody else.
func TestRecord_DeletedRelease_AuditorsReadItsLog(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	id := w.release()
	w.must(auditor, ask{route: "POST /releases/" + id + "/log", body: object{"text": "noted"}})
	w.must(admin, ask{route: "DELETE /releases/" + id})
	if all := w.entries("/releases/" + id); len(all) != 3 || all[0]["kind"] != "deleted" || all[1]["text"] != "noted" || all[2]["kind"] != "created" {
		t.Errorf("its log is %v", all)
	}
	for _, who := range []string{"GET /releases/" + id, "GET /releases/" + id + "/log"} {
		if got := w.send(viewer, ask{route: who}); got.Code != http.StatusNotFound {
			t.Errorf("a Viewer is answered %d to %s", got.Code, who)
		}
	}
	if got := w.send(auditor, ask{route: "GET /releases/" + id}); got.Code != http.StatusNotFound {
		t.Errorf("the release itself answers %d", got.Code)
	}
	if got := w.send(auditor, ask{route: "GET /releases/REL-1999-Q1-001/log"}); got.Code != http.StatusNotFound {
		t.Errorf("the log of a release that never was answers %d", got.Code)
	}
	if got := w.send(auditor, ask{route: "POST /releases/" + id + "/log", body: object{"text": "late"}}); got.Code != http.StatusNotFound {
		t.Errorf("a note on a deleted release answers %d", got.Code)
	}
}

func TestListLog_ByKind_OnlyThose(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	id := w.release()
	w.must(auditor, ask{route: "POST /releases/" + id + "/log", body: object{"text": "one"}})
	w.transition(id, "approved")
	w.must(auditor, ask{route: "POST /releases/" + id + "/log", body: object{"text": "two"}})
	var texts []string
	for next := ""; ; {
		page := w.must(viewer, ask{route: "GET /releases/" + id + "/log?kind=Note&limit=1" + next})
		for _, e := range page["entries"].([]any) {
			texts = append(texts, e.(object)["text"].(string))
		}
		cursor, more := page["nextCursor"].(string)
		if !more {
			break
		}
		next = "&cursor=" + cursor
	}
	if !slices.Equal(texts, []string{"two", "one"}) {
		t.Errorf("the notes are %q", texts)
	}
	p := w.problem(w.send(viewer, ask{route: "GET /releases/" + id + "/log?kind=rumour"}))
	if p.Status != http.StatusBadRequest || len(p.Errors) != 1 || p.Errors[0].Field != "kind" || !strings.Contains(p.Errors[0].Message, "transition") {
		t.Errorf("an unknown kind: %+v", p)
	}
}

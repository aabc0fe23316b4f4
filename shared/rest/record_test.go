package rest_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// entries is what an operation leaves in the log of a release and in the record of a change request
// that is linked to it. {R}, {C} and {T} in the request stand for their ids and that of a task.
type entries struct {
	request         ask
	before          []string // the statuses that the release enters first
	held            bool     // whether it is held first, by the Admin
	inRelease, inCR string   // the kinds of the new entries, oldest first
	has             []string // fields that the newest of the release's entries has
	begins          bool     // whether it creates something with a record of its own
}

// Every operation that writes leaves the entries in its row, and no others, and they say who it was.
func TestRecord_EveryOperation_LeavesItsEntries(t *testing.T) {
	for _, c := range contracts {
		if c.entries == nil {
			continue // it only reads: TestContract
		}
		row := *c.entries
		t.Run(string(c.operation), func(t *testing.T) {
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
			w.inRowOf(c.operation, request.route)
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
			if row.begins {
				path := strings.TrimPrefix(request.route, "POST ") + "/" + answered["id"].(string)
				if all := w.entries(path); len(all) != 1 || all[0]["kind"] != "created" || all[0]["subject"] != "sub-ada" {
					t.Errorf("%s begins with %v", path, all)
				}
			}
		})
	}
}

// entries returns those of a log, newest first, as an Auditor reads them.
func (w *fixture) entries(path string) []object {
	w.Helper()
	var all []object
	for _, e := range w.must(auditor, ask{route: "GET " + path + "/log?limit=100"})["entries"].([]any) {
		all = append(all, e.(object))
	}
	return all
}

// After a release is deleted, Auditors can read its log, and nobody below them.
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
			t.Errorf("a Viewer is answered %d to %s, want 404", got.Code, who)
		}
	}
	if got := w.send(auditor, ask{route: "GET /releases/" + id}); got.Code != http.StatusNotFound {
		t.Errorf("the release itself is answered %d, want 404", got.Code)
	}
	if got := w.send(auditor, ask{route: "GET /releases/REL-1999-Q1-001/log"}); got.Code != http.StatusNotFound {
		t.Errorf("the log of a release that never existed is answered %d, want 404", got.Code)
	}
	if got := w.send(auditor, ask{route: "POST /releases/" + id + "/log", body: object{"text": "late"}}); got.Code != http.StatusNotFound {
		t.Errorf("a note on a deleted release is answered %d, want 404", got.Code)
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
		t.Errorf("the notes are %q, want two and one", texts)
	}
	p := w.problem(w.send(viewer, ask{route: "GET /releases/" + id + "/log?kind=rumour"}))
	if p.Status != http.StatusBadRequest || len(p.Errors) != 1 || p.Errors[0].Field != "kind" || !strings.Contains(p.Errors[0].Message, "transition") {
		t.Errorf("an unknown kind is answered %+v, want 400 about kind, which names the kinds", p)
	}
}

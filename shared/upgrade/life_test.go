package upgrade_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// The sweep completes whatever retries gave up on before the version changed, from the tables
// alone: no stream record is left.
func TestRecordedItems_Sweep_UnfinishedWorkEnds(t *testing.T) {
	w := newFixture(t)
	w.sweep()
	w.wantSettled()
	w.wantAnnounced()

	got := w.do(200, "GET /releases/"+halfCreated, nil)
	linked := list(got, "linkedChangeRequestIds")
	if len(linked) != 50 || got["stillLinking"] != nil {
		t.Errorf("%s has %d change requests and still links %v; want all 50 and none", halfCreated, len(linked), got["stillLinking"])
	}
	w.refused(409, "cab-approval-missing", "POST /releases/"+halfCreated+"/status", object{"status": "approved"})
	for key, i := range w.scan("ReleasesTable") {
		if strings.Contains(key, halfDeleted) && !strings.HasPrefix(key, "LOG#") {
			t.Errorf("%s is still there", key)
		}
		for _, mark := range []string{"attention", "linking", "deleting", "unsettled"} {
			if _, there := i[mark]; there {
				t.Errorf("%s is still marked %s", key, mark)
			}
		}
	}
	for _, id := range []string{"CR-X-1", "CR-X-2"} {
		if got := w.do(200, "GET /change-requests/"+id, nil); got["releaseId"] != nil || got["linkedRelease"] != nil {
			t.Errorf("%s is in %v; its release is deleted", id, got["releaseId"])
		}
	}
	before := w.everything()
	w.sweep()
	w.unchanged(before, "a sweep that had nothing to do")
}

// Mails that waited are sent once; those that were sent, failed or suppressed stay so; an unknown
// one stays unknown until SES tells. Whoever was told of a window is told of the next one, and of
// nothing twice.
func TestRecordedItems_Mails_NobodyIsToldTwice(t *testing.T) {
	w := newFixtureWithStreams(t)
	w.sweep() // ends the settlement that two mails wait for
	w.do(200, "POST /releases/"+approved+"/status", object{"status": "scheduled"})
	w.headsUp()
	w.runUntilIdle()
	w.afterAnything() // a job that waits for a settlement is tried again after five minutes
	w.headsUp()
	w.runUntilIdle()

	w.wantOutbox(mails, map[string]string{
		"heads-up sent": "sent", "heads-up failed": "failed", "heads-up unknown": "unknown", "heads-up unclear": "unknown", "heads-up leased": "unknown",
		"heads-up delayed": "sent", "heads-up lena": "suppressed", "heads-up pending": "sent",
	})
	w.wantOutbox(scheduled, map[string]string{
		"heads-up mia.meyer": "sent", "heads-up ben": "sent", "heads-up cara": "sent", "heads-up lena": "sent",
		"rescheduled mia.meyer": "sent", "rescheduled ben": "sent", "rescheduled cara": "sent", "rescheduled lena": "suppressed",
	})
	w.wantOutbox(moved, map[string]string{"heads-up kurt": "sent superseded"})
	w.wantOutbox(deployed, map[string]string{"resolved erik": "sent", "resolved fred": "sent"})
	w.wantOutbox(rolledBack, map[string]string{"resolved gina": "superseded", "rolled-back gina": "sent"})
	w.wantOutbox(cancelled, map[string]string{"heads-up hans": "sent", "withdrawn hans": "sent"})
	w.wantOutbox(underWay, map[string]string{"resolved uma": "sent", "resolved uwe": "sent", "resolved ute": "sent"})
	w.wantOutbox(notAnnounced, map[string]string{"resolved ivan": "sent"})
	wantMails := map[string]int{
		"mia.meyer": 1, "ben": 1, "cara": 1, "lena": 0, "kurt": 1, "erik": 0, "fred": 1, "gina": 1, "hans": 0, "uma": 1, "uwe": 1, "ute": 1, "ivan": 1,
		"sent": 0, "failed": 0, "unknown": 0, "unclear": 0, "leased": 0, "delayed": 1, "pending": 1, "jana": 0, "dora": 0, "paul": 0,
	}
	w.wantArrived(wantMails)
	for _, m := range w.inbox.Mails() {
		if strings.HasPrefix(strings.ToLower(m.To), "mia.meyer@") && !strings.Contains(m.Text, "Your request will be fulfilled as part of release "+scheduled+" scheduled for 2026-11-30") {
			t.Errorf("the mail to %s does not say what it was promised: %s", m.To, m.Text)
		}
	}
	// SES refuses the manager's address as Reply-To. The mail may be sent without it; or it fails
	// and the log says so. It must not be lost silently.
	if state := w.outbox(approved)["heads-up anton"]; state != "sent" && (state != "failed" || !strings.Contains(fmt.Sprint(w.do(200, "GET /releases/"+approved+"/log", nil)), "anton@example.com")) {
		t.Errorf("the mail about a release whose manager's address SES refuses is %q; want sent, or failed with an entry that names the manager", state)
	}

	before := w.everything()
	w.headsUp()
	w.runUntilIdle()
	w.unchanged(before, "a look that had nothing new")
	w.wantArrived(wantMails)

	// SES's event tells what became of an unknown mail; nothing else does.
	w.hearSent(w.mailID(mails, "heads-up", "unclear@example.com"))
	w.wantOutbox(mails, map[string]string{"heads-up unclear": "sent", "heads-up unknown": "unknown", "heads-up leased": "unknown"})
	w.runUntilIdle()

	// Everybody whose mail SES took, or may have taken, hears that the release is cancelled;
	// everybody else does not.
	w.do(200, "POST /releases/"+mails+"/status", object{"status": "cancelled", "note": "Not this year"})
	w.runUntilIdle()
	w.wantArrived(map[string]int{
		"sent": 1, "unclear": 1, "unknown": 1, "leased": 1, "delayed": 2, "pending": 2, "failed": 0, "lena": 0,
	})
}

// unchanged holds that the tables are as they were before what was done.
func (w *fixture) unchanged(before map[string]any, what string) {
	w.t.Helper()
	now := w.everything()
	for key := range now {
		if before[key] == nil {
			w.t.Errorf("%s has written %s", what, key)
		}
	}
	for key := range before {
		if !reflect.DeepEqual(before[key], now[key]) {
			w.t.Errorf("%s has changed %s", what, key)
		}
	}
}

// Every release, change request and task can be edited where the contract says so, by a client
// that read it before the version changed (its ETag is still right), and nothing else changes.
func TestRecordedItems_Edit_ChangesWhatWasAskedAndNothingElse(t *testing.T) {
	w := newFixture(t)
	answers := recordedAnswers(t)
	edit := func(path, field string, value any) {
		t.Helper()
		was := answers[path]
		got := w.ask(admin, "PATCH "+path, object{field: value}, "If-Match: "+was.ETag)
		if got.status != 200 {
			t.Errorf("PATCH %s answers %d: %v", path, got.status, got.body)
			return
		}
		was.Body[field] = value
		was.Body["revision"] = was.Body["revision"].(float64) + 1
		delete(was.Body, "updatedAt")
		is := w.do(200, "GET "+path, nil)
		if _, logged := was.Body["deploymentLog"]; logged {
			was.Body["deploymentLog"] = append(inTheFormOfToday(list(was.Body, "deploymentLog")), valueAt(is, "deploymentLog", len(list(is, "deploymentLog"))-1))
			if got := valueAt(is, "deploymentLog", len(list(is, "deploymentLog"))-1); valueAt(got, "kind") != "edit" || valueAt(got, "text") != "Changed "+field {
				t.Errorf("the last entry of %s is %v; want the edit of %s", path, got, field)
			}
		}
		for _, d := range differences(path, was.Body, is) {
			t.Error(d)
		}
		// A PATCH answers what was stored.
		delete(got.body, "linkedRelease")
		for _, d := range differences("PATCH "+path, got.body, is) {
			t.Error(d)
		}
		w.do(412, "PATCH "+path, object{field: value}, "If-Match: "+was.ETag)
	}
	refuse := func(status int, code, path, field string, value any) {
		t.Helper()
		w.refused(status, code, "PATCH "+path, object{field: value})
	}
	for _, id := range []string{planned, approved, scheduled, running, deployed, mails, moved, missed, underWay, notAnnounced, bare} {
		edit("/releases/"+id, "description", "Edited after the upgrade")
	}
	for _, id := range []string{rolledBack, cancelled} {
		refuse(409, "field-frozen", "/releases/"+id, "description", "no")
	}
	refuse(409, "field-frozen", "/releases/"+running, "name", "no")
	refuse(409, "linking", "/releases/"+halfCreated, "description", "no")
	refuse(404, "not-found", "/releases/"+halfDeleted, "description", "no")

	for _, id := range []string{"CR-FREE-PENDING", "CR-FREE-REJECTED", "CR-P-PENDING", "CR-P-STANDARD", "CR-D-1", "CR-C-1"} {
		edit("/change-requests/"+id, "controlTitle", "Edited after the upgrade")
	}
	got := valueAt(w.do(200, "GET /releases/"+planned, nil), "linkedChangeRequests", 0)
	if valueAt(got, "id") != "CR-P-PENDING" || valueAt(got, "controlTitle") != "Edited after the upgrade" {
		t.Errorf("the release's summary of CR-P-PENDING is %v", got)
	}

	for _, id := range []string{
		"T-ALONE", "T-RESOLVED", "T-REOPENED", "T-CLOSED", "T-CANCELLED", "T-S-LINKED", "T-S-CI", "T-S-HOLD", "T-I-OPEN", "T-I-CLOSED", "T-I-CANCELLED",
		"T-D-RESOLVED", "T-D-CLOSED-LATER", "T-D-CLOSED-BEFORE", "T-D-LINKED-LATER", "T-R-REOPENED", "T-R-CLOSED", "T-MOVED", "T-U-OPEN", "T-U-WRITTEN",
	} {
		edit("/tasks/"+id, "title", "Edited after the upgrade")
	}
	w.refused(409, "task-resolved-by-release", "PATCH /tasks/T-D-RESOLVED", object{"changeRequestId": "CR-FREE-STANDARD"})
	w.do(200, "PATCH /tasks/T-ALONE", object{"changeRequestId": "CR-D-1", "ciIds": []string{"ci-other"}})
	for path, want := range map[string]string{
		"/tasks?changeRequestId=CR-D-1": "T-ALONE", "/tasks?ciId=ci-other": "T-ALONE", "/tasks?requesterEmail=mia.meyer@example.com": "T-S-LINKED",
		"/tasks?changeRequestId=CR-FREE-STANDARD": "T-MOVED",
	} {
		if got := w.do(200, "GET "+path, nil); !strings.Contains(fmt.Sprint(got), want) {
			t.Errorf("GET %s does not find %s: %v", path, want, got)
		}
	}
	if got := w.do(200, "GET /tasks?ciId=ci-gate", nil); len(list(got, "tasks")) != 0 {
		t.Errorf("a task is still found at the configuration item that it has left: %v", got)
	}

	// The owner of a step, whose address is spelled in another case there, can complete it.
	if got := w.ask(auditor, "POST /releases/"+scheduled+"/steps/rollout/2", object{"completed": true}); got.status != 200 {
		t.Errorf("the step's owner is answered %d: %v", got.status, got.body)
	}
	// What is appended comes last, and what was there stays.
	for _, id := range []string{planned, scheduled, running, deployed, rolledBack, cancelled, bare} {
		was := inTheFormOfToday(list(answers["/releases/"+id].Body, "deploymentLog"))
		w.do(201, "POST /releases/"+id+"/log", object{"text": "After the upgrade"})
		is := list(w.do(200, "GET /releases/"+id, nil), "deploymentLog")
		if len(is) <= len(was) || valueAt(is, len(is)-1, "text") != "After the upgrade" {
			t.Errorf("%s: the log is %q", id, texts(is))
			continue
		}
		for _, d := range differences(id+" log", was, is[:len(was)]) {
			t.Error(d)
		}
	}
}

// inTheFormOfToday returns a recorded log as today's API answers it: each entry is marked as
// older than kinds ("legacy"), and has the kind that its id tells.
func inTheFormOfToday(entries []any) []any {
	log := make([]any, len(entries))
	for n, e := range entries {
		entry := maps.Clone(e.(object))
		if log[n] = entry; entry["kind"] != nil {
			continue // written since
		}
		entry["kind"], entry["legacy"] = "note", true
		if strings.Contains(entry["id"].(string), ".") && !strings.Contains(entry["id"].(string), ".r") {
			entry["kind"] = "transition"
		}
	}
	return log
}

// Every release goes on from its recorded status, under the guards that its stored items carry,
// and settlements reach its change requests and their tasks.
func TestRecordedItems_Transition_GoOnUnderTheirGuards(t *testing.T) {
	w := newFixtureWithStreams(t)
	transition := func(id string, statuses ...string) {
		t.Helper()
		for _, s := range statuses {
			body := object{"status": s}
			if s == "rolled-back" {
				body["rollback_reason"] = "It broke"
			}
			if got := w.do(200, "POST /releases/"+id+"/status", body); got["status"] != s {
				t.Errorf("%s is %v, want %s", id, got["status"], s)
			}
		}
	}
	link := func(id string, status int, changes ...string) {
		t.Helper()
		w.do(status, "POST /releases/"+id+"/add-changes", object{"add": changes, "remove": []string{}})
	}
	decide := func(id string) {
		t.Helper()
		w.do(200, "POST /change-requests/"+id+"/decision", object{"decision": "approved"})
	}

	// Two change requests keep it from being approved, one pending and one rejected.
	w.refused(409, "cab-approval-missing", "POST /releases/"+planned+"/status", object{"status": "approved"})
	decide("CR-P-PENDING")
	w.refused(409, "cab-approval-missing", "POST /releases/"+planned+"/status", object{"status": "approved"})
	decide("CR-P-REJECTED")
	transition(planned, "approved", "scheduled", "in-progress", "deployed")
	transition(approved, "scheduled")
	w.refused(409, "invalid-transition", "POST /releases/"+approved+"/status", object{"status": "deployed"})
	transition(scheduled, "in-progress")
	w.refused(409, "scope-frozen", "POST /releases/"+scheduled+"/add-changes", object{"add": []string{"CR-FREE-STANDARD"}, "remove": []string{}})
	transition(running, "deployed")
	transition(deployed, "rolled-back")
	transition(missed, "cancelled")
	for _, id := range []string{rolledBack, cancelled} {
		for _, s := range []string{"planned", "approved", "scheduled", "in-progress", "deployed", "cancelled"} {
			if got := w.ask(admin, "POST /releases/"+id+"/status", object{"status": s}); got.status != 409 {
				t.Errorf("%s to %s answers %d, want 409", id, s, got.status)
			}
		}
	}
	w.refused(409, "linking", "POST /releases/"+halfCreated+"/status", object{"status": "approved"})
	w.refused(404, "not-found", "POST /releases/"+halfDeleted+"/status", object{"status": "approved"})
	w.refused(409, "not-deletable", "DELETE /releases/"+notAnnounced, nil)

	// A free change request can be linked; one in a live release cannot, nor one that a deletion
	// is about to free.
	link(bare, 200, "CR-FREE-STANDARD", "CR-C-1", "CR-R-1", "CR-P-DROPPED", "CR-FREE-PENDING")
	link(bare, 409, "CR-A-1")
	link(bare, 409, "CR-U-3")
	link(bare, 409, "CR-X-1")
	link(bare, 409, "CR-B-50", "CR-B-01")
	w.refused(409, "cab-approval-missing", "POST /releases/"+bare+"/status", object{"status": "approved"})
	decide("CR-FREE-PENDING")
	transition(bare, "approved")
	w.refused(409, "window-missing", "POST /releases/"+bare+"/status", object{"status": "scheduled"})
	w.do(204, "DELETE /releases/"+cancelled, nil)
	w.do(404, "GET /releases/"+cancelled, nil)

	w.runUntilIdle()
	w.sweep()
	w.runUntilIdle()
	tasks := map[string]struct {
		status   string
		comments []string // how they begin, in order
	}{
		"T-I-OPEN":          {"Resolved", []string{"Resolved as part of release " + running}},
		"T-I-CLOSED":        {"Closed", []string{"Resolved as part of release " + running}},
		"T-I-CANCELLED":     {"Cancelled", []string{"Resolved as part of release " + running}},
		"T-D-RESOLVED":      {"Open", []string{"Resolved as part of release " + deployed, "Rollback: It broke"}},
		"T-D-CLOSED-LATER":  {"Open", []string{"Resolved as part of release " + deployed, "Rollback: It broke"}},
		"T-D-CLOSED-BEFORE": {"Closed", []string{"Resolved as part of release " + deployed, "Rollback: It broke"}},
		"T-D-LINKED-LATER":  {"Open", []string{"Rollback: It broke"}},
		"T-D-WAITS":         {"Open", []string{"Resolved as part of release " + deployed, "Rollback: It broke"}},
		"T-Q-1":             {"Open", nil},
		"T-U-UNTOUCHED":     {"Resolved", []string{"Resolved as part of release " + underWay}},
	}
	for id, want := range tasks {
		got := w.do(200, "GET /tasks/"+id, nil)
		comments := texts(list(got, "comments"))
		fits := slices.EqualFunc(comments, want.comments, strings.HasPrefix)
		if got["status"] != want.status || !fits {
			t.Errorf("%s is %v with %q, want %s with %q", id, got["status"], comments, want.status, want.comments)
		}
		if reopened := slices.Contains(want.comments, "Rollback: It broke") && len(want.comments) == 2 && want.status == "Open"; reopened && (got["reopenCount"] != 1.0 || got["reopenedAt"] == nil) {
			t.Errorf("%s was reopened %v times, at %v; want once", id, got["reopenCount"], got["reopenedAt"])
		}
	}
	for id, want := range map[string][2]any{
		"CR-P-STANDARD": {"Resolved", planned}, "CR-I-1": {"Resolved", running}, "CR-D-1": {"Open", nil}, "CR-D-2": {"Open", nil}, "CR-Q-1": {"Open", nil},
		"CR-A-1": {"Open", approved}, "CR-S-1": {"Open", scheduled}, "CR-B-50": {"Open", halfCreated}, "CR-X-2": {"Open", nil}, "CR-C-1": {"Open", bare},
	} {
		if got := w.do(200, "GET /change-requests/"+id, nil); got["status"] != want[0] || got["releaseId"] != want[1] {
			t.Errorf("%s is %v in %v, want %v in %v", id, got["status"], got["releaseId"], want[0], want[1])
		}
	}
	for _, id := range []string{planned, running, deployed, missed, underWay, notAnnounced} {
		if got := valueAt(w.do(200, "GET /releases/"+id, nil), "settlement"); valueAt(got, "state") != "settled" {
			t.Errorf("the settlement of %s is %v, want the state settled", id, got)
		}
	}
	for key, i := range w.scan("ReleasesTable") {
		if _, there := i["attention"]; there {
			t.Errorf("%s still needs attention", key)
		}
	}
	// The bus has heard of each transition once.
	heard := map[string]int{}
	for _, e := range w.bus.Events() {
		if _, id, found := strings.Cut(string(e.Detail), `"eventId":"`); found {
			id, _, _ = strings.Cut(id, `"`)
			heard[id]++
		}
	}
	for _, id := range []string{
		planned + "#1", planned + "#4", approved + "#2", scheduled + "#3", running + "#4", deployed + "#5", missed + "#3", notAnnounced + "#4", bare + "#1",
	} {
		if heard[id] != 1 {
			t.Errorf("the bus heard %d times of %s, want once", heard[id], id)
		}
	}
	for _, id := range []string{deployed + "#4", underWay + "#4", rolledBack + "#5", notAnnounced + "#3"} {
		if heard[id] != 0 {
			t.Errorf("the bus was told again of %s", id)
		}
	}
}

package rest_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"example.com/releases/shared/release"
)

func TestUpdateRelease_Patch_Merges(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	id := stepped("approved", "scheduled")(w)
	w.must(admin, ask{route: "POST /releases/" + id + "/steps/rollout/1", body: object{"completed": true}})
	before := w.must(viewer, ask{route: "GET /releases/" + id})
	got := w.send(admin, ask{
		route: "PATCH /releases/" + id,
		body: object{
			"name": "Renamed", "public": false, "scheduledEnd": "2026-05-01T23:30:00+01:00", "successCriteria": "99 of 100 logins work",
			"rolloutSteps": []object{{"order": 2, "description": "Look", "completed": false}, {"order": 1, "description": "Switch over at last"}},
		},
		headers: []string{"If-Match: " + w.etag("/releases/"+id), "Content-Type: application/merge-patch+json; charset=utf-8"},
	})
	if got.Code != http.StatusOK || got.Header().Get("ETag") == "" {
		t.Fatalf("%d %s", got.Code, got.text)
	}
	after := w.must(viewer, ask{route: "GET /releases/" + id})
	steps := after["rolloutSteps"].([]any)
	first, second := steps[0].(object), steps[1].(object)
	if after["name"] != "Renamed" || after["public"] != false || after["scheduledEnd"] != "2026-05-01T22:30:00Z" || after["scheduledStart"] != before["scheduledStart"] ||
		after["revision"] != before["revision"].(float64)+1 || len(after["rollbackSteps"].([]any)) != 1 {
		t.Errorf("the patched release is %v, want the fields that were sent changed, and no others", after)
	}
	if first["completed"] != true || first["completedBy"] != "ada" || first["description"] != "Switch over at last" || second["completed"] != false {
		t.Errorf("completion does not survive a patch of the steps: %v", steps)
	}
	log := after["deploymentLog"].([]any)
	if last := log[len(log)-1].(object); last["text"] != "Window moved from 2026-05-01T20:00:00Z – 2026-05-01T22:00:00Z to 2026-05-01T20:00:00Z – 2026-05-01T22:30:00Z\nChanged name, public, rolloutSteps, successCriteria" || last["author"] != "ada" {
		t.Errorf("the moved window is not in the log: %v", last)
	}

	repeated := w.must(admin, ask{route: "PATCH /releases/" + id, body: object{"public": nil, "successCriteria": nil, "rolloutSteps": nil}})
	if repeated["public"] != true || repeated["successCriteria"] != "" || len(repeated["rolloutSteps"].([]any)) != 0 {
		t.Errorf("after null the fields are %v, want their defaults", repeated)
	}
	if same := w.must(admin, ask{route: "PATCH /releases/" + id, body: object{}}); same["revision"] != repeated["revision"] {
		t.Errorf("an empty patch changed the revision from %v to %v", repeated["revision"], same["revision"])
	}
}

func (w *fixture) etag(path string) string {
	w.Helper()
	return w.send(admin, ask{route: "GET " + path}).Header().Get("ETag")
}

// An edit of a change request changes its summary in its release as well.
func TestUpdateChange_Linked_IsSeenAtItsRelease(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	change := w.change(false)
	id := w.release(change)
	v := w.must(admin, ask{
		route: "PATCH /change-requests/" + change, body: object{"controlTitle": "Access control", "scheduledStart": "2026-05-01T21:00:00Z", "affectedCiIds": []string{"ci-1"}},
		headers: []string{"If-Match: " + w.etag("/change-requests/"+change)},
	})
	if v["controlTitle"] != "Access control" || v["title"] != "A change" || v["revision"] != 3.0 {
		t.Errorf("%v", v)
	}
	linked := w.must(viewer, ask{route: "GET /releases/" + id})["linkedChangeRequests"].([]any)[0].(object)
	if linked["controlTitle"] != "Access control" || linked["scheduledStart"] != "2026-05-01T21:00:00Z" || linked["cabDecision"] != "pending" {
		t.Errorf("the release's summary is %v, want it edited", linked)
	}
	v = w.must(admin, ask{route: "PATCH /change-requests/" + change, body: object{"scheduledStart": nil}})
	if v["scheduledStart"] != nil {
		t.Errorf("null leaves %v", v["scheduledStart"])
	}
	if same := w.must(admin, ask{route: "PATCH /change-requests/" + change, body: object{"controlTitle": "Access control"}}); same["revision"] != v["revision"] {
		t.Error("an edit that changes nothing made a new revision")
	}
}

// The fields that the CAB asks for are written, edited and cleared like the others. A risk may be spelled
// in any case; an unknown one is refused with the known ones.
func TestChange_WhatTheCABAsksFor_IsEnteredAndEdited(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	created := w.must(admin, ask{route: "POST /change-requests", body: object{
		"changeType": "Normal", "justification": "No updates any more.", "risk": "hIGH", "impact": "Mail is late.", "backoutPlan": "Point the record back.",
	}})
	path := "/change-requests/" + created["id"].(string)
	w.must(admin, ask{route: "PATCH " + path, body: object{"risk": "low", "impact": nil}})
	v := w.must(viewer, ask{route: "GET " + path})
	if v["justification"] != "No updates any more." || created["risk"] != "High" || v["risk"] != "Low" || v["impact"] != nil || v["backoutPlan"] != "Point the record back." {
		t.Errorf("it was created as %v\nand after the edit it is %v", created, v)
	}
	if a := w.send(admin, ask{route: "PATCH " + path, body: object{"risk": "some"}}); a.Code != 400 || !strings.Contains(a.text, "must be one of Low, Medium, High") {
		t.Errorf("an unknown risk: %d %s, want 400 with the known ones", a.Code, a.text)
	}
	if v := w.must(admin, ask{route: "PATCH " + path, body: object{"risk": nil}}); v["risk"] != nil {
		t.Errorf("null leaves %v", v["risk"])
	}
}

func TestUpdateTask_OtherChangeRequest_Moves(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	from, to := w.change(true), w.change(true)
	id := w.task("rita@example.com", from)
	v := w.must(admin, ask{
		route: "PATCH /tasks/" + id, body: object{"changeRequestId": to, "status": "inprogress", "ciIds": []string{"ci-7"}, "requesterName": "Rita"},
		headers: []string{"If-Match: " + w.etag("/tasks/"+id)},
	})
	if v["changeRequestId"] != to || v["status"] != "InProgress" || v["requesterName"] != "Rita" || v["title"] != "A task" {
		t.Errorf("%v", v)
	}
	if same := w.must(admin, ask{route: "PATCH /tasks/" + id, body: object{"requesterName": "Rita", "changeRequestId": to}}); same["revision"] != v["revision"] {
		t.Error("what is so already makes a new revision")
	}
	for path, want := range map[string]bool{
		"/tasks?changeRequestId=" + from: false, "/tasks?changeRequestId=" + to: true, "/tasks?ciId=ci-7": true,
		"/tasks?ciId=ci-7&status=inPROGRESS": true, "/tasks?ciId=ci-7&status=Open": false,
	} {
		if found := len(w.must(viewer, ask{route: "GET " + path})["tasks"].([]any)) == 1; found != want {
			t.Errorf("GET %s finds it: %v, want %v", path, found, want)
		}
	}
}

func TestCompleteStep_EachPlan_IsLogged(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	id := stepped("approved", "scheduled", "in-progress", "deployed")(w)
	done := w.must(auditor, ask{route: "POST /releases/" + id + "/steps/ROLLBACK/1", body: object{"completed": true}})
	step := done["rollbackSteps"].([]any)[0].(object)
	if step["completed"] != true || step["completedBy"] != "otto" || step["completedAt"] == nil {
		t.Errorf("%v", step)
	}
	if same := w.must(auditor, ask{route: "POST /releases/" + id + "/steps/rollback/1", body: object{"completed": true}}); same["revision"] != done["revision"] {
		t.Error("what is so already makes a new revision")
	}
	open := w.must(admin, ask{route: "POST /releases/" + id + "/steps/rollback/1", body: object{"completed": false}})
	if step := open["rollbackSteps"].([]any)[0].(object); step["completed"] != false || step["completedBy"] != nil {
		t.Errorf("%v", step)
	}
	entries := w.must(viewer, ask{route: "GET /releases/" + id + "/log?limit=2"})["entries"].([]any)
	for i, want := range []string{"rollback step 1 reopened: Switch back", "rollback step 1 completed: Switch back"} {
		if got := entries[i].(object)["text"]; got != want {
			t.Errorf("entry %d is %q, want %q", i, got, want)
		}
	}
	unverified := *auditor
	unverified.EmailVerified = false
	if p := w.problem(w.send(&unverified, ask{route: "POST /releases/" + id + "/steps/rollback/1", body: object{"completed": true}})); p.Code != "not-step-owner" {
		t.Errorf("a step's owner without a verified address is answered %+v, want not-step-owner", p)
	}
}

// The pages of a log together have every entry, newest first.
func TestListLog_Pages_HoldEveryEntry(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	id := w.release()
	for i := range 7 {
		w.must(auditor, ask{route: "POST /releases/" + id + "/log", body: object{"text": strings.Repeat("x", i+1)}})
	}
	path, lengths := "/releases/"+id+"/log?limit=3", []int{}
	for next := ""; ; {
		page := w.must(viewer, ask{route: "GET " + path + next})
		for _, e := range page["entries"].([]any) {
			lengths = append(lengths, len(e.(object)["text"].(string)))
		}
		cursor, more := page["nextCursor"].(string)
		if !more {
			break
		}
		next = "&cursor=" + cursor
	}
	if !slices.Equal(lengths, []int{7, 6, 5, 4, 3, 2, 1, len("Created")}) {
		t.Errorf("the pages have entries of %v characters, want 7 to 1 and the creation's", lengths)
	}
}

func TestReadiness_Unapproved_TellsWhatIsMissing(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	pending := w.change(false)
	id := w.release(pending)
	v := w.must(viewer, ask{route: "GET /releases/" + id + "/readiness"})
	next := v["next"].([]any)[0].(object)
	condition := next["conditions"].([]any)[1].(object)
	if next["status"] != "approved" || next["ready"] != false || condition["condition"] != "cab-approval" || condition["changeRequests"].([]any)[0] != pending {
		t.Errorf("%v", next)
	}
	codes := []string{}
	for _, a := range v["advice"].([]any) {
		codes = append(codes, a.(object)["code"].(string))
	}
	if got := strings.Join(codes, " "); got != "no-rollback-steps unmeasurable-criteria window-in-the-past" {
		t.Errorf("the advice is %s, want no-rollback-steps unmeasurable-criteria window-in-the-past", got)
	}
}

// Readiness looks at the tasks that a release reaches only when that matters: from scheduled on, to
// advise on addresses to which no mail can be sent, and then to say whom the next statuses touch.
func TestReadiness_FromScheduledOn_CountsWhomItReaches(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	change := w.change(true)
	w.task("rita@example.com", change)
	w.task("RITA@example.com", change)
	// An earlier version accepted addresses to which no mail can be sent.
	old := w.item(w.Tables.Tasks, "TASK#"+w.task("zoe@example.com", change), "M")
	old["requesterEmail"] = str("zoë@example.com")
	w.put(w.Tables.Tasks, old)
	id := w.release(change)
	for _, c := range []struct {
		status  release.Status
		counted bool
		reached []string
	}{
		{release.Planned, false, nil},
		{release.Approved, false, nil},
		{release.Scheduled, true, nil},
		{release.InProgress, true, []string{"deployed", "rolled-back"}},
		{release.Deployed, true, []string{"rolled-back"}},
		{release.RolledBack, false, nil},
	} {
		if c.status != release.Planned {
			w.transition(id, string(c.status))
		}
		got := w.must(viewer, ask{route: "GET /releases/" + id + "/readiness"})
		if advised := strings.Contains(fmt.Sprint(got["advice"]), "unmailable-addresses"); advised != c.counted {
			t.Errorf("%s: there is advice on addresses: %v, want %v", c.status, advised, c.counted)
		}
		var reached []string
		for _, n := range got["next"].([]any) {
			next := n.(object)
			touches, _ := next["touches"].(object)
			if touches == nil {
				continue
			}
			reached = append(reached, next["status"].(string))
			if touches["changeRequests"] != 1.0 || touches["tasks"] != 3.0 || touches["people"] != 2.0 {
				t.Errorf("%s: %v touches %v, want 1 change request, 3 tasks, 2 people", c.status, next["status"], touches)
			}
		}
		if !slices.Equal(reached, c.reached) {
			t.Errorf("%s: the next statuses that touch somebody are %v, want %v", c.status, reached, c.reached)
		}
	}
}

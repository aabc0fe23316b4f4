package rest_test

import (
	"strings"
	"testing"

	"example.com/releases/shared/release"
)

// Without a filter, a caller without a role gets their own tasks, and only by a verified address. A
// caller with a role has to name a filter.
func TestListTasks_WithoutFilter_AreTheCallersOwn(t *testing.T) {
	w := newFixture(t)
	own, other := w.task("Rita@Example.com", w.change(false)), w.task("somebody@example.com", "")
	unverified := *rita
	unverified.EmailVerified = false
	anonymous := *rita
	anonymous.Email = ""
	for name, c := range map[string]struct {
		who    *release.Caller
		route  string
		status int
	}{
		"own":               {rita, "GET /tasks", 200},
		"own, narrowed":     {rita, "GET /tasks?status=Open&limit=5", 200},
		"not verified":      {&unverified, "GET /tasks", 403},
		"without address":   {&anonymous, "GET /tasks", 403},
		"of a requester":    {rita, "GET /tasks?requesterEmail=somebody@example.com", 403},
		"of an item":        {rita, "GET /tasks?ciId=ci-1", 403},
		"with a role":       {viewer, "GET /tasks", 400},
		"not authenticated": {nobody, "GET /tasks", 401},
	} {
		got := w.send(c.who, ask{route: c.route})
		if got.Code != c.status || strings.Contains(got.text, other) || strings.Contains(got.text, own) != (c.status == 200) {
			t.Errorf("%s: %d, want %d; %s", name, got.Code, c.status, got.text)
		}
	}
}

// In every list, a task whose change request is in a release has that release's badge, and others have
// none.
func TestListTasks_EachTask_HasItsBadge(t *testing.T) {
	w := newFixture(t)
	const who = "paula@example.com"
	linked, free := w.change(true), w.change(true)
	id, _ := w.must(admin, ask{route: "POST /releases", body: object{"name": "Badges", "linkedChangeRequestIds": []string{linked}}})["id"].(string)
	waits, waitsForNothing, unlinked := w.task(who, linked), w.task(who, free), w.task(who, "")
	for _, route := range []string{"GET /tasks?requesterEmail=" + who, "GET /tasks?changeRequestId=" + linked, "GET /tasks?changeRequestId=" + free} {
		list, _ := w.must(viewer, ask{route: route})["tasks"].([]any)
		if len(list) == 0 {
			t.Fatalf("%s lists nothing", route)
		}
		for _, v := range list {
			task, _ := v.(object)
			r, _ := task["linkedRelease"].(object)
			switch task["id"] {
			case waits:
				if r["id"] != id || r["name"] != "Badges" || r["status"] != "planned" || r["badge"] != "Linked Release: "+id {
					t.Errorf("%s: the badge is %v, want that of %s", route, r, id)
				}
			case waitsForNothing, unlinked:
				if r != nil {
					t.Errorf("%s: %v has the badge %v, want none", route, task["id"], r)
				}
			default:
				t.Errorf("%s lists %v, which is none of the test's tasks", route, task["id"])
			}
		}
	}
}

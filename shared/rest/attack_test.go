package rest_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/releases/shared/release"
)

// Somebody without a role tries every way to learn about another person's task. Every answer is the
// same, to the byte, as for a task that does not exist.
func TestOthersTask_WithoutARole_LooksLikeNone(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	changeID := w.change(true)
	theirs := w.task("mallory-victim@example.com", changeID)
	releaseID := w.release(changeID)
	none := strings.Repeat("9", len(theirs))
	request := regexp.MustCompile(`"instance":"[^"]*",?`)
	sameAs := func(there, notThere string) {
		t.Helper()
		a, b := w.send(rita, ask{route: there}), w.send(rita, ask{route: notThere})
		text := func(a answer, id string) string {
			return strings.ReplaceAll(request.ReplaceAllString(a.text, ""), id, "ID")
		}
		if a.Code != 403 || b.Code != 403 || text(a, theirs) != text(b, none) || len(a.Header()) != len(b.Header()) {
			t.Errorf("%s: %d %s %v\n%s: %d %s %v", there, a.Code, a.text, a.Header(), notThere, b.Code, b.text, b.Header())
		}
		if strings.Contains(a.text, "mallory") || a.Header().Get("ETag") != "" {
			t.Errorf("%s gives something away: %s %v", there, a.text, a.Header())
		}
	}
	for _, method := range []string{"GET ", "HEAD ", "PATCH "} {
		sameAs(method+"/tasks/"+theirs, method+"/tasks/"+none)
	}
	sameAs("GET /tasks/"+strings.ToLower(theirs), "GET /tasks/"+none)
	for _, query := range []string{
		"requesterEmail=mallory-victim@example.com", "requesterEmail=rita@example.com&requesterEmail=mallory-victim@example.com",
		"requesterEmail=mallory-victim@example.com&requesterEmail=rita@example.com", "changeRequestId=" + changeID,
		"requesterEmail=rita@example.com&changeRequestId=" + changeID, "requesterEmail=rita@example.com,mallory-victim@example.com",
		"requesterEmail=r%C4%B1ta@example.com", "requesterEmail=rita@example.com%00", "requesterEmail=*", "requesterEmail=", "ciId=x", "limit=100&cursor=e30",
	} {
		got := w.send(rita, ask{route: "GET /tasks?" + query})
		if strings.Contains(got.text, theirs) || strings.Contains(got.text, "mallory") || got.Code == 200 && !strings.Contains(got.text, `"tasks":[]`) {
			t.Errorf("?%s: %d %s, want nothing about the other's task", query, got.Code, got.text)
		}
	}
	for _, route := range []string{
		"GET /releases/" + releaseID, "GET /releases", "GET /releases/" + releaseID + "/log", "GET /releases/" + releaseID + "/evidence", "GET /releases/" + releaseID + "/review",
		"GET /releases/" + releaseID + "/readiness", "GET /change-requests/" + changeID, "GET /change-requests/" + changeID + "/log", "GET /record/checkpoint",
	} {
		if got := w.send(rita, ask{route: route}); got.Code != 403 || got.Header().Get("ETag") != "" || strings.Contains(got.text, changeID) {
			t.Errorf("%s: %d %s, want 403, without an ETag and the change request", route, got.Code, got.text)
		}
	}
}

// A cursor that was given out for one list does not open another: here, for somebody who may read only
// their own tasks, neither another person's nor those of a change request.
func TestCursor_OfAnotherList_OpensNothing(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	changeID := w.change(true)
	for range 3 {
		w.task("victim@example.com", changeID)
		w.task(rita.Email, "")
	}
	next := func(who *release.Caller, route string) string {
		t.Helper()
		cursor, _ := w.must(who, ask{route: route})["nextCursor"].(string)
		if cursor == "" {
			t.Fatalf("%s has no next page", route)
		}
		return cursor
	}
	for from, cursor := range map[string]string{
		"the victim's tasks":            next(viewer, "GET /tasks?requesterEmail=victim@example.com&limit=1"),
		"the tasks of a change request": next(viewer, "GET /tasks?changeRequestId="+changeID+"&limit=1"),
	} {
		got := w.send(rita, ask{route: "GET /tasks?requesterEmail=" + rita.Email + "&cursor=" + cursor})
		if strings.Contains(got.text, "victim") || got.Code != 400 {
			t.Errorf("with the cursor of %s: %d %s, want 400", from, got.Code, got.text)
		}
	}
}

// editable are the fields that people may change by PATCH, typed by hand. Everything else that an
// answer shows is stamped by the system or changed by other requests.
var editable = map[string][]string{
	"release": {
		"name", "version", "description", "scheduledStart", "scheduledEnd", "releaseManager", "releaseManagerEmail",
		"rolloutSteps", "rollbackSteps", "successCriteria", "public", "publicSummary",
	},
	"change request": {
		"title", "description", "controlId", "controlTitle", "affectedCiIds", "scheduledStart", "scheduledEnd", "justification", "risk", "impact", "backoutPlan",
	},
	"task": {"title", "requesterName", "requesterEmail", "status", "ciIds", "changeRequestId"},
}

// Every field that an answer shows, and others that an attacker would try, are sent back one at a time
// (OWASP API3, mass assignment). A field that people may not edit is refused by its name, in PATCH and
// in POST, and nothing changes.
func TestStampedFields_SentBack_RefusedByName(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	changeID := w.change(false)
	w.must(admin, ask{route: "POST /change-requests/" + changeID + "/decision", body: object{"decision": "rejected"}})
	w.must(admin, ask{route: "PATCH /change-requests/" + changeID, body: object{"title": "A", "affectedCiIds": []string{"ci"}, "risk": "Low"}})
	resolved := w.resolved()
	standing := w.release(w.change(true))
	w.transition(standing, "approved", "scheduled", "in-progress", "deployed", "rolled-back")
	running := stepped("approved", "scheduled")(w)
	w.hold(auditor, running, "Stop.")
	more := []string{
		"revision", "createdBy", "createdAt", "updatedAt", "actualStart", "actualEnd", "rolledBackAt", "rolledBackReason", "rollback_reason", "history", "settlement",
		"holds", "held", "deploymentLog", "linkedChangeRequestIds", "author", "authorEmail", "by", "role", "sub", "pk", "sk", "op", "pending", "epoch", "__proto__", "constructor",
		"decisions", "approvalVoided", "digest", "comments", "reopenCount", "appliedEpoch", "linkedRelease", "public_", "Name", "TITLE",
	}
	for _, c := range []struct{ kind, path string }{
		{"release", "/releases/" + standing},
		{"release", "/releases/" + running},
		{"change request", "/change-requests/" + changeID},
		{"task", "/tasks/" + resolved},
	} {
		shown := w.must(viewer, ask{route: "GET " + c.path})
		fields := slices.Clone(more)
		for field := range shown {
			fields = append(fields, field)
		}
		refused := 0
		for _, field := range fields {
			if slices.Contains(editable[c.kind], field) {
				continue
			}
			value, there := shown[field]
			if !there {
				value = "forged"
			}
			before := w.look(c.path)
			got := w.send(admin, ask{route: "PATCH " + c.path, body: object{field: value}})
			var p struct{ Errors []release.FieldError }
			if err := json.Unmarshal([]byte(got.text), &p); err != nil || got.Code != http.StatusBadRequest || len(p.Errors) != 1 || p.Errors[0].Field != field {
				t.Errorf("PATCH %s with %s: %d %s, want 400 that names the field", c.path, field, got.Code, got.text)
			}
			if after := w.look(c.path); after != before {
				t.Errorf("PATCH %s with %s was refused, yet it became %s", c.path, field, after)
			}
			refused++
		}
		if refused < len(more) {
			t.Errorf("%s: only %d fields were tried, want %d or more", c.path, refused, len(more))
		}
	}

	// Fields that a creation must not set.
	for route, body := range map[string]object{
		"POST /releases":        {"name": "A"},
		"POST /change-requests": {"changeType": "Normal"},
		"POST /tasks":           {"title": "A", "requesterEmail": "a@example.com"},
	} {
		for _, field := range []string{"revision", "createdBy", "createdAt", "actualStart", "rolledBackReason", "history", "cabDecision", "approvalStatus", "comments", "reopenCount", "author"} {
			body[field] = "approved"
			if got := w.send(admin, ask{route: route, body: body}); got.Code != 400 || !strings.Contains(got.text, `"`+field+`"`) {
				t.Errorf("%s with %s: %d %s, want 400 that names the field", route, field, got.Code, got.text)
			}
			delete(body, field)
		}
	}
	if got := w.send(admin, ask{route: "POST /releases", body: object{"name": "A", "status": "deployed"}}); got.Code != 400 {
		t.Errorf("creating a deployed release: %d %s, want 400", got.Code, got.text)
	}
}

// Who somebody is comes from the token alone; headers that claim something else are ignored.
func TestIdentity_InHeadersAndQueries_IsNotHeard(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	id := w.release()
	forged := []string{
		"X-Role: Admin", "Role: Admin", "X-Forwarded-User: ada@example.com", "X-User-Email: ada@example.com", "X-Amzn-Oidc-Identity: sub-ada", "X-HTTP-Method-Override: DELETE",
		"X-Original-URL: /api/releases", "X-Rewrite-URL: /api/releases", "X-Forwarded-Host: evil.example", "Forwarded: for=1;host=evil.example", "Cookie: role=Admin",
	}
	before := w.look("/releases/" + id)
	for _, who := range []*release.Caller{nobody, rita, viewer} {
		for _, route := range []string{"PATCH /releases/" + id, "DELETE /releases/" + id, "POST /releases/" + id + "/log"} {
			got := w.send(who, ask{route: route, body: object{"text": "A"}, headers: forged})
			if got.Code != 401 && got.Code != 403 || strings.Contains(got.text+strings.Join(got.Header().Values("Location"), ""), "evil.example") {
				t.Errorf("%s: %d %s, want 401 or 403", route, got.Code, got.text)
			}
		}
	}
	// A read stays a read, and no address in the answer is the forged one.
	if got := w.send(admin, ask{route: "GET /releases/" + id, headers: forged}); got.Code != 200 || got.text != before || strings.Contains(got.text, "evil.example") {
		t.Errorf("the read: %d %s, want 200 as without the headers", got.Code, got.text)
	}
	got := w.send(auditor, ask{route: "POST /releases/" + id + "/log", body: object{"text": "A"}, headers: forged})
	var e release.LogEntry
	if err := json.Unmarshal([]byte(got.text), &e); err != nil || got.Code != 201 || e.Author != auditor.Name || e.AuthorEmail != auditor.Email {
		t.Errorf("the note: %d %s, want 201 with the Auditor as its author", got.Code, got.text)
	}
}

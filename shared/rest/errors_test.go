package rest_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/releases/shared/release"
	"example.com/releases/shared/rest"
	"example.com/releases/shared/rest/openapi"
)

// failing is a request that has to be refused, and a read that shows that it left
// nothing behind.
type failing struct {
	name   string
	setup  func(*fixture) ask
	status int
	code   string
	fields string // of errors[], in order
	shows  string // a GET; the route's own path where it is empty
}

func to(route string, body any, headers ...string) func(*fixture) ask {
	return func(*fixture) ask { return ask{route: route, body: body, headers: headers} }
}

// onRelease puts a release's path into a request: "POST %/status".
func onRelease(route string, release func(*fixture) string, body any, headers ...string) func(*fixture) ask {
	return func(w *fixture) ask {
		return ask{route: strings.Replace(route, "%", "/releases/"+release(w), 1), body: body, headers: headers}
	}
}

func planned(w *fixture) string { return w.release() }

func releaseIn(statuses ...string) func(*fixture) string {
	return func(w *fixture) string {
		id := w.release(w.change(true))
		w.transition(id, statuses...)
		return id
	}
}

func numbered(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = newKey("CHG")
	}
	return ids
}

var long = strings.Repeat("x", 2001)

var failures = slices.Concat(badInput, badState, unknown())

// unknown reads with each route what does not exist.
func unknown() []failing {
	var all []failing
	for _, r := range rest.Routes() {
		if path := strings.ReplaceAll(r.Path, "{id}", "REL-2026-Q2-999"); r.Method == "GET" && path != r.Path {
			all = append(all, failing{string(r.Operation), to("GET "+path, nil), 404, "not-found", "", ""})
		}
	}
	return all
}

// badInput is what can never succeed, or names nothing.
var badInput = []failing{
	{"list", to("GET /releases?limit=0&status=done&colour=red", nil), 400, "invalid-request", "colour limit status", ""},
	{"list", to("GET /releases?limit=ten&status=done", nil), 400, "invalid-request", "limit status", ""},
	{"list", to("GET /releases?limit=0&status=done", nil), 400, "invalid-request", "limit status", ""},
	{"list", to("GET /releases?limit=101", nil), 400, "invalid-request", "limit", ""},
	{"list", to("GET /releases?limit=ten", nil), 400, "invalid-request", "limit", ""},
	{"list", to("GET /releases?cursor=nonsense", nil), 400, "invalid-cursor", "cursor", ""},
	{"list", to("GET /releases", nil, "If-None-Match: nonsense"), 400, "invalid-header", "If-None-Match", ""},

	{"create", to("POST /releases", `{"name":`), 400, "invalid-json", "", ""},
	{"create", to("POST /releases", `{"name": "Mail" "version": "4.2"}`), 400, "invalid-json", "", ""},
	{"create", to("POST /releases", `{}`), 400, "invalid-request", "name", ""},
	{"create", to("POST /releases", `{"scheduledStart":"2026-05-02T00:00:00Z","scheduledEnd":"2026-05-02T02:00:00+02:00"}`), 400, "invalid-request", "name scheduledEnd", ""},
	{
		"create", to("POST /releases", object{"name": "A", "scheduledStart": "2026-05-02T00:00:00Z", "scheduledEnd": "2026-05-01T00:00:00Z", "releaseManagerEmail": "ada"}),
		400, "invalid-request", "releaseManagerEmail scheduledEnd", "",
	},
	{
		"create", to("POST /releases", object{"name": 7, "scheduledStart": "tomorrow", "public": "yes", "rolloutSteps": []any{object{"order": "first", "who": "me"}}}),
		400, "invalid-request", "name public rolloutSteps[0].order rolloutSteps[0].who scheduledStart rolloutSteps[0].description", "",
	},
	{
		"create", to("POST /releases", object{"name": "A", "status": "approved", "rolloutSteps": []any{object{"order": 1, "description": "B", "completed": true}}}),
		400, "invalid-request", "rolloutSteps[0].completed status", "",
	},
	{"create", to("POST /releases", object{"name": strings.Repeat("x", 201)}), 400, "invalid-request", "name", ""},
	{"create", to("POST /releases", object{"name": "A", "linkedChangeRequestIds": numbered(101)}), 400, "invalid-request", "linkedChangeRequestIds", ""},
	{"create", to("POST /releases", object{"name": "A", "linkedChangeRequestIds": []string{"CHG-unknown"}}), 400, "unknown-change-requests", "linkedChangeRequestIds[0]", ""},
	{"create", to("POST /releases", object{"colour": 1, "name": ""}), 400, "invalid-request", "colour name", ""},
	{"create", to("POST /releases?dry=1", object{"name": "A"}), 400, "invalid-request", "dry", "/releases"},
	{"create", to("POST /releases", `name=A`, "Content-Type: text/plain"), 415, "unsupported-media-type", "", ""},
	{"create", to("POST /releases", `{"name":"`+strings.Repeat("x", rest.MaxBody)+`"}`), 413, "too-large", "", ""},
	{"create", to("POST /releases", object{"name": "A"}, "Idempotency-Key: a b"), 400, "invalid-header", "Idempotency-Key", ""},
	{"create", to("POST /releases", object{"name": "A"}, `If-Match: "1"`), 400, "invalid-header", "If-Match", ""},

	{"checkpoint", to("GET /record/checkpoint", nil), 404, "nothing-sealed", "", "/releases"},
	{"delete", to("DELETE /releases/REL-2026-Q2-999", nil), 404, "not-found", "", ""},
	{"add", to("POST /releases/REL-2026-Q2-999/add-changes", object{"add": []string{"A"}}), 404, "not-found", "", "/releases"},
	{"add", onRelease("POST %/add-changes", planned, object{}), 400, "invalid-request", "add", ""},
	{"add", onRelease("POST %/add-changes", planned, object{"add": numbered(60), "remove": numbered(41)}), 400, "invalid-request", "add", ""},
	{"add", onRelease("POST %/add-changes", planned, object{"add": []string{"A", "A", "-"}, "remove": []string{"A"}}), 400, "invalid-request", "add[1] add[2] remove[0]", ""},
	{"log", to("POST /releases/REL-2026-Q2-999/log", object{"text": "A"}), 404, "not-found", "", "/releases"},
	{"log", onRelease("POST %/log", planned, object{"text": long, "status": "done"}), 400, "invalid-request", "text status", ""},
	{"log", onRelease("POST %/log", planned, object{"text": " ", "author": "Somebody Else"}), 400, "invalid-request", "author text", ""},
	{"hold", to("POST /releases/REL-2026-Q2-999/log", object{"text": "A", "hold": true}), 404, "not-found", "", "/releases"},
	{"hold", onRelease("POST %/log", planned, object{"text": " ", "hold": "yes"}), 400, "invalid-request", "hold text", ""},
	{"lift", to("DELETE /releases/REL-2026-Q2-999/hold", nil), 404, "not-found", "", "/releases"},
	{"lift", onRelease("DELETE %/hold?by=me", planned, nil), 400, "invalid-request", "by", ""},
	{"lift", onRelease("DELETE %/hold?holder="+strings.Repeat("s", 256), planned, nil), 400, "invalid-request", "holder", ""},
	{"status", to("POST /releases/REL-2026-Q2-999/status", object{"status": "approved"}), 404, "not-found", "", "/releases"},
	{"status", onRelease("POST %/status", planned, object{"note": long}), 400, "invalid-request", "status note", ""},
	{"status", onRelease("POST %/status", planned, object{"status": "approved", "rollback_reason": "A"}), 400, "invalid-request", "rollback_reason", ""},
	{"status", onRelease("POST %/status", releaseIn("approved", "scheduled", "in-progress"), object{"status": "rolled-back"}), 400, "invalid-request", "rollback_reason", ""},

	{"add", func(w *fixture) ask {
		held := w.change(true)
		w.release(held)
		return ask{route: "POST /releases/" + w.release() + "/add-changes", body: object{"add": []string{w.change(true), "CHG-unknown", held}}}
	}, 400, "unknown-change-requests", "add[1] add[2]", ""},
	{"patch", to("PATCH /releases/REL-2026-Q2-999", object{"name": "A"}), 404, "not-found", "", "/releases"},
	{"patch", onRelease("PATCH %", planned, `[{"op":"remove","path":"/name"}]`), 400, "invalid-json", "", ""},
	{"patch", onRelease("PATCH %", planned, `{"name":`, `If-Match: "9"`), 400, "invalid-json", "", ""}, // not 412: what is wrong in itself comes first
	{"patch", onRelease("PATCH %", planned, object{"name": "A"}, "Content-Type: application/json-patch+json"), 415, "unsupported-media-type", "", ""},
	{
		"patch", onRelease("PATCH %", planned, object{"colour": nil, "status": nil, "name": nil, "scheduledEnd": "2026-04-01T00:00:00Z", "deploymentLog": []any{}}),
		400, "invalid-request", "colour deploymentLog status name scheduledEnd", "",
	},
	{
		"patch", onRelease("PATCH %", planned, object{"rolloutSteps": []any{object{"order": 1, "description": "B", "completed": true}}}),
		400, "invalid-request", "rolloutSteps[0].completed", "",
	},
	{"patch", onRelease("PATCH %", releaseIn("approved", "scheduled"), object{"scheduledEnd": nil}), 400, "invalid-request", "scheduledStart", ""},
	{"readiness", onRelease("GET %/readiness?verbose=1", planned, nil), 400, "invalid-request", "verbose", ""},
	{"list log", onRelease("GET %/log?limit=0&status=planned", planned, nil), 400, "invalid-request", "status limit", ""},
	{"list log", onRelease("GET %/log?cursor=e30", planned, nil), 400, "invalid-cursor", "cursor", ""},
	{"evidence", onRelease("GET %/evidence?cursor=e30", planned, nil), 400, "invalid-cursor", "cursor", ""},
	{"evidence", onRelease("GET %/evidence?since=-1", planned, nil), 400, "invalid-request", "since", ""},
	{"evidence", to("GET /releases/REL-1999-Q1-001/evidence", nil), 404, "not-found", "", ""},
	{"erase", to("POST /record/erasures", object{"entry": "e0", "values": []string{"leaf"}}), 400, "invalid-request", "releaseId values[0]", ""},
	{"list change log", func(w *fixture) ask {
		return ask{route: "GET /change-requests/" + w.change(false) + "/log?limit=0&kind=note&status=planned"}
	}, 400, "invalid-request", "status limit kind", ""},
	{"list change log", func(w *fixture) ask {
		return ask{route: "GET /change-requests/" + w.change(false) + "/log?cursor=e30"}
	}, 400, "invalid-cursor", "cursor", ""},
	{"list change log", to("GET /change-requests/CHG-999999/log", nil), 404, "not-found", "", ""},
	{"review", to("GET /releases/REL-1999-Q1-001/review", nil), 404, "not-found", "", ""},
	{"step", to("POST /releases/REL-2026-Q2-999/steps/rollout/1", object{"completed": true}), 404, "not-found", "", "/releases"},
	{"step", onRelease("POST %/steps/rollout/9", releaseIn("approved", "scheduled"), object{"completed": true}), 404, "not-found", "", ""},
	{"step", onRelease("POST %/steps/rollout/first", planned, object{"completed": true}), 404, "not-found", "", ""},
	{"step", onRelease("POST %/steps/rollin/1", planned, object{"completed": true}), 404, "not-found", "", ""},
	{"step", onRelease("POST %/steps/rollout/1", planned, object{"completed": "yes", "by": "me"}), 400, "invalid-request", "by completed", ""},
	{"step", onRelease("POST %/steps/rollout/1", planned, object{}), 400, "invalid-request", "completed", ""},

	{"list changes", to("GET /change-requests?approvalStatus=maybe&limit=-1", nil), 400, "invalid-request", "limit approvalStatus", ""},
	{"list changes", to("GET /change-requests?cursor=e30", nil), 400, "invalid-cursor", "cursor", ""},
	{"create change", to("POST /change-requests", object{"id": "-", "changeType": "Big", "affectedCiIds": []string{strings.Repeat("a", 257)}}), 400, "invalid-request", "id changeType affectedCiIds[0]", ""},
	{"create change", to("POST /change-requests", object{"changeType": "Normal", "cabDecision": "approved"}), 400, "invalid-request", "cabDecision", ""},
	{"decide", to("POST /change-requests/CHG-unknown/decision", object{"decision": "approved"}), 404, "not-found", "", "/change-requests"},
	{"decide", to("POST /change-requests/CHG-unknown/decision", object{"decision": "pending", "note": long}), 400, "invalid-request", "decision note", "/change-requests"},

	{"patch change", to("PATCH /change-requests/CHG-unknown", object{"title": "A"}), 404, "not-found", "", ""},
	{"patch change", func(w *fixture) ask {
		id := w.change(true)
		w.transition(w.release(id), "approved", "scheduled", "in-progress")
		return ask{route: "PATCH /change-requests/" + id, body: object{"title": "B"}}
	}, 409, "change-frozen", "", ""},
	{"patch change", func(w *fixture) ask {
		return ask{route: "PATCH /change-requests/" + w.change(false), body: object{
			"changeType": "Standard", "cabDecision": "approved", "approvalStatus": "Approved", "status": nil, "title": 7, "affectedCiIds": []string{strings.Repeat("a", 257)},
		}}
	}, 400, "invalid-request", "approvalStatus cabDecision changeType status title affectedCiIds[0]", ""},

	{"list tasks", to("GET /tasks", nil), 400, "invalid-request", "requesterEmail", ""},
	{"list tasks", to("GET /tasks?ciId=a&changeRequestId=b&status=Done", nil), 400, "invalid-request", "requesterEmail status", ""},
	{"list tasks", to("GET /tasks?ciId="+long, nil), 400, "invalid-request", "ciId", ""},
	{"list tasks", to("GET /tasks?ciId=a&cursor=x", nil), 400, "invalid-cursor", "cursor", ""},
	{"create task", to("POST /tasks", object{"status": "Done"}), 400, "invalid-request", "title requesterEmail status", "/tasks?ciId=a"},
	{"create task", to("POST /tasks", object{"title": "A", "requesterEmail": "a@example.com", "changeRequestId": "CHG-unknown"}), 400, "invalid-request", "changeRequestId", "/tasks?requesterEmail=a@example.com"},
	{"patch task", to("PATCH /tasks/TASK-unknown", object{"title": "A"}), 404, "not-found", "", ""},
	{"patch task", func(w *fixture) ask {
		return ask{route: "PATCH /tasks/" + w.task("a@example.com", ""), body: object{"title": nil, "status": "Done", "comments": nil, "requesterEmail": 1}}
	}, 400, "invalid-request", "comments requesterEmail title status", ""},
	{"patch task", func(w *fixture) ask {
		return ask{route: "PATCH /tasks/" + w.task("a@example.com", ""), body: object{"changeRequestId": "CHG-unknown"}}
	}, 400, "invalid-request", "changeRequestId", ""},
}

// badState is what another state would allow.
var badState = []failing{
	{"get", onRelease("GET %", planned, nil, `If-Match: "9"`), 412, "revision-stale", "", ""},
	{"get", onRelease("GET %", planned, nil, `If-Match: W/"1-0123456789abcdef"`), 412, "revision-stale", "", ""},
	{"erase", func(w *fixture) ask {
		return ask{route: "POST /record/erasures", body: object{"releaseId": w.release(), "entry": "e0", "values": []string{"text", "text"}}}
	}, 400, "invalid-request", "values[1]", ""},
	{"erase", func(w *fixture) ask {
		id := w.release()
		for range 2 {
			w.send(admin, ask{route: "POST /record/erasures", body: object{"releaseId": id, "entry": "e0", "values": []string{"text"}}})
		}
		return ask{route: "POST /record/erasures", body: object{"releaseId": id, "entry": "e0", "values": []string{"text"}}}
	}, 409, "nothing-to-erase", "", ""},
	{"erase", to("POST /record/erasures", object{"releaseId": "REL-2026-Q2-999", "entry": "e0", "values": []string{"text"}}), 404, "not-found", "", ""},
	{"erase", func(w *fixture) ask {
		id := w.release()
		w.put(w.Tables.Releases, attributes{"pk": str("LOG#" + id), "sk": str("000000000001"), "at": str("2026-01-01T00:00:00.000Z"), "author": str("Ada"), "text": str("From before.")})
		return ask{route: "POST /record/erasures", body: object{"releaseId": id, "entry": "1", "values": []string{"text"}}}
	}, 409, "not-sealed", "", ""},
	{"patch", onRelease("PATCH %", planned, object{"name": "A"}, `If-Match: W/"1-0123456789abcdef"`), 412, "revision-stale", "", ""},
	{"patch", onRelease("PATCH %", planned, object{"name": "A"}, "If-None-Match: *"), 412, "already-there", "", ""},
	{"patch", onRelease("PATCH %", planned, `{"name":`, "If-None-Match: *"), 400, "invalid-json", "", ""}, // what is wrong in itself comes first
	{"patch", onRelease("PATCH %", planned, object{"name": "A"}, `If-None-Match: "1-0123456789abcdef"`), 400, "invalid-header", "If-None-Match", ""},
	{"patch", to("PATCH /releases/REL-2026-Q2-999", object{"name": "A"}, "If-None-Match: *"), 404, "not-found", "", "/releases"},
	{"delete", onRelease("DELETE %", planned, nil, "If-None-Match: *"), 412, "already-there", "", ""},
	{"log", onRelease("POST %/log", planned, object{"text": "A"}, "If-None-Match: *"), 412, "already-there", "", ""},
	{"add", onRelease("POST %/add-changes", planned, object{"add": []string{"A"}}, "If-None-Match: *"), 412, "already-there", "", ""},
	{"status", onRelease("POST %/status", planned, object{"status": "approved"}, "If-None-Match: *"), 412, "already-there", "", ""},
	{"create", to("POST /releases", object{"name": "A"}, "If-None-Match: *"), 400, "invalid-header", "If-None-Match", ""},
	{"delete", onRelease("DELETE %", releaseIn("approved", "scheduled"), nil), 409, "not-deletable", "", ""},
	{"delete", onRelease("DELETE %", planned, nil, `If-Match: "9"`), 412, "revision-stale", "", ""},
	{"create", func(w *fixture) ask {
		held := w.change(true)
		w.release(held)
		return ask{route: "POST /releases", body: object{"name": "A", "linkedChangeRequestIds": []string{w.change(true), held}}}
	}, 409, "not-linkable", "linkedChangeRequestIds[1]", ""},
	{"add", func(w *fixture) ask {
		held := w.change(true)
		w.release(held)
		return ask{route: "POST /releases/" + w.release() + "/add-changes", body: object{"add": []string{w.change(true), held}}}
	}, 409, "not-linkable", "add[1]", ""},
	{"add what is not approved", func(w *fixture) ask {
		return ask{route: "POST /releases/" + releaseIn("approved")(w) + "/add-changes", body: object{"add": []string{w.change(false)}}}
	}, 409, "not-linkable", "add[0]", ""},
	{"add what is being given back", func(w *fixture) ask {
		held := w.change(true)
		w.transition(w.release(held), "cancelled") // and nobody settles here
		return ask{route: "POST /releases/" + w.release() + "/add-changes", body: object{"add": []string{held}}}
	}, 409, "not-linkable", "add[0]", ""},
	{"add too many", func(w *fixture) ask {
		return ask{route: "POST /releases/" + w.release(w.changes(100)...) + "/add-changes", body: object{"add": w.changes(1)}}
	}, 409, "too-many-changes", "", ""},
	{"add to a frozen scope", func(w *fixture) ask {
		return ask{route: "POST /releases/" + releaseIn("approved", "scheduled", "in-progress")(w) + "/add-changes", body: object{"add": w.changes(1)}}
	}, 409, "scope-frozen", "", ""},
	{"add", onRelease("POST %/add-changes", planned, object{"add": []string{"A"}}, `If-Match: "9"`), 412, "revision-stale", "", ""},
	{"log", onRelease("POST %/log", planned, object{"text": "A", "status": "deployed"}), 409, "status-not-current", "", ""},
	{"log", onRelease("POST %/log", planned, object{"text": "A"}, `If-Match: "9"`), 412, "revision-stale", "", ""},
	{"log", onRelease("POST %/log", planned, object{"text": "A", "status": "deployed"}, `If-Match: "9"`), 412, "revision-stale", "", ""},
	{"log", onRelease("POST %/log", planned, object{"text": "A", "status": "deployed"}, `If-Match: "1"`), 409, "status-not-current", "", ""},
	{"hold", onRelease("POST %/log", releaseIn("cancelled"), object{"text": "A", "hold": true}), 409, "release-ended", "", ""},
	{"hold", onRelease("POST %/log", planned, object{"text": "A", "hold": true, "status": "deployed"}), 409, "status-not-current", "", ""},
	{"hold", onRelease("POST %/log", planned, object{"text": "A", "hold": true}, `If-Match: "9"`), 412, "revision-stale", "", ""},
	{"hold", onRelease("POST %/log", func(w *fixture) string {
		id := w.release()
		for n := range release.MaxHolds {
			w.hold(&release.Caller{Person: release.Person{Subject: fmt.Sprint("sub-", n)}, Role: release.Auditor}, id, "Stop.")
		}
		return id
	}, object{"text": "A", "hold": true}), 409, "too-many-holds", "", ""},
	{"status", onRelease("POST %/status", func(w *fixture) string {
		id := releaseIn("approved", "scheduled", "in-progress")(w)
		otto := *auditor
		otto.Name = "Otto Auditor"
		w.hold(&otto, id, "The disk of the second node is full.")
		return id
	}, object{"status": "deployed"}), 409, "held", "", ""},
	{"lift", onRelease("DELETE %/hold", planned, nil, `If-Match: "9"`), 412, "revision-stale", "", ""},
	{"patch", onRelease("PATCH %", planned, object{"name": "A"}, `If-Match: "9"`), 412, "revision-stale", "", ""},
	{"patch", onRelease("PATCH %", releaseIn("approved", "scheduled", "in-progress"), object{"name": "A", "description": "B"}), 409, "field-frozen", "name", ""},
	{"patch", onRelease("PATCH %", releaseIn("cancelled"), object{"description": "B"}), 409, "field-frozen", "description", ""},
	{"step", onRelease("POST %/steps/rollout/1", stepped(), object{"completed": true}), 409, "steps-closed", "", ""},
	{"step", onRelease("POST %/steps/rollout/1", stepped("approved", "scheduled", "in-progress", "deployed"), object{"completed": true}), 409, "steps-closed", "", ""},
	{"step", onRelease("POST %/steps/rollback/1", stepped("approved", "scheduled"), object{"completed": true}, `If-Match: "99"`), 412, "revision-stale", "", ""},
	{"status", onRelease("POST %/status", planned, object{"status": "Deployed"}), 409, "invalid-transition", "", ""},
	{"status", onRelease("POST %/status", func(w *fixture) string { return w.release(w.change(false)) }, object{"status": "approved"}), 409, "cab-approval-missing", "", ""},
	{"status", onRelease("POST %/status", func(w *fixture) string {
		id := w.must(admin, ask{route: "POST /releases", body: object{"name": "A"}})["id"].(string)
		w.transition(id, "approved")
		return id
	}, object{"status": "scheduled"}), 409, "window-missing", "", ""},
	{"status", onRelease("POST %/status", planned, object{"status": "approved"}, `If-Match: "9"`), 412, "revision-stale", "", ""},
	{"create change", func(w *fixture) ask {
		return ask{route: "POST /change-requests", body: object{"id": w.change(false), "changeType": "Standard"}}
	}, 409, "already-exists", "", ""},
	{"decide", func(w *fixture) ask {
		id := w.change(true)
		w.transition(w.release(id), "approved", "scheduled", "in-progress")
		return ask{route: "POST /change-requests/" + id + "/decision", body: object{"decision": "rejected"}}
	}, 409, "decision-frozen", "", ""},
	{"decide", func(w *fixture) ask {
		id := w.change(true)
		w.transition(w.release(id), "approved", "scheduled", "in-progress", "rolled-back") // and nobody settles here
		return ask{route: "POST /change-requests/" + id + "/decision", body: object{"decision": "rejected"}}
	}, 409, "settling", "", ""},
	{"decide", func(w *fixture) ask {
		return ask{route: "POST /change-requests/" + w.change(false) + "/decision", body: object{"decision": "rejected"}, headers: []string{`If-Match: "9"`}}
	}, 412, "revision-stale", "", ""},
	{"patch change", func(w *fixture) ask {
		return ask{route: "PATCH /change-requests/" + w.change(false), body: object{"title": "B"}, headers: []string{`If-Match: "9"`}}
	}, 412, "revision-stale", "", ""},
	{"patch task", func(w *fixture) ask {
		return ask{route: "PATCH /tasks/" + w.task("a@example.com", ""), body: object{"title": "B"}, headers: []string{`If-Match: "9"`}}
	}, 412, "revision-stale", "", ""},
	{"patch task", func(w *fixture) ask {
		return ask{route: "PATCH /tasks/" + w.resolved(), body: object{"changeRequestId": nil}}
	}, 409, "task-resolved-by-release", "", ""},
	{"create task", func(w *fixture) ask {
		return ask{route: "POST /tasks", body: object{"id": w.task("a@example.com", ""), "title": "A", "requesterEmail": "b@example.com"}}
	}, 409, "already-exists", "", "/tasks?requesterEmail=b@example.com"},
}

func TestErrors_EveryRoute_EveryCode(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	seen, given := map[string]map[string]bool{}, map[string]bool{}
	for _, f := range failures {
		a := f.setup(w)
		shows := f.shows
		if shows == "" {
			_, path, _ := strings.Cut(a.route, " ")
			shows, _, _ = strings.Cut(path, "?")
			shows = action.ReplaceAllString(shows, "")
		}
		before := w.look(shows)
		got := w.send(admin, a)
		if got.Code != f.status {
			t.Errorf("%s, %s: %d, want %d; %s", f.name, a.route, got.Code, f.status, got.text)
			continue
		}
		p := w.problem(got)
		var fields []string
		for _, e := range p.Errors {
			fields = append(fields, e.Field)
			if e.Message == "" {
				t.Errorf("%s, %s: no message for %s", f.name, a.route, e.Field)
			}
		}
		if p.Code != f.code || strings.Join(fields, " ") != f.fields {
			t.Errorf("%s, %s: %s about %q, want %s about %q; %s", f.name, a.route, p.Code, strings.Join(fields, " "), f.code, f.fields, got.text)
		}
		if seen[p.Code] == nil {
			seen[p.Code] = map[string]bool{}
		}
		seen[p.Code][unnamed(p.Detail)] = true
		op := w.operation(a.route)
		if !slices.Contains(openapi.Codes(op), p.Code) {
			t.Errorf("%s answers %s, which the document does not say", op.Operation, p.Code)
		}
		given[string(op.Operation)+" "+p.Code] = true
		if after := w.look(shows); after != before {
			t.Errorf("%s, %s was refused, yet %s became %s", f.name, a.route, before, after)
		}
	}
	checkExamples(t, seen)
	for _, route := range rest.Routes() {
		for _, code := range openapi.Codes(route) {
			if !given[string(route.Operation)+" "+code] && !slices.Contains(elsewhere, code) && !slices.Contains(everywhere, code) {
				t.Errorf("the document says that %s answers %s, and nothing here makes it", route.Operation, code)
			}
		}
	}
}

// everywhere are the codes that come from the edge alone, the same for every route of a
// shape; they are tried there and on one route of each.
var everywhere = []string{"invalid-json", "invalid-header", "too-large", "unsupported-media-type", "revision-stale", "already-there", "invalid-request"}

// operation is the route that a request is for.
func (w *fixture) operation(route string) rest.Route {
	w.Helper()
	method, path, _ := strings.Cut(route, " ")
	path, _, _ = strings.Cut(path, "?")
	for _, r := range rest.Routes() {
		pattern := regexp.MustCompile("^" + regexp.MustCompile(`\\\{[a-z]+\\\}`).ReplaceAllString(regexp.QuoteMeta(r.Path), "[^/]+") + "$")
		if r.Method == method && pattern.MatchString(path) {
			return r
		}
	}
	w.Fatalf("%s is no route", route)
	return rest.Route{}
}

// action is the part of a path that names what is done, not what it is done to.
var action = regexp.MustCompile(`/(add-changes|log|hold|status|decision|readiness|steps/.*)$`)

// elsewhere are the codes that no request alone brings about: other tests do.
var elsewhere = []string{
	"unauthenticated", "forbidden", "idempotency-key-reused", "status-changed", "linking", "request-in-progress",
	"not-step-owner", "not-hold-owner", "own-change", "throttled", "unavailable", "internal", "token-missing", "token-invalid",
	// API Gateway alone gives these.
	"request-blocked", "quota-exceeded",
}

// The examples of the registry are true: some request was answered in just these words.
func checkExamples(t *testing.T, seen map[string]map[string]bool) {
	for _, c := range rest.Codes {
		code, example := c.Example.Code, unnamed(rest.ProblemOf(&c.Example, true).Detail)
		if slices.Contains(elsewhere, code) {
			continue
		}
		if !seen[code][example] && !seen[code][unnamed(rest.ProblemOf(&c.Example, false).Detail)] {
			t.Errorf("the example of %s is\n%s\nwhich is none of\n%s", code, example, strings.Join(slices.Sorted(maps.Keys(seen[code])), "\n"))
		}
	}
}

// unnamed takes the names and numbers out of a text.
func unnamed(s string) string { return names.ReplaceAllString(s, "*") }

var names = regexp.MustCompile(`(REL|CHG|TASK)-[-A-Za-z0-9]*[A-Za-z0-9]|[0-9]+`)

// Conflicts about a release tell where it stands and what holds it up.
func TestConflict_Detail_SaysWhatToDoNext(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	pending := w.change(false)
	id := w.release(w.change(true), pending)
	p := w.problem(w.send(admin, ask{route: "POST /releases/" + id + "/status", body: object{"status": "approved"}}))
	if p.CurrentStatus != "planned" || len(p.AllowedNextStatuses) != 2 || !slices.Equal(p.ChangeRequests, []string{pending}) || !strings.Contains(p.Detail, pending) {
		t.Errorf("%+v", p)
	}
	w.transition(id, "cancelled")
	p = w.problem(w.send(admin, ask{route: "POST /releases/" + id + "/status", body: object{"status": "approved"}}))
	if p.CurrentStatus != "cancelled" || p.AllowedNextStatuses == nil || len(p.AllowedNextStatuses) != 0 {
		t.Errorf("%+v", p)
	}
}

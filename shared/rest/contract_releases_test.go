package rest_test

import (
	"strings"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/rest"
)

// releasesContract has the operations on a release and its lifecycle.
var releasesContract = []contract{
	{
		operation: operations.ListReleases,
		roles: []roleCase{
			{401, 403, 200, 200, 200, func(*fixture) cell { return cell{ask{route: "GET /releases"}, ""} }},
		},
		event: eventCase{after: releasePlanned, status: 200, holds: `"id":"REL-2026-Q2-001"`},
		failures: []failure{
			{to("GET /releases?limit=0&status=done&colour=red", nil), 400, "invalid-request", "colour limit status", ""},
			{to("GET /releases?limit=ten&status=done", nil), 400, "invalid-request", "limit status", ""},
			{to("GET /releases?limit=0&status=done", nil), 400, "invalid-request", "limit status", ""},
			{to("GET /releases?limit=101", nil), 400, "invalid-request", "limit", ""},
			{to("GET /releases?limit=ten", nil), 400, "invalid-request", "limit", ""},
			{to("GET /releases?cursor=nonsense", nil), 400, "invalid-cursor", "cursor", ""},
			{to("GET /releases", nil, "If-None-Match: nonsense"), 400, "invalid-header", "If-None-Match", ""},
		},
	},
	{
		operation: operations.CreateRelease,
		roles: []roleCase{
			{401, 403, 403, 403, 201, func(*fixture) cell {
				return cell{ask{route: "POST /releases", body: object{"name": "A release"}}, "/releases"}
			}},
		},
		event: eventCase{after: []operations.Name{operations.CreateChange}, status: 201, holds: `"id":"REL-2026-Q2-001","status":"planned"`},
		failures: []failure{
			{to("POST /releases", `{"name":`), 400, "invalid-json", "", ""},
			{to("POST /releases", `{"name": "Mail" "version": "4.2"}`), 400, "invalid-json", "", ""},
			{to("POST /releases", `{}`), 400, "invalid-request", "name", ""},
			{to("POST /releases", `{"scheduledStart":"2026-05-02T00:00:00Z","scheduledEnd":"2026-05-02T02:00:00+02:00"}`), 400, "invalid-request", "name scheduledEnd", ""},
			{
				to("POST /releases", object{"name": "A", "scheduledStart": "2026-05-02T00:00:00Z", "scheduledEnd": "2026-05-01T00:00:00Z", "releaseManagerEmail": "ada"}),
				400, "invalid-request", "releaseManagerEmail scheduledEnd", "",
			},
			{
				to("POST /releases", object{"name": 7, "scheduledStart": "tomorrow", "public": "yes", "rolloutSteps": []any{object{"order": "first", "who": "me"}}}),
				400, "invalid-request", "name public rolloutSteps[0].order rolloutSteps[0].who scheduledStart rolloutSteps[0].description", "",
			},
			{
				to("POST /releases", object{"name": "A", "status": "approved", "rolloutSteps": []any{object{"order": 1, "description": "B", "completed": true}}}),
				400, "invalid-request", "rolloutSteps[0].completed status", "",
			},
			{to("POST /releases", object{"name": strings.Repeat("x", 201)}), 400, "invalid-request", "name", ""},
			{to("POST /releases", object{"name": "A", "linkedChangeRequestIds": numbered(101)}), 400, "invalid-request", "linkedChangeRequestIds", ""},
			{to("POST /releases", object{"name": "A", "linkedChangeRequestIds": []string{"CHG-unknown"}}), 400, "unknown-change-requests", "linkedChangeRequestIds[0]", ""},
			{to("POST /releases", object{"colour": 1, "name": ""}), 400, "invalid-request", "colour name", ""},
			{to("POST /releases?dry=1", object{"name": "A"}), 400, "invalid-request", "dry", "/releases"},
			{to("POST /releases", `name=A`, "Content-Type: text/plain"), 415, "unsupported-media-type", "", ""},
			{to("POST /releases", `{"name":"`+strings.Repeat("x", rest.MaxBody)+`"}`), 413, "too-large", "", ""},
			{to("POST /releases", object{"name": "A"}, "Idempotency-Key: a b"), 400, "invalid-header", "Idempotency-Key", ""},
			{to("POST /releases", object{"name": "A"}, `If-Match: "1"`), 400, "invalid-header", "If-Match", ""},
			{to("POST /releases", object{"name": "A"}, "If-None-Match: *"), 400, "invalid-header", "If-None-Match", ""},
			{func(w *fixture) ask {
				held := w.change(true)
				w.release(held)
				return ask{route: "POST /releases", body: object{"name": "A", "linkedChangeRequestIds": []string{w.change(true), held}}}
			}, 409, "not-linkable", "linkedChangeRequestIds[1]", ""},
		},
		repeats: []func(*fixture) repeated{
			func(w *fixture) repeated {
				return repeated{"/releases", object{"name": "A", "linkedChangeRequestIds": w.changes(2)}, object{"name": "B"}}
			},
		},
		entries: &entries{begins: true, request: ask{route: "POST /releases", body: object{"name": "Another"}}, has: []string{"changes"}},
	},
	{
		operation: operations.GetRelease,
		roles: []roleCase{
			{401, 403, 200, 200, 200, func(w *fixture) cell {
				return cell{ask{route: "GET /releases/" + w.release()}, ""}
			}},
		},
		event: eventCase{after: releaseApproved, status: 200, holds: `"text":"planned → approved\nNote: CAB of 1 April."`},
		failures: []failure{
			{onRelease("GET %", planned, nil, `If-Match: "9"`), 412, "revision-stale", "", ""},
			{onRelease("GET %", planned, nil, `If-Match: W/"1-0123456789abcdef"`), 412, "revision-stale", "", ""},
		},
	},
	{
		operation: operations.UpdateRelease,
		roles: []roleCase{
			{401, 403, 403, 403, 200, func(w *fixture) cell {
				id := w.release()
				return cell{ask{route: "PATCH /releases/" + id, body: object{"name": "Another"}}, "/releases/" + id}
			}},
		},
		event: eventCase{after: releasePlanned, status: 200, holds: `"scheduledEnd":"2026-06-27T23:30:00Z"`},
		failures: []failure{
			{to("PATCH /releases/REL-2026-Q2-999", object{"name": "A"}), 404, "not-found", "", "/releases"},
			{onRelease("PATCH %", planned, `[{"op":"remove","path":"/name"}]`), 400, "invalid-json", "", ""},
			{onRelease("PATCH %", planned, `{"name":`, `If-Match: "9"`), 400, "invalid-json", "", ""}, // not 412: what is wrong in itself comes first
			{onRelease("PATCH %", planned, object{"name": "A"}, "Content-Type: application/json-patch+json"), 415, "unsupported-media-type", "", ""},
			{
				onRelease("PATCH %", planned, object{"colour": nil, "status": nil, "name": nil, "scheduledEnd": "2026-04-01T00:00:00Z", "deploymentLog": []any{}}),
				400, "invalid-request", "colour deploymentLog status name scheduledEnd", "",
			},
			{
				onRelease("PATCH %", planned, object{"rolloutSteps": []any{object{"order": 1, "description": "B", "completed": true}}}),
				400, "invalid-request", "rolloutSteps[0].completed", "",
			},
			{onRelease("PATCH %", releaseIn("approved", "scheduled"), object{"scheduledEnd": nil}), 400, "invalid-request", "scheduledStart", ""},
			{onRelease("PATCH %", planned, object{"name": "A"}, `If-Match: W/"1-0123456789abcdef"`), 412, "revision-stale", "", ""},
			{onRelease("PATCH %", planned, object{"name": "A"}, "If-None-Match: *"), 412, "already-there", "", ""},
			{onRelease("PATCH %", planned, `{"name":`, "If-None-Match: *"), 400, "invalid-json", "", ""}, // what is wrong in itself comes first
			{onRelease("PATCH %", planned, object{"name": "A"}, `If-None-Match: "1-0123456789abcdef"`), 400, "invalid-header", "If-None-Match", ""},
			{to("PATCH /releases/REL-2026-Q2-999", object{"name": "A"}, "If-None-Match: *"), 404, "not-found", "", "/releases"},
			{onRelease("PATCH %", planned, object{"name": "A"}, `If-Match: "9"`), 412, "revision-stale", "", ""},
			{onRelease("PATCH %", releaseIn("approved", "scheduled", "in-progress"), object{"name": "A", "description": "B"}), 409, "field-frozen", "name", ""},
			{onRelease("PATCH %", releaseIn("cancelled"), object{"description": "B"}), 409, "field-frozen", "description", ""},
		},
		entries: &entries{request: ask{route: "PATCH /releases/{R}", body: object{"name": "Renamed"}}, inRelease: "edit", has: []string{"changes"}},
	},
	{
		operation: operations.DeleteRelease,
		roles: []roleCase{
			{401, 403, 403, 403, 204, func(w *fixture) cell {
				id := w.release(w.change(false))
				return cell{ask{route: "DELETE /releases/" + id}, "/releases/" + id}
			}},
		},
		event: eventCase{after: releasePlanned, status: 204},
		failures: []failure{
			{to("DELETE /releases/REL-2026-Q2-999", nil), 404, "not-found", "", ""},
			{onRelease("DELETE %", planned, nil, "If-None-Match: *"), 412, "already-there", "", ""},
			{onRelease("DELETE %", releaseIn("approved", "scheduled"), nil), 409, "not-deletable", "", ""},
			{onRelease("DELETE %", planned, nil, `If-Match: "9"`), 412, "revision-stale", "", ""},
		},
		entries: &entries{request: ask{route: "DELETE /releases/{R}"}, inRelease: "deleted", has: []string{"status"}},
	},
	{
		operation: operations.AddChanges,
		roles: []roleCase{
			{401, 403, 403, 403, 200, func(w *fixture) cell {
				id := w.release()
				return cell{ask{route: "POST /releases/" + id + "/add-changes", body: object{"add": []string{w.change(false)}}}, "/releases/" + id}
			}},
		},
		event: eventCase{after: releasePlanned, status: 200, holds: `"added":["CHG-1002"]`},
		failures: []failure{
			{to("POST /releases/REL-2026-Q2-999/add-changes", object{"add": []string{"A"}}), 404, "not-found", "", "/releases"},
			{onRelease("POST %/add-changes", planned, object{}), 400, "invalid-request", "add", ""},
			{onRelease("POST %/add-changes", planned, object{"add": numbered(60), "remove": numbered(41)}), 400, "invalid-request", "add", ""},
			{onRelease("POST %/add-changes", planned, object{"add": []string{"A", "A", "-"}, "remove": []string{"A"}}), 400, "invalid-request", "add[1] add[2] remove[0]", ""},
			{func(w *fixture) ask {
				held := w.change(true)
				w.release(held)
				return ask{route: "POST /releases/" + w.release() + "/add-changes", body: object{"add": []string{w.change(true), "CHG-unknown", held}}}
			}, 400, "unknown-change-requests", "add[1] add[2]", ""},
			{onRelease("POST %/add-changes", planned, object{"add": []string{"A"}}, "If-None-Match: *"), 412, "already-there", "", ""},
			{func(w *fixture) ask {
				held := w.change(true)
				w.release(held)
				return ask{route: "POST /releases/" + w.release() + "/add-changes", body: object{"add": []string{w.change(true), held}}}
			}, 409, "not-linkable", "add[1]", ""},
			// To add what is not approved.
			{func(w *fixture) ask {
				return ask{route: "POST /releases/" + releaseIn("approved")(w) + "/add-changes", body: object{"add": []string{w.change(false)}}}
			}, 409, "not-linkable", "add[0]", ""},
			// To add what is being given back.
			{func(w *fixture) ask {
				held := w.change(true)
				w.transition(w.release(held), "cancelled") // and nobody settles here
				return ask{route: "POST /releases/" + w.release() + "/add-changes", body: object{"add": []string{held}}}
			}, 409, "not-linkable", "add[0]", ""},
			// To add too many.
			{func(w *fixture) ask {
				return ask{route: "POST /releases/" + w.release(w.changes(100)...) + "/add-changes", body: object{"add": w.changes(1)}}
			}, 409, "too-many-changes", "", ""},
			// To add to a frozen scope.
			{func(w *fixture) ask {
				return ask{route: "POST /releases/" + releaseIn("approved", "scheduled", "in-progress")(w) + "/add-changes", body: object{"add": w.changes(1)}}
			}, 409, "scope-frozen", "", ""},
			{onRelease("POST %/add-changes", planned, object{"add": []string{"A"}}, `If-Match: "9"`), 412, "revision-stale", "", ""},
		},
		repeats: []func(*fixture) repeated{
			func(w *fixture) repeated {
				return repeated{"/releases/" + w.release() + "/add-changes", object{"add": w.changes(1)}, object{"add": w.changes(1)}}
			},
		},
		entries: &entries{
			request: ask{route: "POST /releases/{R}/add-changes", body: object{"add": []string{}, "remove": []string{"{C}"}}}, inRelease: "scope", has: []string{"removed"},
		},
	},
	{
		operation: operations.TransitionRelease,
		roles: []roleCase{
			{401, 403, 403, 403, 200, func(w *fixture) cell {
				id := w.release()
				return cell{ask{route: "POST /releases/" + id + "/status", body: object{"status": "approved"}}, "/releases/" + id}
			}},
		},
		event: eventCase{after: changeDecided, status: 200, holds: `"status":"approved"`},
		failures: []failure{
			{to("POST /releases/REL-2026-Q2-999/status", object{"status": "approved"}), 404, "not-found", "", "/releases"},
			{onRelease("POST %/status", planned, object{"note": long}), 400, "invalid-request", "status note", ""},
			{onRelease("POST %/status", planned, object{"status": "approved", "rollback_reason": "A"}), 400, "invalid-request", "rollback_reason", ""},
			{onRelease("POST %/status", releaseIn("approved", "scheduled", "in-progress"), object{"status": "rolled-back"}), 400, "invalid-request", "rollback_reason", ""},
			{onRelease("POST %/status", planned, object{"status": "approved"}, "If-None-Match: *"), 412, "already-there", "", ""},
			{onRelease("POST %/status", func(w *fixture) string {
				id := releaseIn("approved", "scheduled", "in-progress")(w)
				otto := *auditor
				otto.Name = "Otto Auditor"
				w.hold(&otto, id, "The disk of the second node is full.")
				return id
			}, object{"status": "deployed"}), 409, "held", "", ""},
			{onRelease("POST %/status", planned, object{"status": "Deployed"}), 409, "invalid-transition", "", ""},
			{onRelease("POST %/status", func(w *fixture) string { return w.release(w.change(false)) }, object{"status": "approved"}), 409, "cab-approval-missing", "", ""},
			{onRelease("POST %/status", func(w *fixture) string {
				id := w.must(admin, ask{route: "POST /releases", body: object{"name": "A"}})["id"].(string)
				w.transition(id, "approved")
				return id
			}, object{"status": "scheduled"}), 409, "window-missing", "", ""},
			{onRelease("POST %/status", planned, object{"status": "approved"}, `If-Match: "9"`), 412, "revision-stale", "", ""},
		},
		repeats: []func(*fixture) repeated{
			func(w *fixture) repeated {
				return repeated{"/releases/" + w.release() + "/status", object{"status": "approved"}, object{"status": "cancelled"}}
			},
		},
		entries: &entries{request: ask{route: "POST /releases/{R}/status", body: object{"status": "approved"}}, inRelease: "transition", has: []string{"status"}},
	},
}

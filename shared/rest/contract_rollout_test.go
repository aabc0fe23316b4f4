package rest_test

import (
	"fmt"
	"strings"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

// rolloutContract has the operations with which a release is carried out.
var rolloutContract = []contract{
	{
		operation: operations.CheckReadiness,
		roles: []roleCase{
			{401, 403, 200, 200, 200, func(w *fixture) cell {
				return cell{ask{route: "GET /releases/" + w.release() + "/readiness"}, ""}
			}},
		},
		event: eventCase{after: releasePlanned, status: 200, holds: `"changeRequests":["CHG-1001"]`},
		failures: []failure{
			{onRelease("GET %/readiness?verbose=1", planned, nil), 400, "invalid-request", "verbose", ""},
		},
	},
	{
		operation: operations.AppendLog,
		roles: []roleCase{
			{401, 403, 403, 201, 201, func(w *fixture) cell {
				id := w.release()
				return cell{ask{route: "POST /releases/" + id + "/log", body: object{"text": "Hello."}}, "/releases/" + id}
			}},
		},
		event: eventCase{after: releasePlanned, status: 201, holds: `"author":"Otto Auditor"`},
		failures: []failure{
			{to("POST /releases/REL-2026-Q2-999/log", object{"text": "A"}), 404, "not-found", "", "/releases"},
			{onRelease("POST %/log", planned, object{"text": long, "status": "done"}), 400, "invalid-request", "text status", ""},
			{onRelease("POST %/log", planned, object{"text": " ", "author": "Somebody Else"}), 400, "invalid-request", "author text", ""},
			{to("POST /releases/REL-2026-Q2-999/log", object{"text": "A", "hold": true}), 404, "not-found", "", "/releases"},
			{onRelease("POST %/log", planned, object{"text": " ", "hold": "yes"}), 400, "invalid-request", "hold text", ""},
			{onRelease("POST %/log", planned, object{"text": "A"}, "If-None-Match: *"), 412, "already-there", "", ""},
			{onRelease("POST %/log", planned, object{"text": "A", "status": "deployed"}), 409, "status-not-current", "", ""},
			{onRelease("POST %/log", planned, object{"text": "A"}, `If-Match: "9"`), 412, "revision-stale", "", ""},
			{onRelease("POST %/log", planned, object{"text": "A", "status": "deployed"}, `If-Match: "9"`), 412, "revision-stale", "", ""},
			{onRelease("POST %/log", planned, object{"text": "A", "status": "deployed"}, `If-Match: "1"`), 409, "status-not-current", "", ""},
			{onRelease("POST %/log", releaseIn("cancelled"), object{"text": "A", "hold": true}), 409, "release-ended", "", ""},
			{onRelease("POST %/log", planned, object{"text": "A", "hold": true, "status": "deployed"}), 409, "status-not-current", "", ""},
			{onRelease("POST %/log", planned, object{"text": "A", "hold": true}, `If-Match: "9"`), 412, "revision-stale", "", ""},
			{onRelease("POST %/log", func(w *fixture) string {
				id := w.release()
				for n := range release.MaxHolds {
					w.hold(&release.Caller{Person: release.Person{Subject: fmt.Sprint("sub-", n)}, Role: release.Auditor}, id, "Stop.")
				}
				return id
			}, object{"text": "A", "hold": true}), 409, "too-many-holds", "", ""},
		},
		repeats: []func(*fixture) repeated{
			func(w *fixture) repeated {
				return repeated{"/releases/" + w.release() + "/log", object{"text": "A", "status": "planned"}, object{"text": "B", "status": "planned"}}
			},
			func(w *fixture) repeated {
				return repeated{"/releases/" + w.release() + "/log", object{"text": "A"}, object{"text": "B"}}
			},
			func(w *fixture) repeated {
				return repeated{"/releases/" + stepped("approved", "scheduled")(w) + "/log", object{"text": "A", "hold": true, "status": "scheduled"}, object{"text": "A", "status": "scheduled"}}
			},
		},
		entries: &entries{request: ask{route: "POST /releases/{R}/log", body: object{"text": "noted"}}, inRelease: "note"},
	},
	{
		operation: operations.ListLog,
		roles: []roleCase{
			{401, 403, 200, 200, 200, func(w *fixture) cell {
				return cell{ask{route: "GET /releases/" + w.release() + "/log"}, ""}
			}},
		},
		event: eventCase{after: releaseNoted, status: 200, holds: `"text":"Rehearsal on staging went well.`},
		failures: []failure{
			{onRelease("GET %/log?limit=0&status=planned", planned, nil), 400, "invalid-request", "status limit", ""},
			{onRelease("GET %/log?cursor=e30", planned, nil), 400, "invalid-cursor", "cursor", ""},
		},
	},
	{
		operation: operations.LiftHold,
		roles: []roleCase{
			{401, 403, 403, 403, 204, func(w *fixture) cell {
				id := w.release()
				w.hold(admin, id, "Stop.")
				return cell{ask{route: "DELETE /releases/" + id + "/hold?holder=" + admin.Subject}, "/releases/" + id}
			}},
			{401, 403, 403, 204, 204, func(w *fixture) cell {
				id := w.release()
				w.hold(auditor, id, "Stop.")
				return cell{ask{route: "DELETE /releases/" + id + "/hold"}, "/releases/" + id}
			}},
		},
		event: eventCase{after: releasePlanned, status: 204},
		failures: []failure{
			{to("DELETE /releases/REL-2026-Q2-999/hold", nil), 404, "not-found", "", "/releases"},
			{onRelease("DELETE %/hold?by=me", planned, nil), 400, "invalid-request", "by", ""},
			{onRelease("DELETE %/hold?holder="+strings.Repeat("s", 256), planned, nil), 400, "invalid-request", "holder", ""},
			{onRelease("DELETE %/hold", planned, nil, `If-Match: "9"`), 412, "revision-stale", "", ""},
		},
		entries: &entries{
			held: true, request: ask{route: "DELETE /releases/{R}/hold"}, inRelease: "hold", has: []string{"hold", "status"},
		},
	},
	{
		operation: operations.GetReview,
		roles: []roleCase{
			{401, 403, 200, 200, 200, func(w *fixture) cell {
				return cell{ask{route: "GET /releases/" + w.release() + "/review"}, ""}
			}},
		},
		event: eventCase{after: releasePlanned, status: 200, holds: "# Review of REL-2026-Q2-001"},
		failures: []failure{
			{to("GET /releases/REL-1999-Q1-001/review", nil), 404, "not-found", "", ""},
		},
	},
	{
		operation: operations.CompleteStep,
		roles: []roleCase{
			{401, 403, 403, 403, 200, func(w *fixture) cell {
				id := stepped("approved", "scheduled")(w)
				return cell{ask{route: "POST /releases/" + id + "/steps/rollout/1", body: object{"completed": true}}, "/releases/" + id}
			}},
			{401, 403, 403, 200, 200, func(w *fixture) cell {
				id := stepped("approved", "scheduled")(w)
				return cell{ask{route: "POST /releases/" + id + "/steps/rollback/1", body: object{"completed": true}}, "/releases/" + id}
			}},
		},
		event: eventCase{after: releaseApproved, enters: []string{"scheduled"}, status: 200, holds: `"completed":true,"completedBy":"Ada Admin"`},
		failures: []failure{
			{to("POST /releases/REL-2026-Q2-999/steps/rollout/1", object{"completed": true}), 404, "not-found", "", "/releases"},
			{onRelease("POST %/steps/rollout/9", releaseIn("approved", "scheduled"), object{"completed": true}), 404, "not-found", "", ""},
			{onRelease("POST %/steps/rollout/first", planned, object{"completed": true}), 404, "not-found", "", ""},
			{onRelease("POST %/steps/rollin/1", planned, object{"completed": true}), 404, "not-found", "", ""},
			{onRelease("POST %/steps/rollout/1", planned, object{"completed": "yes", "by": "me"}), 400, "invalid-request", "by completed", ""},
			{onRelease("POST %/steps/rollout/1", planned, object{}), 400, "invalid-request", "completed", ""},
			{onRelease("POST %/steps/rollout/1", stepped(), object{"completed": true}), 409, "steps-closed", "", ""},
			{onRelease("POST %/steps/rollout/1", stepped("approved", "scheduled", "in-progress", "deployed"), object{"completed": true}), 409, "steps-closed", "", ""},
			{onRelease("POST %/steps/rollback/1", stepped("approved", "scheduled"), object{"completed": true}, `If-Match: "99"`), 412, "revision-stale", "", ""},
		},
		repeats: []func(*fixture) repeated{
			func(w *fixture) repeated {
				return repeated{"/releases/" + stepped("approved", "scheduled")(w) + "/steps/rollout/1", object{"completed": true}, object{"completed": false}}
			},
			func(w *fixture) repeated {
				path := "/releases/" + stepped("approved", "scheduled")(w) + "/steps/rollout/1"
				w.must(admin, ask{route: "POST " + path, body: object{"completed": true}}) // it is completed already
				return repeated{path, object{"completed": true}, object{"completed": false}}
			},
		},
		entries: &entries{
			before:  []string{"approved", "scheduled"},
			request: ask{route: "POST /releases/{R}/steps/rollout/1", body: object{"completed": true}}, inRelease: "step", has: []string{"step"},
		},
	},
}

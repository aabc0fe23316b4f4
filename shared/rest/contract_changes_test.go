package rest_test

import (
	"strings"

	"example.com/releases/shared/operations"
)

// changesContract has the operations on change requests.
var changesContract = []contract{
	{
		operation: operations.ListChanges,
		roles: []roleCase{
			{401, 403, 200, 200, 200, func(*fixture) cell { return cell{ask{route: "GET /change-requests"}, ""} }},
		},
		event: eventCase{after: []operations.Name{operations.CreateChange}, status: 200, holds: `"id":"CHG-1001"`},
		failures: []failure{
			{to("GET /change-requests?approvalStatus=maybe&limit=-1", nil), 400, "invalid-request", "limit approvalStatus", ""},
			{to("GET /change-requests?cursor=e30", nil), 400, "invalid-cursor", "cursor", ""},
		},
	},
	{
		operation: operations.CreateChange,
		roles: []roleCase{
			{401, 403, 403, 403, 201, func(*fixture) cell {
				id := newKey("CHG")
				return cell{ask{route: "POST /change-requests", body: object{"id": id, "changeType": "Normal"}}, "/change-requests/" + id}
			}},
		},
		event: eventCase{status: 201, holds: `"id":"CHG-1001","changeType":"Normal","cabDecision":"pending"`},
		failures: []failure{
			{to("POST /change-requests", object{"id": "-", "changeType": "Big", "affectedCiIds": []string{strings.Repeat("a", 257)}}), 400, "invalid-request", "id changeType affectedCiIds[0]", ""},
			{to("POST /change-requests", object{"changeType": "Normal", "cabDecision": "approved"}), 400, "invalid-request", "cabDecision", ""},
			{func(w *fixture) ask {
				return ask{route: "POST /change-requests", body: object{"id": w.change(false), "changeType": "Standard"}}
			}, 409, "already-exists", "", ""},
		},
		repeats: []func(*fixture) repeated{
			func(w *fixture) repeated {
				return repeated{"/change-requests", object{"changeType": "Normal"}, object{"changeType": "Emergency"}}
			},
		},
		entries: &entries{begins: true, request: ask{route: "POST /change-requests", body: object{"id": "NEW", "changeType": "Normal"}}},
	},
	{
		operation: operations.GetChange,
		roles: []roleCase{
			{401, 403, 200, 200, 200, func(w *fixture) cell {
				return cell{ask{route: "GET /change-requests/" + w.change(false)}, ""}
			}},
		},
		event: eventCase{after: releasePlanned, status: 200, holds: `"linkedRelease":{"id":"REL-2026-Q2-001"`},
	},
	{
		operation: operations.UpdateChange,
		roles: []roleCase{
			{401, 403, 403, 403, 200, func(w *fixture) cell {
				id := w.change(false)
				return cell{ask{route: "PATCH /change-requests/" + id, body: object{"title": "Another"}}, "/change-requests/" + id}
			}},
		},
		event: eventCase{after: []operations.Name{operations.CreateChange}, status: 200, holds: `"controlTitle":"Access control"`},
		failures: []failure{
			{to("PATCH /change-requests/CHG-unknown", object{"title": "A"}), 404, "not-found", "", ""},
			{func(w *fixture) ask {
				id := w.change(true)
				w.transition(w.release(id), "approved", "scheduled", "in-progress")
				return ask{route: "PATCH /change-requests/" + id, body: object{"title": "B"}}
			}, 409, "change-frozen", "", ""},
			{func(w *fixture) ask {
				return ask{route: "PATCH /change-requests/" + w.change(false), body: object{
					"changeType": "Standard", "cabDecision": "approved", "approvalStatus": "Approved", "status": nil, "title": 7, "affectedCiIds": []string{strings.Repeat("a", 257)},
				}}
			}, 400, "invalid-request", "approvalStatus cabDecision changeType status title affectedCiIds[0]", ""},
			{func(w *fixture) ask {
				return ask{route: "PATCH /change-requests/" + w.change(false), body: object{"title": "B"}, headers: []string{`If-Match: "9"`}}
			}, 412, "revision-stale", "", ""},
		},
		entries: &entries{
			request: ask{route: "PATCH /change-requests/{C}", body: object{"title": "Another title"}}, inRelease: "edit", inCR: "edit", has: []string{"changes", "changeRequestId"},
		},
	},
	{
		operation: operations.DecideChange,
		roles: []roleCase{
			{401, 403, 403, 403, 200, func(w *fixture) cell {
				id := w.change(false)
				return cell{ask{route: "POST /change-requests/" + id + "/decision", body: object{"decision": "approved"}}, "/change-requests/" + id}
			}},
		},
		event: eventCase{after: []operations.Name{operations.CreateChange}, status: 200, holds: `"cabDecision":"approved","approvalStatus":"Approved"`},
		failures: []failure{
			{to("POST /change-requests/CHG-unknown/decision", object{"decision": "approved"}), 404, "not-found", "", "/change-requests"},
			{to("POST /change-requests/CHG-unknown/decision", object{"decision": "pending", "note": long}), 400, "invalid-request", "decision note", "/change-requests"},
			{func(w *fixture) ask {
				id := w.change(true)
				w.transition(w.release(id), "approved", "scheduled", "in-progress")
				return ask{route: "POST /change-requests/" + id + "/decision", body: object{"decision": "rejected"}}
			}, 409, "decision-frozen", "", ""},
			{func(w *fixture) ask {
				id := w.change(true)
				w.transition(w.release(id), "approved", "scheduled", "in-progress", "rolled-back") // and nobody settles here
				return ask{route: "POST /change-requests/" + id + "/decision", body: object{"decision": "rejected"}}
			}, 409, "settling", "", ""},
			{func(w *fixture) ask {
				return ask{route: "POST /change-requests/" + w.change(false) + "/decision", body: object{"decision": "rejected"}, headers: []string{`If-Match: "9"`}}
			}, 412, "revision-stale", "", ""},
		},
		repeats: []func(*fixture) repeated{
			func(w *fixture) repeated {
				return repeated{"/change-requests/" + w.change(false) + "/decision", object{"decision": "approved"}, object{"decision": "rejected"}}
			},
		},
		entries: &entries{
			request:   ask{route: "POST /change-requests/{C}/decision", body: object{"decision": "rejected", "note": "No."}},
			inRelease: "decision", inCR: "decision", has: []string{"decision", "changeRequestId", "digest", "changes"},
		},
	},
	{
		operation: operations.ListChangeLog,
		roles: []roleCase{
			{401, 403, 200, 200, 200, func(w *fixture) cell {
				return cell{ask{route: "GET /change-requests/" + w.change(false) + "/log"}, ""}
			}},
		},
		event: eventCase{after: []operations.Name{operations.CreateChange, operations.DecideChange}, status: 200, holds: `"kind":"decision"`},
		failures: []failure{
			{func(w *fixture) ask {
				return ask{route: "GET /change-requests/" + w.change(false) + "/log?limit=0&kind=note&status=planned"}
			}, 400, "invalid-request", "status limit kind", ""},
			{func(w *fixture) ask {
				return ask{route: "GET /change-requests/" + w.change(false) + "/log?cursor=e30"}
			}, 400, "invalid-cursor", "cursor", ""},
			{to("GET /change-requests/CHG-999999/log", nil), 404, "not-found", "", ""},
		},
	},
}

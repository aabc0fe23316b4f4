package rest_test

import (
	"example.com/releases/shared/operations"
)

// recordContract has the operations on the record.
var recordContract = []contract{
	{
		operation: operations.GetCheckpoint,
		roles: []roleCase{
			{401, 403, 200, 200, 200, func(w *fixture) cell {
				w.release()
				w.seal()
				return cell{ask{route: "GET /record/checkpoint"}, ""}
			}},
		},
		event: eventCase{status: 404, holds: `"code":"nothing-sealed"`},
		failures: []failure{
			{to("GET /record/checkpoint", nil), 404, "nothing-sealed", "", "/releases"},
		},
	},
	{
		operation: operations.GetEvidence,
		roles: []roleCase{
			{401, 403, 403, 200, 200, func(w *fixture) cell {
				return cell{ask{route: "GET /releases/" + w.release() + "/evidence"}, ""}
			}},
		},
		event: eventCase{after: releasePlanned, status: 200, holds: `"evidenceVersion":1,"releaseId":"REL-2026-Q2-001"`},
		failures: []failure{
			{onRelease("GET %/evidence?cursor=e30", planned, nil), 400, "invalid-cursor", "cursor", ""},
			{onRelease("GET %/evidence?since=-1", planned, nil), 400, "invalid-request", "since", ""},
			{to("GET /releases/REL-1999-Q1-001/evidence", nil), 404, "not-found", "", ""},
		},
	},
	{
		operation: operations.EraseWords,
		roles: []roleCase{
			{401, 403, 403, 403, 201, func(w *fixture) cell {
				id := w.release()
				return cell{ask{route: "POST /record/erasures", body: object{"releaseId": id, "entry": "e0", "values": []string{"author"}}}, "/releases/" + id + "/log"}
			}},
		},
		event: eventCase{after: releaseNoted, status: 201, holds: `"erased":{"entry":"e0.1","values":["text"]}`},
		failures: []failure{
			{to("POST /record/erasures", object{"entry": "e0", "values": []string{"leaf"}}), 400, "invalid-request", "releaseId values[0]", ""},
			{func(w *fixture) ask {
				return ask{route: "POST /record/erasures", body: object{"releaseId": w.release(), "entry": "e0", "values": []string{"text", "text"}}}
			}, 400, "invalid-request", "values[1]", ""},
			{func(w *fixture) ask {
				id := w.release()
				for range 2 {
					w.send(admin, ask{route: "POST /record/erasures", body: object{"releaseId": id, "entry": "e0", "values": []string{"text"}}})
				}
				return ask{route: "POST /record/erasures", body: object{"releaseId": id, "entry": "e0", "values": []string{"text"}}}
			}, 409, "nothing-to-erase", "", ""},
			{to("POST /record/erasures", object{"releaseId": "REL-2026-Q2-999", "entry": "e0", "values": []string{"text"}}), 404, "not-found", "", ""},
			{func(w *fixture) ask {
				id := w.release()
				w.put(w.Tables.Releases, attributes{"pk": str("LOG#" + id), "sk": str("000000000001"), "at": str("2026-01-01T00:00:00.000Z"), "author": str("Ada"), "text": str("From before.")})
				return ask{route: "POST /record/erasures", body: object{"releaseId": id, "entry": "1", "values": []string{"text"}}}
			}, 409, "not-sealed", "", ""},
		},
		repeats: []func(*fixture) repeated{
			func(w *fixture) repeated {
				id := w.release()
				for range 2 {
					w.must(admin, ask{route: "POST /releases/" + id + "/log", body: object{"text": "A"}})
				}
				return repeated{"/record/erasures", object{"releaseId": id, "entry": "e0.1", "values": []string{"text"}}, object{"releaseId": id, "entry": "e0.2", "values": []string{"text"}}}
			},
			func(w *fixture) repeated {
				id := w.change(true)
				return repeated{"/record/erasures", object{"changeRequestId": id, "entry": "1", "values": []string{"text"}}, object{"changeRequestId": id, "entry": "1", "values": []string{"author"}}}
			},
		},
		entries: &entries{request: ask{route: "POST /record/erasures", body: object{"releaseId": "{R}", "entry": "e0", "values": []string{"author"}}}, inRelease: "erasure", has: []string{"erased"}},
	},
}

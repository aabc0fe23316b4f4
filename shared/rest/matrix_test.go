package rest_test

import (
	"net/http"
	"testing"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
	"example.com/releases/shared/rest"
)

// cell is one request of the matrix, with a read that shows whether it did anything.
type cell struct {
	ask
	shows string
}

// The matrix of routes and roles, typed by hand from DESIGN 3.1. Rows of tasks,
// steps and holds come twice: another's, and the caller's own.
var matrix = []struct {
	operation                            operations.Name
	nobody, none, viewer, auditor, admin int
	request                              func(*fixture) cell
}{
	{"list-releases", 401, 403, 200, 200, 200, func(*fixture) cell { return cell{ask{route: "GET /releases"}, ""} }},
	{"create-release", 401, 403, 403, 403, 201, func(*fixture) cell {
		return cell{ask{route: "POST /releases", body: object{"name": "A release"}}, "/releases"}
	}},
	{"get-release", 401, 403, 200, 200, 200, func(w *fixture) cell {
		return cell{ask{route: "GET /releases/" + w.release()}, ""}
	}},
	{"delete-release", 401, 403, 403, 403, 204, func(w *fixture) cell {
		id := w.release(w.change(false))
		return cell{ask{route: "DELETE /releases/" + id}, "/releases/" + id}
	}},
	{"add-changes", 401, 403, 403, 403, 200, func(w *fixture) cell {
		id := w.release()
		return cell{ask{route: "POST /releases/" + id + "/add-changes", body: object{"add": []string{w.change(false)}}}, "/releases/" + id}
	}},
	{"append-log", 401, 403, 403, 201, 201, func(w *fixture) cell {
		id := w.release()
		return cell{ask{route: "POST /releases/" + id + "/log", body: object{"text": "Hello."}}, "/releases/" + id}
	}},
	{"lift-hold", 401, 403, 403, 403, 204, func(w *fixture) cell {
		id := w.release()
		w.hold(admin, id, "Stop.")
		return cell{ask{route: "DELETE /releases/" + id + "/hold?holder=" + admin.Subject}, "/releases/" + id}
	}},
	{"lift-hold", 401, 403, 403, 204, 204, func(w *fixture) cell {
		id := w.release()
		w.hold(auditor, id, "Stop.")
		return cell{ask{route: "DELETE /releases/" + id + "/hold"}, "/releases/" + id}
	}},
	{"update-release", 401, 403, 403, 403, 200, func(w *fixture) cell {
		id := w.release()
		return cell{ask{route: "PATCH /releases/" + id, body: object{"name": "Another"}}, "/releases/" + id}
	}},
	{"check-readiness", 401, 403, 200, 200, 200, func(w *fixture) cell {
		return cell{ask{route: "GET /releases/" + w.release() + "/readiness"}, ""}
	}},
	{"list-log", 401, 403, 200, 200, 200, func(w *fixture) cell {
		return cell{ask{route: "GET /releases/" + w.release() + "/log"}, ""}
	}},
	{"complete-step", 401, 403, 403, 403, 200, func(w *fixture) cell {
		id := stepped("approved", "scheduled")(w)
		return cell{ask{route: "POST /releases/" + id + "/steps/rollout/1", body: object{"completed": true}}, "/releases/" + id}
	}},
	{"complete-step", 401, 403, 403, 200, 200, func(w *fixture) cell {
		id := stepped("approved", "scheduled")(w)
		return cell{ask{route: "POST /releases/" + id + "/steps/rollback/1", body: object{"completed": true}}, "/releases/" + id}
	}},
	{"transition-release", 401, 403, 403, 403, 200, func(w *fixture) cell {
		id := w.release()
		return cell{ask{route: "POST /releases/" + id + "/status", body: object{"status": "approved"}}, "/releases/" + id}
	}},
	{"list-changes", 401, 403, 200, 200, 200, func(*fixture) cell { return cell{ask{route: "GET /change-requests"}, ""} }},
	{"create-change", 401, 403, 403, 403, 201, func(*fixture) cell {
		id := newKey("CHG")
		return cell{ask{route: "POST /change-requests", body: object{"id": id, "changeType": "Normal"}}, "/change-requests/" + id}
	}},
	{"get-change", 401, 403, 200, 200, 200, func(w *fixture) cell {
		return cell{ask{route: "GET /change-requests/" + w.change(false)}, ""}
	}},
	{"update-change", 401, 403, 403, 403, 200, func(w *fixture) cell {
		id := w.change(false)
		return cell{ask{route: "PATCH /change-requests/" + id, body: object{"title": "Another"}}, "/change-requests/" + id}
	}},
	{"decide-change", 401, 403, 403, 403, 200, func(w *fixture) cell {
		id := w.change(false)
		return cell{ask{route: "POST /change-requests/" + id + "/decision", body: object{"decision": "approved"}}, "/change-requests/" + id}
	}},
	{"get-review", 401, 403, 200, 200, 200, func(w *fixture) cell {
		return cell{ask{route: "GET /releases/" + w.release() + "/review"}, ""}
	}},
	{"get-checkpoint", 401, 403, 200, 200, 200, func(w *fixture) cell {
		w.release()
		w.seal()
		return cell{ask{route: "GET /record/checkpoint"}, ""}
	}},
	{"get-evidence", 401, 403, 403, 200, 200, func(w *fixture) cell {
		return cell{ask{route: "GET /releases/" + w.release() + "/evidence"}, ""}
	}},
	{"erase-words", 401, 403, 403, 403, 201, func(w *fixture) cell {
		id := w.release()
		return cell{ask{route: "POST /record/erasures", body: object{"releaseId": id, "entry": "e0", "values": []string{"author"}}}, "/releases/" + id + "/log"}
	}},
	{"list-change-log", 401, 403, 200, 200, 200, func(w *fixture) cell {
		return cell{ask{route: "GET /change-requests/" + w.change(false) + "/log"}, ""}
	}},
	{"list-tasks", 401, 403, 200, 200, 200, func(*fixture) cell {
		return cell{ask{route: "GET /tasks?requesterEmail=somebody@example.com"}, ""}
	}},
	{"list-tasks", 401, 200, 200, 200, 200, func(*fixture) cell {
		return cell{ask{route: "GET /tasks?requesterEmail=RITA@example.com"}, ""}
	}},
	{"list-tasks", 401, 403, 200, 200, 200, func(*fixture) cell {
		return cell{ask{route: "GET /tasks?ciId=ci-mail-1"}, ""}
	}},
	{"create-task", 401, 403, 403, 403, 201, func(*fixture) cell {
		id := newKey("TASK")
		return cell{ask{route: "POST /tasks", body: object{"id": id, "title": "A task", "requesterEmail": "rita@example.com"}}, "/tasks/" + id}
	}},
	{"update-task", 401, 403, 403, 403, 200, func(w *fixture) cell {
		id := w.task("rita@example.com", "")
		return cell{ask{route: "PATCH /tasks/" + id, body: object{"title": "Another"}}, "/tasks/" + id}
	}},
	{"get-task", 401, 403, 200, 200, 200, func(w *fixture) cell {
		return cell{ask{route: "GET /tasks/" + w.task("somebody@example.com", "")}, ""}
	}},
	{"get-task", 401, 200, 200, 200, 200, func(w *fixture) cell {
		return cell{ask{route: "GET /tasks/" + w.task("Rita@Example.com", "")}, ""}
	}},
}

func TestRoles_EachRoute_AllowTheRightOnes(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	inMatrix := map[operations.Name]bool{}
	for _, row := range matrix {
		inMatrix[row.operation] = true
		route, known := rest.Find(rest.Routes(), row.operation)
		if !known {
			t.Fatalf("%s is no route", row.operation)
		}
		for _, c := range []struct {
			name string
			who  *release.Caller
			want int
		}{{"nobody", nobody, row.nobody}, {"no role", rita, row.none}, {"Viewer", viewer, row.viewer}, {"Auditor", auditor, row.auditor}, {"Admin", admin, row.admin}} {
			request := row.request(w)
			before := w.look(request.shows)
			got := w.send(c.who, request.ask)
			if got.Code != c.want {
				t.Errorf("%s as %s: %d, want %d; %s", request.route, c.name, got.Code, c.want, got.text)
			}
			if c.want < 300 {
				if got.Code != route.Status {
					t.Errorf("%s: %d, but its route says %d", request.route, got.Code, route.Status)
				}
				continue
			}
			p := w.problem(got)
			own := c.who == auditor && (p.Code == "not-step-owner" && row.operation == operations.CompleteStep || p.Code == "not-hold-owner" && row.operation == operations.LiftHold)
			if p.Code != map[int]string{401: "unauthenticated", 403: "forbidden"}[c.want] && !own {
				t.Errorf("%s as %s: code %s", request.route, c.name, p.Code)
			}
			if after := w.look(request.shows); after != before {
				t.Errorf("%s as %s was refused, yet %s became %s", request.route, c.name, before, after)
			}
		}
	}
	if len(inMatrix) == 0 || len(inMatrix) != len(rest.Routes()) || len(inMatrix) != len(operations.Roles) {
		t.Errorf("the matrix has %d operations, the route table %d, the table of roles %d", len(inMatrix), len(rest.Routes()), len(operations.Roles))
	}
}

// look reads what a write would have changed.
func (w *fixture) look(path string) string {
	if path == "" {
		return ""
	}
	return w.send(admin, ask{route: http.MethodGet + " " + path}).text
}

// An address that the token does not vouch for opens nothing.
func TestRoles_OwnTasks_NeedAVerifiedAddress(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	id := w.task("rita@example.com", "")
	unverified, without := *rita, *rita
	unverified.EmailVerified = false
	without.Email = ""
	for _, who := range []*release.Caller{&unverified, &without} {
		for _, route := range []string{"GET /tasks/" + id, "GET /tasks?requesterEmail=rita@example.com", "GET /tasks/TASK-unknown"} {
			if got := w.send(who, ask{route: route}); got.Code != 403 {
				t.Errorf("%s: %d %s", route, got.Code, got.text)
			}
		}
	}
	if got := w.send(rita, ask{route: "GET /tasks/TASK-unknown"}); got.Code != 403 {
		t.Errorf("whether a task exists is told to somebody without a role: %d %s", got.Code, got.text)
	}
	if got := w.send(rita, ask{route: "GET /tasks?changeRequestId=CHG-1"}); got.Code != 403 {
		t.Errorf("tasks of a change request: %d %s", got.Code, got.text)
	}
}

package rest_test

import (
	"net/http"
	"testing"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
	"example.com/releases/shared/rest"
)

// roleCase is a request, and the status with which each caller is answered. Where an operation allows
// more on what is the caller's own, its row has one case for another's and one for the caller's own.
type roleCase struct {
	nobody, none, viewer, auditor, admin int
	request                              func(*fixture) cell
}

// cell is one request, with the path of a read that shows whether it did anything.
type cell struct {
	ask
	shows string
}

func TestRoles_EachRoute_AllowTheRightOnes(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	for _, row := range contracts {
		route := row.route(t)
		for _, c := range row.roles {
			w.tryRoles(route, c)
		}
	}
}

func (w *fixture) tryRoles(route rest.Route, row roleCase) {
	w.Helper()
	for _, c := range []struct {
		name string
		who  *release.Caller
		want int
	}{{"nobody", nobody, row.nobody}, {"no role", rita, row.none}, {"Viewer", viewer, row.viewer}, {"Auditor", auditor, row.auditor}, {"Admin", admin, row.admin}} {
		request := row.request(w)
		w.inRowOf(route.Operation, request.route)
		before := w.look(request.shows)
		got := w.send(c.who, request.ask)
		if got.Code != c.want {
			w.Errorf("%s as %s: %d, want %d; %s", request.route, c.name, got.Code, c.want, got.text)
		}
		if c.want < 300 {
			if got.Code != route.Status {
				w.Errorf("%s: %d, but its route says %d", request.route, got.Code, route.Status)
			}
			continue
		}
		p := w.problem(got)
		own := c.who == auditor && (p.Code == "not-step-owner" && route.Operation == operations.CompleteStep || p.Code == "not-hold-owner" && route.Operation == operations.LiftHold)
		if p.Code != map[int]string{401: "unauthenticated", 403: "forbidden"}[c.want] && !own {
			w.Errorf("%s as %s: %d with the code %s, want the code of a missing role", request.route, c.name, p.Status, p.Code)
		}
		if after := w.look(request.shows); after != before {
			w.Errorf("%s as %s was refused, yet %s became %s", request.route, c.name, before, after)
		}
	}
}

// look reads what a write would have changed; "" reads nothing.
func (w *fixture) look(path string) string {
	if path == "" {
		return ""
	}
	return w.send(admin, ask{route: http.MethodGet + " " + path}).text
}

// Somebody whose token has no verified address cannot read any task as their own.
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
				t.Errorf("%s: %d %s, want 403", route, got.Code, got.text)
			}
		}
	}
	if got := w.send(rita, ask{route: "GET /tasks/TASK-unknown"}); got.Code != 403 {
		t.Errorf("a task that does not exist is answered %d %s to somebody without a role, want 403", got.Code, got.text)
	}
	if got := w.send(rita, ask{route: "GET /tasks?changeRequestId=CHG-1"}); got.Code != 403 {
		t.Errorf("tasks of a change request are answered %d %s to somebody without a role, want 403", got.Code, got.text)
	}
}

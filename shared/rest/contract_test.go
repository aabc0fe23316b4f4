package rest_test

import (
	"net/http"
	"slices"
	"testing"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/rest"
)

// contract is what is promised of one operation, typed by hand. A new endpoint gets its row in the
// contract_*_test.go of its noun, and no other test of this package wants one. Nothing in a row is
// derived from the routes or the operations, so that a mistake in these shows.
type contract struct {
	operation operations.Name
	roles     []roleCase                // who may call it: TestRoles
	event     eventCase                 // the answer to its payload in events/: TestEvents
	failures  []failure                 // requests of an Admin that bring about each of its codes: TestErrors
	repeats   []func(*fixture) repeated // requests to be repeated with their key, of POSTs only: TestIdempotency
	entries   *entries                  // what it leaves in the record, if it writes: TestRecord
}

var contracts = slices.Concat(releasesContract, rolloutContract, changesContract, tasksContract, recordContract)

// Every route has a complete row. This test needs no engine, so it says at once what is missing for a
// new endpoint.
func TestContract_EachRoute_HasItsWholeRow(t *testing.T) {
	rows := map[operations.Name]int{}
	for _, c := range contracts {
		rows[c.operation]++
		if _, known := rest.Find(rest.Routes(), c.operation); !known {
			t.Errorf("%s has a row and is no route", c.operation)
		}
	}
	if len(rows) == 0 || len(rest.Routes()) == 0 {
		t.Fatalf("%d rows and %d routes", len(rows), len(rest.Routes()))
	}
	for op := range operations.Roles {
		if _, known := rest.Find(rest.Routes(), op); !known {
			t.Errorf("%s has a role and no route", op)
		}
	}
	for _, route := range rest.Routes() {
		if n := rows[route.Operation]; n != 1 {
			t.Errorf("%s has %d rows in contract_*_test.go, want one", route.Operation, n)
			continue
		}
		c := contractOf(route.Operation)
		posts, writes := route.Method == http.MethodPost, route.Method != http.MethodGet
		for _, part := range []struct {
			name             string
			there, must, may bool
		}{
			{"roles: who may", len(c.roles) > 0, true, true},
			{"event: what its payload in events/ is answered with", c.event.status > 0, true, true},
			{"failures: how each of its codes comes about", len(c.failures) > 0, writes, true},
			{"repeats: the same Idempotency-Key twice", len(c.repeats) > 0, posts, posts},
			{"entries: what it leaves in the record", c.entries != nil, writes, writes},
		} {
			if part.must && !part.there {
				t.Errorf("%s: its row says nothing of %s", route.Operation, part.name)
			}
			if part.there && !part.may {
				t.Errorf("%s is a %s, and its row has %s", route.Operation, route.Method, part.name)
			}
		}
	}
}

// contractOf returns the row of an operation; an empty one if there is none.
func contractOf(op operations.Name) contract {
	i := slices.IndexFunc(contracts, func(c contract) bool { return c.operation == op })
	if i < 0 {
		return contract{}
	}
	return contracts[i]
}

// route returns the route of the row's operation.
func (c contract) route(t *testing.T) rest.Route {
	t.Helper()
	route, known := rest.Find(rest.Routes(), c.operation)
	if !known {
		t.Fatalf("%s is no route", c.operation)
	}
	return route
}

// inRowOf checks that a request in the row of an operation is a request of that operation.
func (w *fixture) inRowOf(op operations.Name, route string) {
	w.Helper()
	if own := w.operation(route).Operation; own != op {
		w.Errorf("%s is in the row of %s", route, op)
	}
}

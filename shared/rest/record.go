package rest

import (
	"net/http"

	"example.com/releases/shared/operations"
)

// GetCheckpoint is the endpoint of the record as a whole. What it says of one release is
// below that.
var GetCheckpoint = Route{
	Operation: operations.GetCheckpoint, Method: http.MethodGet, Path: "/record/checkpoint", Status: http.StatusOK,
	Summary: "Read the checkpoint of the record, to keep it elsewhere",
	About:   "Three lines in the form of C2SP's tlog-checkpoint, unsigned: whose record it is and in which generation, how many entries are sealed, and the root of their tree. An entry is sealed within two minutes. Keep a checkpoint out of reach of everybody who can write to the tables: with it you can prove later that nothing older was changed or removed.",
	Answer:  (*operations.PlainText)(nil), Refusals: []string{"nothing-sealed"}, serve: getCheckpoint,
}

func getCheckpoint(o *operations.Operations, q *request) (reply, error) {
	text, err := o.GetCheckpoint(q.Context())
	return reply{value: text}, err
}

func recordRoutes() []Route {
	return []Route{GetCheckpoint}
}

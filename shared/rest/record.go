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
	About:   "Three lines, as C2SP's tlog-checkpoint has them, unsigned: whose record it is and in which generation, how many entries were sealed, and the root of their tree. An entry is sealed within two minutes. Who keeps a checkpoint where nobody who can write to the tables can reach it can prove later that nothing of before was changed or removed.",
	Answer:  (*operations.PlainText)(nil), Refusals: []string{"nothing-sealed"}, serve: getCheckpoint,
}

func getCheckpoint(o *operations.Operations, q *request) (reply, error) {
	text, err := o.GetCheckpoint(q.Context())
	return reply{value: text}, err
}

func recordRoutes() []Route {
	return []Route{GetCheckpoint}
}

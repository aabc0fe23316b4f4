package rest

import (
	"net/http"

	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

// The routes of what proves the record.
var (
	GetEvidence = Route{
		Operation: operations.GetEvidence, Method: http.MethodGet, Path: "/releases/{id}/evidence", Status: http.StatusOK,
		Summary: "Read what proves the record of a release",
		About: "The entries of the release's log and of the records of its change requests, byte for byte, each with its leaf in the tree of hashes that all entries of this installation are sealed in, and the hashes that prove it: everything that an auditor needs to check them without this service, with `go run ./functions/local verify`. " +
			"All pages are of one checkpoint. `since` adds the proof that an older tree is the beginning of this one; there is none where the tree has fewer leaves than that. Entries that are not sealed yet are included and counted in `unsealed`. The evidence of a deleted release remains available.",
		Query: (*operations.GetEvidenceInput)(nil), Answer: (*operations.Evidence)(nil), serve: getEvidence,
	}
	EraseWords = Route{
		Operation: operations.EraseWords, Method: http.MethodPost, Path: "/record/erasures", Status: http.StatusCreated,
		Summary: "Erase a person's words or name from an entry of the record",
		About:   "Removes the named values from one entry, for good, and adds an entry of the kind `erasure` that says what was erased, and by whom. That the entry existed, and everything else it says, can still be proved. What the release or the change request repeats of it, such as who decided, goes with it. The words of a change request's decision or edit are in its record and in the log of its release: erase each.",
		Body:    (*operations.EraseWordsInput)(nil), Answer: (*release.LogEntry)(nil),
		Refusals: []string{"not-found", "nothing-to-erase", "not-sealed"}, serve: eraseWords,
	}
)

func getEvidence(o *operations.Operations, q *request) (reply, error) {
	in, err := query[operations.GetEvidenceInput](q)
	if err != nil {
		return reply{}, err
	}
	page, err := o.GetEvidence(q.Context(), q.id(), in)
	return reply{value: page}, err
}

func eraseWords(o *operations.Operations, q *request) (reply, error) {
	in, err := body[operations.EraseWordsInput](q)
	if err != nil {
		return reply{}, err
	}
	v, err := o.EraseWords(q.Context(), in, q.pre)
	return reply{value: v}, err
}

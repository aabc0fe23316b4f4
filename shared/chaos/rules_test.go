package chaos_test

import (
	"testing"

	"github.com/anishathalye/porcupine"
)

// The oracle was once wrong here. In a seed a change request was edited while its release was
// deployed, the release was rolled back, and the next release with that request was refused
// its approval. The refusal is right (docs/decisions.md: the CAB has approved another text than
// would be deployed next), but the rules of this package still took the request for approved.
func TestRules_EditedWhileDeployedThenRolledBack_NotApproved(t *testing.T) {
	for _, edited := range []bool{true, false} {
		for _, refused := range []bool{true, false} {
			r := &rules{changes: []string{"CHG-0", "CHG-1"}, releases: []string{"REL-1", "REL-2"}}
			var history []porcupine.Operation
			then := func(s step) {
				if s.op.answer.Status == 0 {
					s.done = true
				}
				at := int64(2 * len(history))
				history = append(history, porcupine.Operation{ClientId: 1, Input: &s, Output: &s, Call: at, Return: at + 1})
			}
			transition := func(release int, to string) {
				then(step{op: &op{kind: "transition", to: to}, release: release, change: -1})
			}
			then(step{op: &op{kind: "create", add: []string{"CHG-1"}}, release: 0, change: -1})
			then(step{op: &op{kind: "decide", to: "approved"}, release: -1, change: 1})
			for _, to := range []string{"approved", "scheduled", "in-progress", "deployed"} {
				transition(0, to)
			}
			if edited {
				then(step{op: &op{kind: "edit-change"}, release: -1, change: 1})
			}
			transition(0, "rolled-back")
			then(step{op: &op{kind: "create", add: []string{"CHG-1"}}, release: 1, change: -1})
			if refused {
				then(step{op: &op{kind: "transition", to: "approved", answer: answer{Status: 409, Body: object{"code": "cab-approval-missing"}}}, release: 1, change: -1})
			} else {
				transition(1, "approved")
			}
			result, _ := r.search(state{}, history)
			if right := edited == refused; right != (result == porcupine.Ok) {
				t.Errorf("change request edited: %t, next release's approval refused: %t: the search answers %s, want Ok: %t", edited, refused, result, right)
			}
		}
	}
}

package release

import (
	"strings"
	"testing"
)

// FuzzWords: what is taken for one of our words is it, whatever its case, and a caller's role
// is never a higher one than its name says.
func FuzzWords(f *testing.F) {
	for _, seed := range []string{"Planned", "in-progress", "Admin", "ADMIN", "admin ", "Adm\u0131n", "rollout", "\u017fcheduled", "", "Normal", "approved", "Low", "note", "text", "to0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		same := func(word string, ok bool) {
			if ok && !strings.EqualFold(word, s) {
				t.Errorf("%q is taken for %q", s, word)
			}
		}
		status, ok := ParseStatus(s)
		same(string(status), ok)
		task, ok := ParseTaskStatus(s)
		same(string(task), ok)
		change, ok := ParseChangeType(s)
		same(string(change), ok)
		approval, ok := ParseApprovalStatus(s)
		same(string(approval), ok)
		risk, ok := ParseRisk(s)
		same(string(risk), ok)
		decision, ok := ParseDecision(s)
		same(string(decision), ok)
		kind, ok := ParseLogKind(s)
		same(string(kind), ok)
		kind, ok = ParseChangeLogKind(s)
		same(string(kind), ok)
		erasable, ok := ParseErasable(s)
		same(string(erasable), ok)
		plan, ok := ParsePlanName(s)
		same(string(plan), ok)
		if role := ParseRole(s); role != NoRole && !strings.EqualFold(role.String(), s) {
			t.Errorf("%q gives the role %s", s, role)
		}
	})
}

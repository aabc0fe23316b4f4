package operations

import (
	"testing"

	"example.com/releases/shared/release"
)

// The role of each operation, typed by hand from the contract; and that allow holds callers to
// it: the role itself and those above suffice, the one below does not.
func TestRoles_EachOperation_IsTheContracts(t *testing.T) {
	contract := map[release.Role][]Name{
		release.Viewer: {
			"list-releases", "get-release", "check-readiness", "list-log", "get-review", "get-checkpoint", "list-changes", "get-change", "list-change-log",
			"list-tasks", "get-task",
		},
		release.Auditor: {"append-log", "lift-hold", "get-evidence", "complete-step"},
		release.Admin: {
			"create-release", "update-release", "delete-release", "add-changes", "transition-release", "erase-words", "create-change", "update-change",
			"decide-change", "create-task", "update-task",
		},
	}
	typed := 0
	for role, names := range contract {
		for _, name := range names {
			typed++
			if have, known := Roles[name]; !known || have != role {
				t.Errorf("%s needs %v, want %v", name, have, role)
			}
			for caller := release.NoRole; caller <= release.Admin; caller++ {
				_, err := allow(release.WithCaller(t.Context(), release.Caller{Role: caller}), name)
				if (err == nil) != (caller >= role) || err != nil && !release.IsKind(err, release.KindForbidden) {
					t.Errorf("%s by a caller with the role %v: %v", name, caller, err)
				}
			}
			if _, err := allow(t.Context(), name); !release.IsKind(err, release.KindUnauthenticated) {
				t.Errorf("%s by nobody: %v", name, err)
			}
		}
	}
	if typed != len(Roles) {
		t.Errorf("%d operations are typed, and there are %d", typed, len(Roles))
	}
}

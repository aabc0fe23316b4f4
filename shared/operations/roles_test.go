package operations

import (
	"os"
	"strings"
	"testing"

	"example.com/releases/shared/release"
)

// documentedRoles is the role of each operation as docs/security.md has it, which is the
// contract: the lowest that is not refused. What a caller without any role may do is theirs
// alone, and beyond this table.
func documentedRoles(t *testing.T) map[Name]release.Role {
	t.Helper()
	page, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\n## Who may do what\n")
	table, _, _ = strings.Cut(table, "\n## ")
	roles := map[Name]release.Role{}
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		name := strings.Trim(cells[0], "`")
		if len(cells) != 7 || name == cells[0] {
			continue
		}
		for role := release.Admin; role > release.NoRole; role-- {
			if cells[3+int(role)] != "–" {
				roles[Name(name)] = role
			}
		}
	}
	return roles
}

// The role of each operation is the contract's, and allow holds callers to it: the role itself
// and those above suffice, the one below does not.
func TestRoles_EachOperation_IsTheContracts(t *testing.T) {
	contract := documentedRoles(t)
	for name, role := range contract {
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
	for name := range Roles {
		if _, documented := contract[name]; !documented {
			t.Errorf("%s is not in docs/security.md", name)
		}
	}
}

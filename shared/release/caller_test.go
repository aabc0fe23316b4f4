package release

import "testing"

func TestRole_EachName_ReadsBack(t *testing.T) {
	for role, name := range map[Role]string{NoRole: "", Viewer: "Viewer", Auditor: "Auditor", Admin: "Admin", Admin + 1: "", NoRole - 1: ""} {
		if role.String() != name {
			t.Errorf("%d is called %q, want %q", role, role, name)
		}
	}
	for name, role := range map[string]Role{"": NoRole, "viewer": Viewer, "AUDITOR": Auditor, "Admin": Admin, "Admins": NoRole, "Viewer ": NoRole} {
		if got := ParseRole(name); got != role {
			t.Errorf("%q reads %v, want %v", name, got, role)
		}
	}
}

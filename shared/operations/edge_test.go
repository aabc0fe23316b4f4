package operations

import (
	"context"
	"errors"
	"strings"
	"testing"

	"example.com/releases/shared/release"
)

func TestDecodeParameters_WrongOnes_AllAreNamed(t *testing.T) {
	for _, c := range []struct {
		name   string
		values map[string][]string
		wrong  string
	}{
		{"none", nil, ""},
		{"all", map[string][]string{"status": {"planned"}, "limit": {"7"}, "cursor": {"abc"}}, ""},
		{"unknown", map[string][]string{"state": {"planned"}, "page": {"2"}, "limit": {"7"}}, "page state"},
		{"repeated", map[string][]string{"status": {"planned", "approved"}}, "status"},
		{"empty", map[string][]string{"status": {""}, "limit": {""}, "cursor": {""}}, "cursor limit status"},
		{"no number", map[string][]string{"limit": {"1e2"}}, "limit"},
		{"no whole number", map[string][]string{"limit": {"2.0"}}, "limit"},
		{"too large for any number", map[string][]string{"limit": {"99999999999999999999"}}, "limit"},
		{"case matters", map[string][]string{"Limit": {"7"}}, "Limit"},
	} {
		in, err := DecodeParameters[ListReleasesInput](c.values)
		if err == nil {
			err = in.err(release.ValidationErrors{})
		}
		var e *release.Error
		var wrong []string
		if errors.As(err, &e) {
			for _, f := range e.Fields {
				wrong = append(wrong, f.Field)
			}
		}
		if got := strings.Join(wrong, " "); got != c.wrong {
			t.Errorf("%s: %q is wrong, want %q", c.name, got, c.wrong)
		}
		if c.name == "all" && (in.Status != "planned" || in.Limit == nil || *in.Limit != 7 || in.Cursor != "abc") {
			t.Errorf("decoded %+v", in)
		}
	}
}

func TestAdmit_OwnTasks_LeftToTheOperation(t *testing.T) {
	nobody := context.Background()
	roleless := release.WithCaller(nobody, release.Caller{Person: release.Person{Email: "a@example.com", EmailVerified: true}})
	for op := range Roles {
		if err := Admit(nobody, op); !release.IsKind(err, release.KindUnauthenticated) {
			t.Errorf("%s without a caller: %v", op, err)
		}
		err := Admit(roleless, op)
		if own := op == ListTasks || op == GetTask; own != (err == nil) {
			t.Errorf("%s without a role: %v", op, err)
		}
	}
}

package operations

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"example.com/releases/shared/release"
)

func named(err error) []string {
	var e *release.Error
	all := []string{}
	if errors.As(err, &e) {
		for _, f := range e.Fields {
			all = append(all, f.Field)
		}
	}
	return all
}

func TestDecodeNamesEveryWrongField(t *testing.T) {
	for body, want := range map[string][]string{
		`{"name":1,"colour":"red","scheduledStart":"tomorrow"}`:     {"colour", "name", "scheduledStart"},
		`{"rolloutSteps":[{"order":"1","extra":true},{"order":2}]}`: {"rolloutSteps[0].extra", "rolloutSteps[0].order"},
		`{"rolloutSteps":{}}`:                {"rolloutSteps"},
		`{"rolloutSteps":[1]}`:               {"rolloutSteps[0]"},
		`{"linkedChangeRequestIds":"CHG-1"}`: {"linkedChangeRequestIds"},
		`{"public":"yes"}`:                   {"public"},
		`{"Name":"case matters"}`:            {"Name"},
		`{"rolloutSteps":[{"order":1.5}]}`:   {"rolloutSteps[0].order"},
		`{"name":"ok","scheduledStart":"2026-07-01T00:00:00+02:00","public":null}`: {},
	} {
		_, err := Decode[CreateReleaseInput]([]byte(body))
		if got := named(err); !slices.Equal(got, want) {
			t.Errorf("%s: named %v, want %v (%v)", body, got, want, err)
		}
	}
	in, err := Decode[CreateReleaseInput]([]byte(`{"name":"ok","scheduledStart":"2026-07-01T00:00:00+02:00","public":false}`))
	if err != nil || in.Name != "ok" || in.ScheduledStart.Hour() != 22 || in.Public == nil || *in.Public {
		t.Errorf("%+v, %v", in, err)
	}
}

func TestDecodeSaysWhatIsNotJSON(t *testing.T) {
	for body, hint := range map[string]string{
		``: "too early", `{"name":`: "too early", `{"name" "x"}`: "byte 9", `[]`: "object", `"x"`: "object", `null`: "object", `{} {}`: "not valid",
	} {
		_, err := Decode[CreateReleaseInput]([]byte(body))
		if !release.HasCode(err, "invalid-json") || !strings.Contains(err.Error(), hint) {
			t.Errorf("%q: %v", body, err)
		}
	}
}

func TestMergePatch(t *testing.T) {
	plan := release.TaskPlan{Title: "t", RequesterEmail: "a@example.com", Status: release.TaskOpen, ChangeRequestID: "CHG-1", CIIDs: []string{"a"}}
	got, touched, err := patched[release.TaskPlan](plan, []byte(`{"changeRequestId":null,"ciIds":["b","c"]}`))
	if err != nil || got.ChangeRequestID != "" || !slices.Equal(got.CIIDs, []string{"b", "c"}) || got.Title != "t" || !slices.Equal(touched, []string{"changeRequestId", "ciIds"}) {
		t.Errorf("%+v %v %v", got, touched, err)
	}
	if _, _, err := patched[release.TaskPlan](plan, []byte(`{"comments":[],"title":5}`)); !slices.Equal(named(err), []string{"comments", "title"}) {
		t.Errorf("named %v", named(err))
	}
	if _, _, err := patched[release.TaskPlan](plan, []byte(`[]`)); !release.HasCode(err, "invalid-json") {
		t.Errorf("a patch that is no object: %v", err)
	}
}

// FuzzDecode holds that any body is either decoded or refused as the caller's fault.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{"name":"x"}`, `{"rolloutSteps":[{"order":1}]}`, `{"public":null}`, "{", `{"name":"\ud800"}`, `{"name":[[[[]]]]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := Decode[CreateReleaseInput](body); err != nil && !release.IsKind(err, release.KindInvalid) {
			t.Errorf("%q: %v", body, err)
		}
	})
}

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

func TestDecode_WrongFields_AllAreNamed(t *testing.T) {
	for body, want := range map[string][]string{
		`{"name":1,"colour":"red","scheduledStart":"tomorrow"}`:     {"colour", "name", "scheduledStart"},
		`{"rolloutSteps":[{"order":"1","extra":true},{"order":2}]}`: {"rolloutSteps[0].extra", "rolloutSteps[0].order"},
		`{"rolloutSteps":{}}`:                {"rolloutSteps"},
		`{"rolloutSteps":[1]}`:               {"rolloutSteps[0]"},
		`{"linkedChangeRequestIds":"CHG-1"}`: {"linkedChangeRequestIds"},
		`{"public":"yes"}`:                   {"public"},
		`{"Name":"case matters"}`:            {"Name"},
		`{"rolloutSteps":[{"order":1.5}]}`:   {"rolloutSteps[0].order"},
		`{"rolloutSteps":[{"order":1e30}]}`:  {"rolloutSteps[0].order"},
		`{"rolloutSteps":[{"order":1e1}]}`:   {},
		`{"rolloutSteps":[{"order":30.0}]}`:  {},
		`{"name":"ok","scheduledStart":"2026-07-01T00:00:00+02:00","public":null}`: {},
	} {
		in, err := Decode[CreateReleaseInput]([]byte(body))
		if err == nil {
			err = in.err(release.ValidationErrors{})
		}
		if got := named(err); !slices.Equal(got, want) {
			t.Errorf("%s: named %v, want %v (%v)", body, got, want, err)
		}
	}
	in, err := Decode[CreateReleaseInput]([]byte(`{"name":"ok","scheduledStart":"2026-07-01T00:00:00+02:00","public":false}`))
	if err != nil || in.Name != "ok" || in.ScheduledStart.Hour() != 22 || in.Public == nil || *in.Public {
		t.Errorf("%+v, %v", in, err)
	}
}

func TestDecode_OtherType_SaysWhichIsRight(t *testing.T) {
	for body, want := range map[string]string{
		`{"name":1}`: "a text", `{"public":"yes"}`: "true or false", `{"rolloutSteps":[{"order":"1"}]}`: "a whole number",
	} {
		in, err := Decode[CreateReleaseInput]([]byte(body))
		if err == nil {
			err = in.err(release.ValidationErrors{})
		}
		var e *release.Error
		if !errors.As(err, &e) || len(e.Fields) != 1 || !strings.Contains(e.Fields[0].Message, want) {
			t.Errorf("%s: %+v, want %s", body, e, want)
		}
	}
}

func TestDecode_NotJSON_IsSaid(t *testing.T) {
	for body, hint := range map[string]string{
		``: "too early", `{"name":`: "too early", `{"name" "x"}`: "byte 9", `[]`: "object", `"x"`: "object", `null`: "object", `{} {}`: "not valid",
	} {
		_, err := Decode[CreateReleaseInput]([]byte(body))
		if !release.HasCode(err, "invalid-json") || !strings.Contains(err.Error(), hint) {
			t.Errorf("%q: %v", body, err)
		}
	}
}

func TestPatched_MergePatch_LeavesTheRest(t *testing.T) {
	plan := release.TaskPlan{Title: "t", RequesterEmail: "a@example.com", Status: release.TaskOpen, ChangeRequestID: "CHG-1", CIIDs: []string{"a"}}
	read := func(body string) mergePatch {
		patch, err := readPatch([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return patch
	}
	got, touched, _, err := patched[release.TaskPlan](plan, read(`{"changeRequestId":null,"ciIds":["b","c"]}`), besideTask)
	if err != nil || got.ChangeRequestID != "" || !slices.Equal(got.CIIDs, []string{"b", "c"}) || got.Title != "t" || !slices.Equal(touched, []string{"changeRequestId", "ciIds"}) {
		t.Errorf("%+v %v %v", got, touched, err)
	}
	_, _, wrong, err := patched[release.TaskPlan](plan, read(`{"comments":null,"id":null,"title":5}`), besideTask)
	if all := wrong.err(release.ValidationErrors{}); err != nil || !slices.Equal(named(all), []string{"comments", "id", "title"}) {
		t.Errorf("named %v, %v", named(all), err)
	}
	if _, err := readPatch([]byte(`[]`)); !release.HasCode(err, "invalid-json") {
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

func TestDecode_UnreadableAndInvalid_EachIsNamedOnce(t *testing.T) {
	m := DecodeErrors{fields: []release.FieldError{{Field: "steps[0]"}, {Field: "name"}, {Field: "rows"}}}
	var f release.ValidationErrors
	for _, field := range []string{"name", "names", "steps[0].order", "steps[01]", "steps", "rows[1].order"} {
		f.Add(field, "is wrong")
	}
	if got := named(m.err(f)); !slices.Equal(got, []string{"steps[0]", "name", "rows", "names", "steps[01]", "steps"}) {
		t.Errorf("named %v", got)
	}
	other := errors.New("another")
	if err := m.mergedWith(other); errors.Is(err, other) || len(named(err)) != 3 {
		t.Errorf("behind what was misread: %v", err)
	}
	if err := (DecodeErrors{}).mergedWith(other); !errors.Is(err, other) {
		t.Errorf("nothing was misread: %v", err)
	}
}

// What JSON is to leave out cannot be given either, under no name.
func TestDecode_FieldWithoutAName_IsNotRead(t *testing.T) {
	type input struct {
		Text   string `json:"text"`
		Hidden string `json:"-"`
	}
	for _, body := range []string{`{"-":"x"}`, `{"Hidden":"x"}`} {
		in, err := Decode[input]([]byte(body))
		if !release.IsKind(err, release.KindInvalid) || in.Hidden != "" {
			t.Errorf("%s: %+v, %v", body, in, err)
		}
	}
}

package rest_test

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/releases/shared/release"
)

// plan describes one of the three nouns that people create and edit.
type plan struct {
	noun     string
	path     string
	fields   reflect.Type
	further  object              // what a creation needs besides the plan
	required []string            // fields that a patch cannot clear
	enriched []string            // fields that only GET answers
	samples  map[string][]string // valid values, where the type does not tell
}

// Every field that people write is stored as it was sent, can be patched to another value and cleared,
// and is answered as it is stored. The fields are read from the types, so that a new one cannot be
// forgotten.
func TestPatch_EveryField_AnswersWhatIsStored(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	for _, p := range []plan{
		{
			noun: "release", path: "/releases", fields: reflect.TypeFor[release.Plan](),
			required: []string{"name"}, enriched: []string{"holds", "linkedChangeRequests", "deploymentLog"},
		},
		{
			noun: "change request", path: "/change-requests", fields: reflect.TypeFor[release.ChangePlan](),
			further: object{"changeType": "Normal"}, enriched: []string{"linkedRelease", "decisions"},
			samples: map[string][]string{"risk": {"Low", "High"}},
		},
		{
			noun: "task", path: "/tasks", fields: reflect.TypeFor[release.TaskPlan](),
			required: []string{"title", "requesterEmail", "status"}, enriched: []string{"linkedRelease"},
			samples: map[string][]string{"status": {"Open", "InProgress"}, "changeRequestId": {w.change(false), w.change(true)}},
		},
	} {
		t.Run(p.noun, func(t *testing.T) { w.patchesEach(t, p) })
	}
}

func (w *fixture) patchesEach(t *testing.T, p plan) {
	first, second := object{}, object{}
	for n, name := range jsonNames(p.fields) {
		first[name], second[name] = p.sample(t, name, n, 0), p.sample(t, name, n, 1)
		if reflect.DeepEqual(first[name], second[name]) {
			second[name] = first[name] != true // of a boolean
		}
	}
	body := object{}
	for _, part := range []object{first, p.further} {
		for name, v := range part {
			body[name] = v
		}
	}
	created := w.must(admin, ask{route: "POST " + p.path, body: body})
	path := p.path + "/" + created["id"].(string)
	want := first
	check := func(when string, answered object) {
		t.Helper()
		stands := w.must(viewer, ask{route: "GET " + path})
		for name := range stands {
			if _, also := answered[name]; !also && !slices.Contains(p.enriched, name) {
				t.Errorf("%s: GET answers %s, and the write did not", when, name)
			}
		}
		for name, v := range answered {
			if !reflect.DeepEqual(stands[name], v) {
				t.Errorf("%s: the write answers %s as %v, GET as %v", when, name, v, stands[name])
			}
		}
		for name, v := range want {
			if !holds(stands[name], v) {
				t.Errorf("%s: %s is %v, want %v", when, name, stands[name], v)
			}
		}
	}
	check("created", created)
	for _, name := range jsonNames(p.fields) {
		want[name] = second[name]
		check(name+" patched", w.must(admin, ask{route: "PATCH " + path, body: object{name: second[name]}}))
	}
	for _, name := range jsonNames(p.fields) {
		taken := ask{route: "PATCH " + path, body: object{name: nil}}
		if slices.Contains(p.required, name) {
			if got := w.send(admin, taken); got.Code != http.StatusBadRequest {
				t.Errorf("%s cleared: %d %s, want 400", name, got.Code, got.text)
			}
			continue
		}
		switch second[name].(type) {
		case bool:
			want[name] = true // the default
		case string:
			want[name] = ""
		default:
			want[name] = []any{}
		}
		check(name+" cleared", w.must(admin, taken))
	}
}

// jsonNames returns the JSON names of a struct's fields, in order.
func jsonNames(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// sample returns one of two values (other is 0 or 1) for the n-th field.
func (p plan) sample(t *testing.T, name string, n, other int) any {
	t.Helper()
	if values, ok := p.samples[name]; ok {
		return values[other]
	}
	return sampleOf(t, p.fields.Field(n).Type, name, n, other)
}

func sampleOf(t *testing.T, kind reflect.Type, name string, n, other int) any {
	t.Helper()
	start := time.Date(2026, 5, 4, 18, 0, 0, 0, time.UTC)
	switch {
	case kind == reflect.TypeFor[*time.Time]():
		return start.AddDate(0, 0, 10*n+other).Format(time.RFC3339) // a later field gets a later time, as an end is after its start
	case kind == reflect.TypeFor[[]release.Step]():
		var steps []any
		for order := 1; order <= 2; order++ {
			step := object{}
			for i, name := range jsonNames(kind.Elem()) {
				if !slices.Contains(completion, name) {
					step[name] = sampleOf(t, kind.Elem().Field(i).Type, name, i+order, other)
				}
			}
			step["order"] = float64(order)
			steps = append(steps, step)
		}
		return steps
	case kind == reflect.TypeFor[[]string]():
		return []any{fmt.Sprintf("ci-%d-%d", n, other), fmt.Sprintf("ci-%d", n)}
	case strings.HasSuffix(strings.ToLower(name), "email"):
		return fmt.Sprintf("somebody-%d-%d@example.com", n, other)
	case kind.Kind() == reflect.String:
		return fmt.Sprintf("%s %d", name, other)
	case kind.Kind() == reflect.Int:
		return float64(10*n + other + 1)
	case kind.Kind() == reflect.Bool:
		return false
	}
	t.Fatalf("sampleOf does not know how to make a value of the type %s: add a case", kind)
	return nil
}

// completion are the fields of a step that only its completion writes.
var completion = []string{"completed", "completedBy", "completedAt"}

// holds tells whether an answer has what was sent. An empty text may be left out, and steps have more
// fields in answers.
func holds(got, sent any) bool {
	switch sent := sent.(type) {
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(sent) {
			return false
		}
		for i := range sent {
			if !holds(list[i], sent[i]) {
				return false
			}
		}
		return true
	case object:
		for name, v := range sent {
			if part, ok := got.(object); !ok || !holds(part[name], v) {
				return false
			}
		}
		return true
	case string:
		return got == sent || sent == "" && got == nil
	}
	return got == sent
}

// What the completion of a step stamps is answered as it is stored, and survives an edit of the steps.
func TestCompleteStep_EveryField_AnswersWhatIsStored(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	id := stepped("approved", "scheduled")(w)
	done := w.must(admin, ask{route: "POST /releases/" + id + "/steps/rollout/1", body: object{"completed": true}})
	step := done["rolloutSteps"].([]any)[0].(object)
	for _, name := range completion {
		if step[name] == nil || step[name] == false {
			t.Errorf("a completed step has no %s: %v", name, step)
		}
	}
	stands := w.must(viewer, ask{route: "GET /releases/" + id})
	if !reflect.DeepEqual(stands["rolloutSteps"], done["rolloutSteps"]) {
		t.Errorf("the completion answers %v, GET %v", done["rolloutSteps"], stands["rolloutSteps"])
	}
	renamed := w.must(admin, ask{route: "PATCH /releases/" + id, body: object{"rolloutSteps": []object{{"order": 1, "description": "Renamed"}}}})
	kept := renamed["rolloutSteps"].([]any)[0].(object)
	for _, name := range completion {
		if kept[name] != step[name] {
			t.Errorf("%s is %v after a patch, was %v", name, kept[name], step[name])
		}
	}
}

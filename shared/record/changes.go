package record

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"example.com/releases/shared/release"
)

// PlanChanges are the fields in which two plans of a release differ, by name. A list of steps
// counts as one field where more than half of its steps differ; otherwise each differing step
// counts by itself, as rolloutSteps[3] for the step with order 3. Whether steps are completed
// is not part of a plan and is left out. Against an empty plan, every field that is set
// differs.
func PlanChanges(before, after release.Plan) []release.FieldChange {
	was, is := fieldsOf(withoutCompletion(before)), fieldsOf(withoutCompletion(after))
	for _, list := range []string{"rolloutSteps", "rollbackSteps"} {
		single(was, is, list)
	}
	return differences(was, is)
}

// single replaces a list of steps by its individual steps where at most half of them differ.
func single(was, is map[string]string, list string) {
	before, after := stepsOf(was, list), stepsOf(is, list)
	if 2*len(differences(before, after)) > len(after) {
		return
	}
	delete(was, list)
	delete(is, list)
	maps.Copy(was, before)
	maps.Copy(is, after)
}

// stepsOf returns each step of a list under the name list[order].
func stepsOf(fields map[string]string, list string) map[string]string {
	var steps []json.RawMessage
	if fields[list] != "" {
		if err := json.Unmarshal([]byte(fields[list]), &steps); err != nil {
			panic("record: " + err.Error()) // fieldsOf has just written it
		}
	}
	all := make(map[string]string, len(steps))
	for _, s := range steps {
		var place struct{ Order int }
		if err := json.Unmarshal(s, &place); err != nil {
			panic("record: " + err.Error())
		}
		all[list+"["+strconv.Itoa(place.Order)+"]"] = string(s)
	}
	return all
}

// ChangePlanChanges is PlanChanges for change requests.
func ChangePlanChanges(before, after release.ChangePlan) []release.FieldChange {
	return differences(fieldsOf(before), fieldsOf(after))
}

func withoutCompletion(p release.Plan) release.Plan {
	p.RolloutSteps, p.RollbackSteps = release.Uncompleted(p.RolloutSteps), release.Uncompleted(p.RollbackSteps)
	return p
}

// fieldsOf returns a plan's fields by name: text as it is, anything else as JSON. Empty fields
// are left out.
func fieldsOf(plan any) map[string]string {
	raw := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(marshal(plan)), &raw); err != nil {
		panic("record: " + err.Error()) // a plan is an object
	}
	fields := make(map[string]string, len(raw))
	for name, v := range raw {
		if text := plain(v); text != "" {
			fields[name] = text
		}
	}
	return fields
}

func plain(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) == nil {
		return s
	}
	switch string(v) {
	case "false", "[]":
		return ""
	}
	return string(v)
}

func differences(before, after map[string]string) []release.FieldChange {
	var all []release.FieldChange
	names := maps.Clone(before)
	maps.Copy(names, after)
	for _, name := range slices.SortedFunc(maps.Keys(names), byStep) {
		if before[name] != after[name] {
			all = append(all, release.FieldChange{Field: name, To: after[name], Was: fingerprint(before[name])})
		}
	}
	return all
}

// byStep sorts fields by name, and the steps of a list by order.
func byStep(a, b string) int {
	nameA, orderA := splitStep(a)
	nameB, orderB := splitStep(b)
	if nameA != nameB {
		return strings.Compare(nameA, nameB)
	}
	return orderA - orderB
}

func splitStep(field string) (name string, order int) {
	name, place, _ := strings.Cut(field, "[")
	order, _ = strconv.Atoi(strings.TrimSuffix(place, "]")) // only a step has an index
	return name, order
}

package record

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"example.com/releases/shared/release"
)

// PlanChanges are the fields in which two plans of a release differ, by name. Of a list of
// steps it is the whole list where more than half of it differs, else the steps that
// differ, with rolloutSteps[3] for the step of order 3. The completion of steps is not part
// of a plan and is left out. Compared with an empty plan, it is every field that is set.
func PlanChanges(before, after release.Plan) []release.FieldChange {
	was, is := fieldsOf(withoutCompletion(before)), fieldsOf(withoutCompletion(after))
	for _, list := range []string{"rolloutSteps", "rollbackSteps"} {
		single(was, is, list)
	}
	return differences(was, is)
}

// single replaces a list of steps by its single steps where few of them differ.
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

// stepsOf is each step of a list, by list[order].
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

// fieldsOf is a plan by field: a text as it is, anything else as JSON. Empty fields are
// left out.
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
	case "false", "null", "[]", "0":
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

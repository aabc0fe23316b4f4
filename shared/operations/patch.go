package operations

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"example.com/releases/shared/release"
)

// mergePatch is a JSON merge patch (RFC 7396) by field. The documents are flat except for
// lists, which RFC 7396 replaces as a whole, so merging is one level deep.
type mergePatch map[string]json.RawMessage

// readPatch reads a patch before anything else is read: an invalid request is refused
// before any precondition is evaluated (RFC 9110, 13.2.1).
func readPatch(body []byte) (mergePatch, error) {
	if err := wellFormed(body); err != nil {
		return nil, err
	}
	var patch mergePatch
	err := json.Unmarshal(body, &patch)
	return patch, err
}

// patched applies a patch to the JSON form of the current plan. It returns the new plan,
// the fields that the patch names, and what in it could not be read or cannot be edited.
// elsewhere says which operation changes a field that cannot be edited.
func patched[T any](current any, patch mergePatch, elsewhere map[string]instead) (plan T, asked []string, wrong DecodeErrors, err error) {
	stands, err := json.Marshal(current)
	if err != nil {
		return plan, nil, wrong, err
	}
	var document map[string]json.RawMessage
	if err := json.Unmarshal(stands, &document); err != nil {
		return plan, nil, wrong, err
	}
	fields := map[string]reflect.Value{}
	collectFields(reflect.ValueOf(&plan).Elem(), fields)
	var f release.ValidationErrors
	for name, value := range patch {
		switch _, editable := fields[name]; {
		case !editable:
			notEdited(&f, name, fields, elsewhere)
			continue
		case string(value) == "null":
			delete(document, name)
		default:
			document[name] = value
		}
		asked = append(asked, name)
	}
	slices.Sort(asked)
	slices.SortFunc(f.Fields, func(a, b release.FieldError) int { return strings.Compare(a.Field, b.Field) })
	merged, err := json.Marshal(document)
	if err != nil {
		return plan, nil, wrong, err
	}
	decodeInto(&f, "", merged, reflect.ValueOf(&plan).Elem())
	wrong.set(f)
	return plan, asked, wrong, nil
}

// notEdited reports a field that a patch cannot change, with the operation that changes
// it, or else with the fields that can be edited.
func notEdited(f *release.ValidationErrors, name string, fields map[string]reflect.Value, elsewhere map[string]instead) {
	if e, known := elsewhere[name]; known {
		f.AddFor(string(e.use), name, "cannot be edited here; %s", e.why)
		return
	}
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	f.Add(name, "cannot be edited; the fields that can: %s", strings.Join(names, ", "))
}

// instead says why a field cannot be edited, and which operation changes it, if any.
type instead struct {
	why string
	use Name
}

var (
	besideRelease = map[string]instead{
		"status":                 {"a release moves by transitions", TransitionRelease},
		"rollback_reason":        {"it goes with the transition to rolled-back", TransitionRelease},
		"rolledBackReason":       {"it is the rollback_reason of the transition to rolled-back", TransitionRelease},
		"linkedChangeRequestIds": {"change requests are linked and removed one by one", AddChanges},
		"linkedChangeRequests":   {"change requests are linked and removed one by one", AddChanges},
		"deploymentLog":          {"the log is only ever added to", AppendLog},
		"holds":                  {"a hold is placed with an entry of the log", AppendLog},
	}
	besideChange = map[string]instead{
		"cabDecision":    {"the CAB's decision is recorded by itself", DecideChange},
		"approvalStatus": {"it follows the CAB's decision", DecideChange},
		"decisionNote":   {"it is the note of the CAB's decision", DecideChange},
		"decisions":      {"the CAB's decision is recorded by itself", DecideChange},
		"status":         {why: "it follows the release that the change request is in"},
		"releaseId":      {"the release links and removes its change requests", AddChanges},
	}
	besideTask = map[string]instead{
		"comments":      {why: "they are left by the releases that the task follows"},
		"linkedRelease": {why: "it follows from changeRequestId"},
	}
)

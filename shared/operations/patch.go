package operations

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"example.com/releases/shared/release"
)

// mergePatch is a JSON merge patch (RFC 7396) by field. The documents are flat but for
// lists, which RFC 7396 replaces as a whole, so merging is one level deep.
type mergePatch map[string]json.RawMessage

// readPatch reads a patch once, and before anything else is: what is wrong in itself is
// refused before any precondition is looked at (RFC 9110, 13.2.1).
func readPatch(body []byte) (mergePatch, error) {
	if err := wellFormed(body); err != nil {
		return nil, err
	}
	var patch mergePatch
	err := json.Unmarshal(body, &patch)
	return patch, err
}

// patched lays a patch over the JSON form of what stands: the plan it makes, the fields
// it names, and what of it could not be read or cannot be edited. elsewhere says where
// people change what is not edited.
func patched[T any](current any, patch mergePatch, elsewhere map[string]string) (plan T, asked []string, wrong DecodeErrors, err error) {
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
			f.Add(name, "%s", notEdited(name, fields, elsewhere))
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
	wrong.keep(f)
	return plan, asked, wrong, nil
}

func notEdited(name string, fields map[string]reflect.Value, elsewhere map[string]string) string {
	if where, known := elsewhere[name]; known {
		return "cannot be edited here; " + where
	}
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return "cannot be edited; what can: " + strings.Join(names, ", ")
}

// Where what cannot be edited is changed instead.
var (
	besideRelease = map[string]string{
		"status":                 "a release moves with POST /api/releases/{id}/status",
		"rollback_reason":        "it goes with POST /api/releases/{id}/status",
		"rolledBackReason":       "it goes with POST /api/releases/{id}/status, as rollback_reason",
		"linkedChangeRequestIds": "link and remove change requests with POST /api/releases/{id}/add-changes",
		"linkedChangeRequests":   "link and remove change requests with POST /api/releases/{id}/add-changes",
		"deploymentLog":          "add to the log with POST /api/releases/{id}/log",
	}
	besideChange = map[string]string{
		"cabDecision":    "the CAB's decision is recorded with POST /api/change-requests/{id}/decision",
		"approvalStatus": "it follows the CAB's decision: POST /api/change-requests/{id}/decision",
		"decisionNote":   "it goes with POST /api/change-requests/{id}/decision, as note",
		"status":         "it follows the release that the change request is in",
		"releaseId":      "link and remove change requests with POST /api/releases/{id}/add-changes",
	}
	besideTask = map[string]string{
		"comments":      "they are left by the releases that the task follows",
		"linkedRelease": "it follows from changeRequestId",
	}
)

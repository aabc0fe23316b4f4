package openapi

import (
	"reflect"
	"slices"

	"example.com/releases/shared/fields"
	"example.com/releases/shared/operations"
	"example.com/releases/shared/release"
)

// fieldDoc is what the document says about a field besides its type: a description, limits
// of a value (or of each in a list), and limits of the list itself.
type fieldDoc struct {
	text   string
	limits object
	list   object
}

// docOf derives a field's description from its type and its limits from what checks it.
func docOf(schema string, t reflect.Type, f fields.Field, m mode) fieldDoc {
	doc := fieldDoc{text: f.Markdown()}
	b, checked := boundOf(t, f)
	switch {
	case checked:
		doc.limits, doc.list = limitsOf(b)
	case otherwise[schema+"."+f.Name] != nil:
		doc.limits = otherwise[schema+"."+f.Name]
	default:
		doc.limits = otherwise[f.Name]
	}
	switch b.Form {
	case release.FormLine, release.FormProse, release.FormConfigurationItem:
		doc.text += " The bound counts bytes of UTF-8."
	case release.FormChoice:
		if m != output {
			doc.text += " Upper and lower case are the same."
		}
	}
	return doc
}

// boundOf is the bound that is checked on a field: by the type that holds it, or by the one
// that declares it. A field that is only read has the bound under which it was written.
func boundOf(t reflect.Type, f fields.Field) (release.Bound, bool) {
	value := f.Type
	for value.Kind() == reflect.Pointer || value.Kind() == reflect.Slice {
		value = value.Elem()
	}
	if words, ok := choices[value]; ok {
		return release.Bound{Form: release.FormChoice, Choices: words}, true
	}
	from, read := written[f.Of]
	if read && f.Name == "id" {
		return release.Bound{Form: release.FormIdentifier}, true
	}
	for _, checks := range []reflect.Type{t, f.Of, from} {
		if checks == nil {
			continue
		}
		bounds, _ := operations.Bounds(checks)
		if b, ok := bounds[f.Name]; ok {
			return b, true
		}
	}
	return release.Bound{}, false
}

// written maps types that are only read to the types that wrote their fields.
var written = map[reflect.Type]reflect.Type{
	reflect.TypeFor[operations.ReleaseView]():   reflect.TypeFor[operations.CreateReleaseInput](),
	reflect.TypeFor[operations.ChangeRelease](): reflect.TypeFor[operations.CreateReleaseInput](),
	reflect.TypeFor[operations.TaskRelease]():   reflect.TypeFor[operations.CreateReleaseInput](),
	reflect.TypeFor[release.Summary]():          reflect.TypeFor[operations.CreateReleaseInput](),
	reflect.TypeFor[release.Readiness]():        reflect.TypeFor[operations.CreateReleaseInput](),
	reflect.TypeFor[operations.ChangeView]():    reflect.TypeFor[operations.CreateChangeInput](),
	reflect.TypeFor[release.LinkedChange]():     reflect.TypeFor[operations.CreateChangeInput](),
	reflect.TypeFor[operations.TaskView]():      reflect.TypeFor[operations.CreateTaskInput](),
}

// choices are the types whose values are known.
var choices = map[reflect.Type][]string{
	reflect.TypeFor[release.Status]():         texts(release.Statuses),
	reflect.TypeFor[release.ChangeType]():     texts(release.ChangeTypes),
	reflect.TypeFor[release.ChangeStatus]():   texts(release.ChangeStatuses),
	reflect.TypeFor[release.CABDecision]():    texts(release.CABDecisions),
	reflect.TypeFor[release.ApprovalStatus](): texts(release.ApprovalStatuses),
	reflect.TypeFor[release.TaskStatus]():     texts(release.TaskStatuses),
	reflect.TypeFor[release.LogKind]():        texts(release.LogKinds),
	reflect.TypeFor[release.PlanName]():       {string(release.RolloutPlan), string(release.RollbackPlan)},
	reflect.TypeFor[release.Guard]():          texts([]release.Guard{release.GuardHold, release.GuardApproval, release.GuardWindow, release.GuardReason}),
}

// otherwise are limits of fields that nobody sends, and of cursors, which the store checks.
var otherwise = map[string]object{
	"cursor":                          {{"maxLength", 5000}, {"pattern", "^[A-Za-z0-9_-]+$"}},
	"state":                           {{"enum", []any{"settling", "settled"}}},
	"changedSinceApproval":            {{"enum", anys(release.PlanFields())}},
	"LogEntry.releaseId":              identifier,
	"LogEntry.changeRequestId":        identifier,
	"ScopedChange.id":                 identifier,
	"EraseWordsInput.releaseId":       identifier,
	"EraseWordsInput.changeRequestId": identifier,
	"LoggedStep.order":                {{"minimum", 1}, {"maximum", release.MaxOrder}},
	"Advice.code":                     {{"enum", anys(release.AdviceCodes())}},
	"Problem.type":                    {{"format", "uri-reference"}},
	"Problem.status":                  {{"minimum", 400}, {"maximum", 599}},
}

// limitsOf is a bound in JSON Schema. Schemas count characters and bounds bytes, so a
// schema is never stricter than the service.
func limitsOf(b release.Bound) (value, list object) {
	switch b.Form {
	case release.FormLine:
		value = textLimits(b, lineText, someLine)
	case release.FormProse:
		value = textLimits(b, proseText, someProse)
	case release.FormEmail:
		value = object{{"format", "email"}, {"maxLength", b.Most}, {"pattern", emailText}}
	case release.FormIdentifier:
		value = identifier
	case release.FormConfigurationItem:
		value = object{{"minLength", b.Least}, {"maxLength", b.Most}, {"pattern", ciText}}
	case release.FormNumber:
		value = object{{"minimum", b.Least}, {"maximum", b.Most}}
	case release.FormChoice:
		value = object{{"enum", anys(b.Choices)}}
	}
	if b.MinItems > 0 {
		list = append(list, member{"minItems", b.MinItems})
	}
	if b.MaxItems > 0 {
		list = append(list, member{"maxItems", b.MaxItems})
	}
	if b.Unique {
		list = append(list, member{"uniqueItems", true})
	}
	return value, list
}

var identifier = object{{"maxLength", release.MaxID}, {"pattern", "^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"}}

func textLimits(b release.Bound, empty, some string) object {
	if b.Least == 0 {
		return object{{"maxLength", b.Most}, {"pattern", empty}}
	}
	return object{{"minLength", b.Least}, {"maxLength", b.Most}, {"pattern", some}}
}

// demanded tells whether a request is refused without the field; a patch cannot remove it.
func demanded(t reflect.Type, name string) bool {
	_, required := operations.Bounds(t)
	return slices.Contains(required, name)
}

func texts[T ~string](all []T) []string {
	out := make([]string, len(all))
	for i, one := range all {
		out[i] = string(one)
	}
	return out
}

func anys[T ~string](all []T) []any {
	out := make([]any, len(all))
	for i, one := range all {
		out[i] = string(one)
	}
	return out
}

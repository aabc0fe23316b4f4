package release

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// planRow is the contract of a field of a plan: whether it can still be edited once the release is
// in progress or deployed, and how many bytes a text may have.
type planRow struct {
	field       string
	later       bool
	least, most int
	set         func(*Plan, string)
	otherwise   string // of what is no text: what bounds it
}

// planContract is typed by hand.
var planContract = []planRow{
	{field: "name", least: 1, most: 200, set: func(p *Plan, s string) { p.Name = s }},
	{field: "version", most: 64, set: func(p *Plan, s string) { p.Version = s }},
	{field: "description", later: true, most: 10000, set: func(p *Plan, s string) { p.Description = s }},
	{field: "scheduledStart", otherwise: "a year of TestCheck_EachNumberAndList_AtItsBoundAndBeyond"},
	{field: "scheduledEnd", otherwise: "a year, as scheduledStart"},
	{field: "releaseManager", later: true, most: 200, set: func(p *Plan, s string) { p.ReleaseManager = s }},
	{field: "releaseManagerEmail", later: true, otherwise: "an address: TestEmail_AsTyped_AtItsBoundAndBeyond"},
	{field: "rolloutSteps", otherwise: "a list of TestCheck_EachNumberAndList_AtItsBoundAndBeyond"},
	{field: "rollbackSteps", later: true, otherwise: "a list, as rolloutSteps"},
	{field: "successCriteria", most: 10000, set: func(p *Plan, s string) { p.SuccessCriteria = s }},
	{field: "public", later: true, otherwise: "yes or no"},
	{field: "publicSummary", later: true, most: 500, set: func(p *Plan, s string) { p.PublicSummary = s }},
}

// A new field is asked for by its name: nobody has to know of the table.
func TestPlanContract_EveryField_IsInIt(t *testing.T) {
	var fields []string
	for i := range reflect.TypeFor[Plan]().NumField() {
		of := reflect.TypeFor[Plan]().Field(i)
		field, _, _ := strings.Cut(of.Tag.Get("json"), ",")
		fields = append(fields, field)
		switch at := slices.IndexFunc(planContract, func(row planRow) bool { return row.field == field }); {
		case at < 0:
			t.Errorf("%s: say in planContract until when it can be edited, and how long it may be", field)
		case planContract[at].set == nil && planContract[at].otherwise == "":
			t.Errorf("%s: say in planContract how long it may be, or what else bounds it", field)
		}
	}
	for _, row := range planContract {
		if !slices.Contains(fields, row.field) {
			t.Errorf("planContract has %s, which is no field of Plan", row.field)
		}
	}
}

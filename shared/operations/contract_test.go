package operations

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"example.com/releases/shared/release"
)

// The bounds of what operations take beside plans, typed by hand. Bounds runs the very check.
func TestInputs_TheirBounds_AreTheContracts(t *testing.T) {
	for _, c := range []struct {
		in    any
		field string
		want  release.Bound
	}{
		{TransitionInput{}, "note", release.Bound{Form: release.FormProse, Most: 2000}},
		{TransitionInput{}, "rollback_reason", release.Bound{Form: release.FormProse, Most: 2000}},
		{DecideChangeInput{}, "note", release.Bound{Form: release.FormProse, Most: 2000}},
		{DecideChangeInput{}, "decision", release.Bound{Form: release.FormChoice, Choices: []string{"approved", "rejected"}}},
		{AppendLogInput{}, "text", release.Bound{Form: release.FormProse, Least: 1, Most: 2000}},
		{LiftHoldInput{}, "holder", release.Bound{Form: release.FormLine, Most: 255}},
		{ListReleasesInput{}, "limit", release.Bound{Form: release.FormNumber, Least: 1, Most: 100}},
		{GetEvidenceInput{}, "since", release.Bound{Form: release.FormNumber, Most: 1_000_000_000_000}},
		{EraseWordsInput{}, "entry", release.Bound{Form: release.FormLine, Least: 1, Most: 1024}},
		{CreateReleaseInput{}, "linkedChangeRequestIds", release.Bound{Form: release.FormIdentifier, Most: 64, MaxItems: 100, Unique: true}},
		{AddChangesInput{}, "add", release.Bound{Form: release.FormIdentifier, Most: 64, MaxItems: 100, Unique: true}},
		{AddChangesInput{}, "remove", release.Bound{Form: release.FormIdentifier, Most: 64, MaxItems: 100, Unique: true}},
	} {
		bounds, _ := Bounds(reflect.TypeOf(c.in))
		if got := bounds[c.field]; fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%T, %s: %+v, want %+v", c.in, c.field, got, c.want)
		}
	}
}

func TestAddChanges_BothListsTogether_AtTheirBoundAndBeyond(t *testing.T) {
	ids := func(prefix string, n int) (all []string) {
		for i := range n {
			all = append(all, fmt.Sprint(prefix, i))
		}
		return all
	}
	for _, c := range []struct {
		add, remove int
		ok          bool
	}{{0, 0, false}, {1, 0, true}, {0, 1, true}, {60, 40, true}, {60, 41, false}, {100, 0, true}, {0, 101, false}} {
		var f release.ValidationErrors
		AddChangesInput{Add: ids("a", c.add), Remove: ids("r", c.remove)}.check(&f)
		if got := f.Err() == nil; got != c.ok {
			t.Errorf("%d and %d: %v", c.add, c.remove, f.Err())
		}
	}
}

// A rollback has a reason, of up to 2,000 bytes, and nothing else has one.
func TestTransition_RollbackReason_OnlyWithARollback(t *testing.T) {
	for _, c := range []struct {
		status string
		bytes  int
		ok     bool
	}{{"rolled-back", 0, false}, {"rolled-back", 1, true}, {"rolled-back", 2000, true}, {"rolled-back", 2001, false}, {"deployed", 0, true}, {"deployed", 1, false}} {
		var f release.ValidationErrors
		TransitionInput{Status: c.status, RollbackReason: strings.Repeat("x", c.bytes)}.check(&f)
		if got := f.Err() == nil; got != c.ok {
			t.Errorf("%s with %d bytes: %v", c.status, c.bytes, f.Err())
		}
	}
}

// Fields that an answer shows and a patch cannot change, each with the operation that does.
func TestPatched_FieldOfAnotherOperation_NamesIt(t *testing.T) {
	type patch func(string) (DecodeErrors, error)
	of := func(patched func(mergePatch) (DecodeErrors, error)) patch {
		return func(name string) (DecodeErrors, error) {
			read, err := readPatch([]byte(`{"` + name + `":"x"}`))
			if err != nil {
				t.Fatal(err)
			}
			return patched(read)
		}
	}
	ofRelease := of(func(p mergePatch) (DecodeErrors, error) {
		_, _, wrong, err := patched[release.Plan](release.Plan{}, p, besideRelease)
		return wrong, err
	})
	ofChange := of(func(p mergePatch) (DecodeErrors, error) {
		_, _, wrong, err := patched[release.ChangePlan](release.ChangePlan{}, p, besideChange)
		return wrong, err
	})
	ofTask := of(func(p mergePatch) (DecodeErrors, error) {
		_, _, wrong, err := patched[release.TaskPlan](release.TaskPlan{}, p, besideTask)
		return wrong, err
	})
	for _, c := range []struct {
		patch patch
		name  string
		use   Name
	}{
		{ofRelease, "status", "transition-release"},
		{ofRelease, "rollback_reason", "transition-release"},
		{ofRelease, "rolledBackReason", "transition-release"},
		{ofRelease, "linkedChangeRequestIds", "add-changes"},
		{ofRelease, "linkedChangeRequests", "add-changes"},
		{ofRelease, "deploymentLog", "append-log"},
		{ofRelease, "holds", "append-log"},
		{ofChange, "cabDecision", "decide-change"},
		{ofChange, "approvalStatus", "decide-change"},
		{ofChange, "decisionNote", "decide-change"},
		{ofChange, "decisions", "decide-change"},
		{ofChange, "status", ""},
		{ofChange, "releaseId", "add-changes"},
		{ofTask, "comments", ""},
		{ofTask, "linkedRelease", ""},
	} {
		wrong, err := c.patch(c.name)
		if err != nil {
			t.Fatal(err)
		}
		var refused *release.Error
		if !errors.As(wrong.err(release.ValidationErrors{}), &refused) || len(refused.Fields) != 1 || refused.Fields[0].Field != c.name ||
			refused.Fields[0].Use != string(c.use) || !strings.HasPrefix(refused.Fields[0].Message, "cannot be edited here; ") {
			t.Errorf("%s: %+v, want the operation %q", c.name, refused, c.use)
		}
	}
}

// A caller's text is shown up to 100 bytes.
func TestShorten_AtItsBoundAndBeyond(t *testing.T) {
	for length, want := range map[int]int{99: 99, 100: 100, 101: 100} {
		text := shorten(strings.Repeat("x", length))
		if strings.Count(text, "x") != want || strings.HasSuffix(text, "…") != (length > 100) {
			t.Errorf("%d bytes: %s", length, text)
		}
	}
}

package operations

import (
	"slices"

	"example.com/releases/shared/glyph"
	"example.com/releases/shared/release"
)

// Addresses and the ids of configuration items are read as they were stored, since they
// are keys; they are shown without invisible characters. Other texts are already cleaned
// when they are read.

// shownPlan is a plan with its addresses cleaned for display.
func shownPlan(p release.Plan) release.Plan {
	p.ReleaseManagerEmail = glyph.Clean(p.ReleaseManagerEmail)
	p.RolloutSteps, p.RollbackSteps = shownSteps(p.RolloutSteps), shownSteps(p.RollbackSteps)
	return p
}

func shownSteps(steps []release.Step) []release.Step {
	shown := steps
	for i, s := range steps {
		if clean := glyph.Clean(s.OwnerEmail); clean != s.OwnerEmail {
			if &shown[0] == &steps[0] {
				shown = slices.Clone(steps)
			}
			shown[i].OwnerEmail = clean
		}
	}
	return shown
}

func shownTask(p release.TaskPlan) release.TaskPlan {
	p.RequesterEmail, p.CIIDs = glyph.Clean(p.RequesterEmail), shownItems(p.CIIDs)
	return p
}

func shownChange(p release.ChangePlan) release.ChangePlan {
	p.AffectedCIIDs = shownItems(p.AffectedCIIDs)
	return p
}

func shownItems(ids []string) []string {
	shown := slices.Clone(ids)
	for i, id := range shown {
		shown[i] = glyph.Clean(id)
	}
	return shown
}

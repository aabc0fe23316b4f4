package operations

import (
	"context"
	"fmt"
	"slices"
	"time"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
)

// ReleaseView is a release as callers see it.
type ReleaseView struct {
	ID     string         `json:"id" doc:"The id."`
	Status release.Status `json:"status" doc:"Where the release stands."`
	release.Plan
	LinkedChangeRequestIDs []string `json:"linkedChangeRequestIds" doc:"The ids of the change requests in the release."`

	ActualStart      *time.Time `json:"actualStart,omitempty" doc:"When it went in progress."`
	ActualEnd        *time.Time `json:"actualEnd,omitempty" doc:"When it was deployed."`
	RolledBackAt     *time.Time `json:"rolledBackAt,omitempty" doc:"When it was rolled back."`
	RolledBackReason string     `json:"rolledBackReason,omitempty" doc:"Why it was rolled back."`
	CreatedAt        time.Time  `json:"createdAt" doc:"When it was created."`
	CreatedBy        string     `json:"createdBy" doc:"Who created it."`
	UpdatedAt        time.Time  `json:"updatedAt" doc:"When it last changed."`
	Revision         int        `json:"revision" doc:"Grows by one with each change."`

	AllowedNextStatuses []release.Status  `json:"allowedNextStatuses" doc:"The statuses that the lifecycle allows next; none at its end. Readiness tells whether their conditions hold."`
	Settlement          *release.Progress `json:"settlement,omitempty" doc:"How far change requests and tasks have followed the latest deployment, rollback or cancellation."`
	// ChangedSinceApproval are the fields of the plan that changed after the release was
	// approved; left out where there is none.
	ChangedSinceApproval []string `json:"changedSinceApproval,omitempty" doc:"The fields of the plan that changed after the release was approved; left out where none did."`
	// StillLinking are ids that a large creation has yet to link; until none are left, the
	// release cannot change its status.
	StillLinking []string `json:"stillLinking,omitempty" doc:"Change requests that a large creation has yet to link; while there are any, the release cannot move."`

	// Only when one release is read by its id, not in answers to writes.
	Holds                []release.Hold         `json:"holds,omitzero" doc:"Who holds the release, which stops every next status but cancelled and rolled-back, the oldest hold first."`
	LinkedChangeRequests []release.LinkedChange `json:"linkedChangeRequests,omitzero" doc:"A summary of each linked change request."`
	DeploymentLog        []release.LogEntry     `json:"deploymentLog,omitzero" doc:"The newest entries of the log, oldest first; at most 500."`
}

func viewRelease(r release.Release) ReleaseView {
	ids := r.ChangeIDs
	if ids == nil {
		ids = []string{}
	}
	return ReleaseView{
		ID: r.ID, Status: r.Status, Plan: shownPlan(r.Plan), LinkedChangeRequestIDs: ids,
		ActualStart: r.ActualStart, ActualEnd: r.ActualEnd, RolledBackAt: r.RolledBackAt, RolledBackReason: r.RolledBackReason,
		CreatedAt: r.CreatedAt, CreatedBy: r.CreatedBy, UpdatedAt: r.UpdatedAt, Revision: r.Revision,
		AllowedNextStatuses: release.AllowedNext(r.Status), Settlement: r.Progress(), StillLinking: r.Linking,
		ChangedSinceApproval: r.ChangedSinceApproval(),
	}
}

// ReleasePage is one page of releases, newest first.
type ReleasePage struct {
	Releases   []release.Summary `json:"releases" doc:"The releases of this page, newest first."`
	NextCursor string            `json:"nextCursor,omitempty" doc:"What to send as 'cursor' for the next page; there is none on the last."`
}

// ListReleasesInput narrows and pages a list of releases.
type ListReleasesInput struct {
	Status string `json:"status" doc:"Only releases with this status."`
	Paging
}

// ListReleases returns a page of releases, newest first.
func (o *Operations) ListReleases(ctx context.Context, in ListReleasesInput) (ReleasePage, error) {
	if _, err := allow(ctx, ListReleases); err != nil {
		return ReleasePage{}, err
	}
	if err := in.invalid(in); err != nil {
		return ReleasePage{}, err
	}
	status, _ := release.ParseStatus(in.Status)
	all, next, err := o.store.ListReleases(ctx, status, in.size(), in.Cursor)
	return ReleasePage{Releases: all, NextCursor: next}, err
}

func (in ListReleasesInput) check(f *release.ValidationErrors) {
	in.Paging.check(f)
	release.OneOf(f, "status", in.Status, release.Statuses, false)
}

// CreateReleaseInput is a new release. It is planned at first; Status may only say so.
type CreateReleaseInput struct {
	Status string `json:"status" doc:"A new release is planned; no other status can be given."`
	NewPlan
	LinkedChangeRequestIDs []string `json:"linkedChangeRequestIds" doc:"The ids of the change requests in the release. Each must exist and be in no other live release; the CAB's approval is needed only before the release can become approved."`
	DecodeErrors
}

// NewPlan is a plan as it is first written: Public is true unless it says otherwise.
type NewPlan struct {
	release.Plan
	Public *bool `json:"public" doc:"Whether the public Trust Center may show the release's id, name, version, window and status; true where a new release does not say."`
}

// CreateRelease makes a planned release and links its change requests.
func (o *Operations) CreateRelease(ctx context.Context, in CreateReleaseInput, pre Precondition) (ReleaseView, error) {
	who, err := allow(ctx, CreateRelease)
	if err != nil {
		return ReleaseView{}, err
	}
	if err := in.invalid(in); err != nil {
		return refused(ctx, o, pre, o.store.RecordInReleases, viewReleaseDetail, err)
	}
	w := o.write(who, pre)
	planned := release.Release{
		Status: release.Planned, Plan: in.plan(), CreatedAt: w.At, CreatedBy: who.Author(), UpdatedAt: w.At.Truncate(time.Second), Revision: 1,
	}
	return idempotent(ctx, o, pre, w, viewReleaseDetail, func(w dynamo.Write) (dynamo.ReleaseDetail, error) {
		return o.store.CreateRelease(ctx, planned, in.LinkedChangeRequestIDs, w)
	})
}

// plan is the plan as it is stored.
func (in NewPlan) plan() release.Plan {
	plan := in.Plan.Normalise()
	plan.Public = in.Public == nil || *in.Public
	return plan
}

func (in CreateReleaseInput) check(f *release.ValidationErrors) {
	plan := in.plan()
	plan.Check(f)
	checkUncompleted(f, "rolloutSteps", plan.RolloutSteps)
	checkUncompleted(f, "rollbackSteps", plan.RollbackSteps)
	f.Identifiers("linkedChangeRequestIds", in.LinkedChangeRequestIDs, release.MaxChanges)
	f.Only("status", in.Status, string(release.Planned), string(TransitionRelease), "may only be planned: a new release is planned, and transitions move it")
}

// viewReleaseDetail shows the log without the values that edits wrote: with them, five
// hundred entries would exceed the size of an answer. ListLog returns them.
func viewReleaseDetail(w dynamo.ReleaseDetail) ReleaseView {
	v := viewRelease(w.Release)
	if v.Holds = w.Release.Holds; v.Holds == nil {
		v.Holds = []release.Hold{}
	}
	v.LinkedChangeRequests, v.DeploymentLog = w.Links, slices.Clone(w.Log)
	for n := range v.DeploymentLog {
		v.DeploymentLog[n].Changes = nil
	}
	return v
}

func checkUncompleted(f *release.ValidationErrors, field string, steps []release.Step) {
	for i, s := range steps {
		if s.Completed || s.CompletedBy != "" || s.CompletedAt != nil {
			f.AddFor(string(CompleteStep), fmt.Sprintf("%s[%d].completed", field, i), "cannot be set here, only once the release is scheduled")
		}
	}
}

// GetRelease returns the whole release, strongly consistent, with its linked change
// requests and the newest entries of its log, oldest first.
func (o *Operations) GetRelease(ctx context.Context, id string) (ReleaseView, error) {
	if _, err := allow(ctx, GetRelease); err != nil {
		return ReleaseView{}, err
	}
	if err := identified("release", id); err != nil {
		return ReleaseView{}, err
	}
	detail, err := o.store.ReleaseDetail(ctx, id)
	if err != nil {
		return ReleaseView{}, err
	}
	return viewReleaseDetail(detail), nil
}

// DeleteRelease removes a release that is planned or cancelled and frees its change
// requests. Repeating it continues a deletion that was interrupted.
func (o *Operations) DeleteRelease(ctx context.Context, id string, pre Precondition) error {
	who, err := allow(ctx, DeleteRelease)
	if err != nil {
		return err
	}
	if err := identified("release", id); err != nil {
		return err
	}
	return o.store.DeleteRelease(ctx, id, o.write(who, pre))
}

// UpdateRelease applies a JSON merge patch to the editable fields of a release. It is
// logged; where the window of a scheduled release moves, those who were informed are
// informed again.
func (o *Operations) UpdateRelease(ctx context.Context, id string, body []byte, pre Precondition) (ReleaseView, error) {
	who, err := allow(ctx, UpdateRelease)
	if err != nil {
		return ReleaseView{}, err
	}
	if err := identified("release", id); err != nil {
		return ReleaseView{}, err
	}
	patch, err := readPatch(body)
	if err != nil {
		return ReleaseView{}, err
	}
	w := o.write(who, pre)
	r, err := o.store.UpdateRelease(ctx, id, func(r release.Release) (release.Release, release.LogEntry, error) {
		none := release.LogEntry{}
		in, asked, wrong, err := patched[NewPlan](r.Plan, patch, besideRelease)
		if err != nil {
			return r, none, err
		}
		plan := in.Plan
		plan.Public = in.Public == nil || *in.Public
		after, moved, err := r.Edit(plan, asked, w.At)
		switch err := wrong.mergedWith(err); {
		case err != nil:
			return r, none, err
		case len(asked) == 0:
			return r, none, nil
		}
		return after, release.EntryBy(release.LogEdit, release.EditText(r.Plan, after.Plan, asked, moved), w.Stamp), nil
	}, w)
	return viewRelease(r), err
}

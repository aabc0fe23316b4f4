package operations

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
)

// ReleaseView is a release as callers see it.
type ReleaseView struct {
	ID     string         `json:"id"`
	Status release.Status `json:"status"`
	release.Plan
	LinkedChangeRequestIDs []string `json:"linkedChangeRequestIds"`

	ActualStart      *time.Time `json:"actualStart,omitempty"`
	ActualEnd        *time.Time `json:"actualEnd,omitempty"`
	RolledBackAt     *time.Time `json:"rolledBackAt,omitempty"`
	RolledBackReason string     `json:"rolledBackReason,omitempty"`
	CreatedAt        time.Time  `json:"createdAt"`
	CreatedBy        string     `json:"createdBy"`
	UpdatedAt        time.Time  `json:"updatedAt"`
	Revision         int        `json:"revision"`

	AllowedNextStatuses []release.Status  `json:"allowedNextStatuses"`
	Settlement          *release.Progress `json:"settlement,omitempty"`
	// StillLinking are ids that a large creation has yet to link; until it is gone the
	// release cannot move.
	StillLinking []string `json:"stillLinking,omitempty"`

	// Only where the whole release is asked for.
	LinkedChangeRequests []release.LinkedChange `json:"linkedChangeRequests,omitzero"`
	DeploymentLog        []release.LogEntry     `json:"deploymentLog,omitzero"`
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
	}
}

// ReleasePage is one page of releases, newest first.
type ReleasePage struct {
	Releases   []release.Summary `json:"releases"`
	NextCursor string            `json:"nextCursor,omitempty"`
}

// ListReleasesInput narrows and pages a list of releases.
type ListReleasesInput struct {
	Status string `json:"status"`
	Paging
}

// Paging is how a list is cut into pages: Limit 1–100 (0 means 25) and the cursor of
// the page before.
type Paging struct {
	Limit  *int   `json:"limit"`
	Cursor string `json:"cursor"`
	DecodeErrors
}

// PageSize is how many a page holds where the caller does not say.
const PageSize = 25

func (p Paging) check(f *release.ValidationErrors) int {
	if p.Limit == nil {
		return PageSize
	}
	if *p.Limit < 1 || *p.Limit > 100 {
		f.Add("limit", "must be a number from 1 to 100")
	}
	return *p.Limit
}

// ListReleases returns a page of releases, newest first.
func (o *Operations) ListReleases(ctx context.Context, in ListReleasesInput) (ReleasePage, error) {
	if _, err := allow(ctx, ListReleases); err != nil {
		return ReleasePage{}, err
	}
	var f release.ValidationErrors
	limit := in.check(&f)
	status, known := release.ParseStatus(in.Status)
	if in.Status != "" && !known {
		f.Add("status", "must be one of %s", list(release.Statuses))
	}
	if err := in.err(f); err != nil {
		return ReleasePage{}, err
	}
	all, next, err := o.store.ListReleases(ctx, status, limit, in.Cursor)
	return ReleasePage{Releases: all, NextCursor: next}, err
}

// CreateReleaseInput is a new release. It is born planned; Status may only say so.
type CreateReleaseInput struct {
	Status string `json:"status"`
	NewPlan
	LinkedChangeRequestIDs []string `json:"linkedChangeRequestIds"`
	DecodeErrors
}

// NewPlan is a plan as it is first written: Public is true unless it says otherwise.
type NewPlan struct {
	release.Plan
	Public *bool `json:"public"`
}

// CreateRelease makes a planned release and links its change requests.
func (o *Operations) CreateRelease(ctx context.Context, in CreateReleaseInput, pre Precondition) (ReleaseView, error) {
	who, err := allow(ctx, CreateRelease)
	if err != nil {
		return ReleaseView{}, err
	}
	plan := in.Plan.Normalise()
	plan.Public = in.Public == nil || *in.Public
	var f release.ValidationErrors
	plan.Check(&f)
	checkUncompleted(&f, "rolloutSteps", plan.RolloutSteps)
	checkUncompleted(&f, "rollbackSteps", plan.RollbackSteps)
	f.Identifiers("linkedChangeRequestIds", in.LinkedChangeRequestIDs, release.MaxChanges)
	if s, _ := release.ParseStatus(in.Status); in.Status != "" && s != release.Planned {
		f.AddFor(string(TransitionRelease), "status", "may only be planned: a release is born planned and moves by transitions")
	}
	if err := in.err(f); err != nil {
		return refused(ctx, o, pre, dynamo.Releases, viewReleaseDetail, err)
	}
	w := o.write(who, pre)
	born := release.Release{
		Status: release.Planned, Plan: plan, CreatedAt: w.At, CreatedBy: who.Author(), UpdatedAt: w.At.Truncate(time.Second), Revision: 1,
	}
	return idempotent(ctx, o, pre, w, viewReleaseDetail, func(w dynamo.Write) (dynamo.ReleaseDetail, error) {
		return o.store.CreateRelease(ctx, born, in.LinkedChangeRequestIDs, w)
	})
}

func viewReleaseDetail(w dynamo.ReleaseDetail) ReleaseView {
	v := viewRelease(w.Release)
	v.LinkedChangeRequests, v.DeploymentLog = w.Links, w.Log
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
// requests and every kept log entry, oldest first.
func (o *Operations) GetRelease(ctx context.Context, id string) (ReleaseView, error) {
	if _, err := allow(ctx, GetRelease); err != nil {
		return ReleaseView{}, err
	}
	if err := identified("release", id); err != nil {
		return ReleaseView{}, err
	}
	whole, err := o.store.ReleaseDetail(ctx, id)
	if err != nil {
		return ReleaseView{}, err
	}
	return viewReleaseDetail(whole), nil
}

// DeleteRelease removes a release that is planned or cancelled and frees its change
// requests. Repeating continues a deletion that died half-way.
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

// AddChangesInput names change requests to link and to remove, together at most 100.
type AddChangesInput struct {
	Add    []string `json:"add"`
	Remove []string `json:"remove"`
	DecodeErrors
}

// AddChanges links and removes change requests. It is idempotent: what is so already
// is answered as unchanged.
func (o *Operations) AddChanges(ctx context.Context, id string, in AddChangesInput, pre Precondition) (dynamo.LinkResult, error) {
	who, err := allow(ctx, AddChanges)
	if err != nil {
		return dynamo.LinkResult{}, err
	}
	if err := identified("release", id); err != nil {
		return dynamo.LinkResult{}, err
	}
	var f release.ValidationErrors
	if n := len(in.Add) + len(in.Remove); n == 0 || n > release.MaxChanges {
		f.Add("add", "together with remove, these are %d ids; send 1 to %d", n, release.MaxChanges)
	} else {
		f.Identifiers("add", in.Add, release.MaxChanges)
		f.Identifiers("remove", in.Remove, release.MaxChanges)
		adding := make(map[string]bool, len(in.Add))
		for _, id := range in.Add {
			adding[id] = true
		}
		for i, id := range in.Remove {
			if adding[id] {
				f.Add(fmt.Sprintf("remove[%d]", i), "%s is also in add; decide for one", id)
			}
		}
	}
	if err := in.err(f); err != nil {
		return dynamo.LinkResult{}, err
	}
	w := o.write(who, pre)
	return idempotent(ctx, o, pre, w, identity[dynamo.LinkResult], func(w dynamo.Write) (dynamo.LinkResult, error) {
		return o.store.LinkChanges(ctx, id, in.Add, in.Remove, w)
	})
}

// AppendLogInput is a new log entry; a Status must be the release's current one.
type AppendLogInput struct {
	Text   string `json:"text"`
	Status string `json:"status"`
	DecodeErrors
}

// AppendLog adds an entry to the deployment log. Author and e-mail come from the token.
func (o *Operations) AppendLog(ctx context.Context, id string, in AppendLogInput, pre Precondition) (release.LogEntry, error) {
	who, err := allow(ctx, AppendLog)
	if err != nil {
		return release.LogEntry{}, err
	}
	if err := identified("release", id); err != nil {
		return release.LogEntry{}, err
	}
	var f release.ValidationErrors
	f.Prose("text", in.Text, 1, release.MaxText)
	status, known := release.ParseStatus(in.Status)
	if in.Status != "" && !known {
		f.Add("status", "must be the release's current status, one of %s, or be left out", list(release.Statuses))
	}
	if err := in.err(f); err != nil {
		return refused(ctx, o, pre, dynamo.Releases, identity[release.LogEntry], err)
	}
	w := o.write(who, pre)
	return idempotent(ctx, o, pre, w, identity[release.LogEntry], func(w dynamo.Write) (release.LogEntry, error) {
		return o.store.AppendLog(ctx, id, in.Text, status, w)
	})
}

// TransitionInput moves a release; RollbackReason goes with rolled-back and no other.
type TransitionInput struct {
	Status         string `json:"status"`
	Note           string `json:"note"`
	RollbackReason string `json:"rollback_reason"`
	DecodeErrors
}

// TransitionRelease moves a release to its next status.
func (o *Operations) TransitionRelease(ctx context.Context, id string, in TransitionInput, pre Precondition) (ReleaseView, error) {
	who, err := allow(ctx, TransitionRelease)
	if err != nil {
		return ReleaseView{}, err
	}
	if err := identified("release", id); err != nil {
		return ReleaseView{}, err
	}
	var f release.ValidationErrors
	to, known := release.ParseStatus(in.Status)
	if !known {
		f.Add("status", "is required, one of %s", list(release.Statuses))
	}
	f.Prose("note", in.Note, 0, release.MaxText)
	switch t, _ := release.TransitionTo(to); {
	case slices.Contains(t.Guards, release.GuardReason):
		f.Prose("rollback_reason", in.RollbackReason, 1, release.MaxText)
	case in.RollbackReason != "":
		f.Add("rollback_reason", "goes with the status rolled-back only; put other remarks into note")
	}
	if err := in.err(f); err != nil {
		return refused(ctx, o, pre, dynamo.Releases, viewRelease, err)
	}
	w := o.write(who, pre)
	return idempotent(ctx, o, pre, w, viewRelease, func(w dynamo.Write) (release.Release, error) {
		return o.store.Transition(ctx, id, release.TransitionRequest{To: to, Note: in.Note, Reason: in.RollbackReason}, w)
	})
}

func list[T ~string](words []T) string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = string(w)
	}
	return strings.Join(all, ", ")
}

package operations

import (
	"context"
	"time"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
)

// ChangeView is a change request as callers see it.
type ChangeView struct {
	ID             string                 `json:"id" doc:"The id."`
	ChangeType     release.ChangeType     `json:"changeType" doc:"ITIL's kind of change; 'Standard' is approved beforehand."`
	CABDecision    release.CABDecision    `json:"cabDecision" doc:"What the Change Advisory Board decided."`
	ApprovalStatus release.ApprovalStatus `json:"approvalStatus" doc:"The approval; a change request counts as approved when this and 'cabDecision' both say so."`
	Status         release.ChangeStatus   `json:"status" doc:"'Resolved' once a release with it is deployed."`
	release.ChangePlan

	DecidedBy    string     `json:"decidedBy,omitempty" doc:"Who recorded the decision."`
	DecidedAt    *time.Time `json:"decidedAt,omitempty" doc:"When it was recorded."`
	DecisionNote string     `json:"decisionNote,omitempty" doc:"The remark that came with the decision."`
	// ApprovalVoided is the edit that voided the CAB's approval, until the next decision.
	ApprovalVoided *release.Voided `json:"approvalVoided,omitempty" doc:"The edit that voided the CAB's approval; gone with the next decision."`
	// Digest identifies what would be decided on now, for comparison with that of a decision.
	Digest    string    `json:"digest" doc:"Identifies the content that the CAB decides on: 'v1:' and the SHA-256, in hexadecimal, of its canonical JSON (RFC 8785)."`
	CreatedAt time.Time `json:"createdAt" doc:"When it was created."`
	CreatedBy string    `json:"createdBy" doc:"Who created it."`
	UpdatedAt time.Time `json:"updatedAt" doc:"When it last changed."`
	Revision  int       `json:"revision" doc:"Grows by one with each change."`
	ReleaseID string    `json:"releaseId,omitempty" doc:"The live release that it is in."`

	// Only where the request is asked for by its id.
	LinkedRelease *ChangeRelease     `json:"linkedRelease,omitempty" doc:"The release it is in, or was in last, with the rollback steps that the CAB wants to see."`
	Decisions     []release.Decision `json:"decisions,omitempty" doc:"The newest 50 decisions of the CAB, newest first. Decisions are never overwritten."`
}

// ChangeRelease is the release of a change request, with the rollback steps that the
// CAB wants to see before it decides.
type ChangeRelease struct {
	ID             string         `json:"id" doc:"The id."`
	Name           string         `json:"name" doc:"What people call the release."`
	Status         release.Status `json:"status" doc:"Where the release stands."`
	ScheduledStart *time.Time     `json:"scheduledStart,omitempty" doc:"When the window begins."`
	ScheduledEnd   *time.Time     `json:"scheduledEnd,omitempty" doc:"When the window ends."`
	RollbackSteps  []release.Step `json:"rollbackSteps" doc:"How to get back, in order."`
}

func viewChange(c release.Change) ChangeView {
	return ChangeView{
		ID: c.ID, ChangeType: c.ChangeType, CABDecision: c.CABDecision, ApprovalStatus: c.ApprovalStatus, Status: c.Status,
		ChangePlan: shownChange(c.ChangePlan), DecidedBy: c.DecidedBy, DecidedAt: c.DecidedAt, DecisionNote: c.DecisionNote,
		ApprovalVoided: c.Voided, Digest: c.Digest(),
		CreatedAt: c.CreatedAt, CreatedBy: c.CreatedBy, UpdatedAt: c.UpdatedAt, Revision: c.Revision, ReleaseID: c.ReleaseID,
	}
}

// ChangePage is one page of change requests, newest first.
type ChangePage struct {
	ChangeRequests []ChangeView `json:"changeRequests" doc:"The change requests of this page, newest first."`
	NextCursor     string       `json:"nextCursor,omitempty" doc:"What to send as 'cursor' for the next page; there is none on the last."`
}

// ListChangesInput narrows and pages a list of change requests.
type ListChangesInput struct {
	ApprovalStatus string `json:"approvalStatus" doc:"Only change requests with this approval."`
	Paging
}

// ListChanges returns a page of change requests, newest first.
func (o *Operations) ListChanges(ctx context.Context, in ListChangesInput) (ChangePage, error) {
	if _, err := allow(ctx, ListChanges); err != nil {
		return ChangePage{}, err
	}
	if err := in.invalid(in); err != nil {
		return ChangePage{}, err
	}
	approval, _ := release.ParseApprovalStatus(in.ApprovalStatus)
	all, next, err := o.store.ListChanges(ctx, approval, in.size(), in.Cursor)
	if err != nil {
		return ChangePage{}, err
	}
	page := ChangePage{ChangeRequests: make([]ChangeView, len(all)), NextCursor: next}
	for i, c := range all {
		page.ChangeRequests[i] = viewChange(c)
	}
	return page, nil
}

func (in ListChangesInput) check(f *release.ValidationErrors) {
	in.Paging.check(f)
	release.OneOf(f, "approvalStatus", in.ApprovalStatus, release.ApprovalStatuses, false)
}

// CreateChangeInput is a new change request. ID may come from an ITSM suite.
type CreateChangeInput struct {
	ID         string `json:"id" doc:"An id of your own, for example from an ITSM suite; one is made where it is left out."`
	ChangeType string `json:"changeType" doc:"ITIL's kind of change; 'Standard' is approved beforehand."`
	release.ChangePlan
	DecodeErrors
}

// CreateChange makes a change request: pending, or approved where it is Standard and
// duties are not separate.
func (o *Operations) CreateChange(ctx context.Context, in CreateChangeInput, pre Precondition) (ChangeView, error) {
	who, err := allow(ctx, CreateChange)
	if err != nil {
		return ChangeView{}, err
	}
	w := o.write(who, pre)
	at := w.At.Truncate(time.Second)
	c := release.Change{
		ID: in.ID, CABDecision: release.DecisionPending, ApprovalStatus: release.ApprovalPending, Status: release.ChangeOpen,
		ChangePlan: in.Normalise(), CreatedAt: w.At, CreatedBy: who.Author(), CreatedBySubject: who.Subject, UpdatedAt: at, Revision: 1,
	}
	if c.ID == "" {
		c.ID = "CHG-" + o.newID()
	}
	c.ChangeType, _ = release.ParseChangeType(in.ChangeType)
	if c.ChangeType == release.Standard && !w.SeparateDuties { // pre-approved by definition (ITIL)
		c.CABDecision, c.ApprovalStatus = release.DecisionApproved, release.ApprovalApproved
	}
	if err := in.invalid(in); err != nil {
		return refused(ctx, o, pre, o.store.RecordInChanges, viewChange, err)
	}
	return idempotent(ctx, o, pre, w, viewChange, func(w dynamo.Write) (release.Change, error) {
		return o.store.CreateChange(ctx, c, w)
	})
}

func (in CreateChangeInput) check(f *release.ValidationErrors) {
	f.IdentifierOrNone("id", in.ID)
	release.OneOf(f, "changeType", in.ChangeType, release.ChangeTypes, true)
	in.Normalise().Check(f)
}

// GetChange returns a change request with the CAB's newest decisions on it, and its
// release's rollback steps.
func (o *Operations) GetChange(ctx context.Context, id string) (ChangeView, error) {
	if _, err := allow(ctx, GetChange); err != nil {
		return ChangeView{}, err
	}
	if err := identified("change request", id); err != nil {
		return ChangeView{}, err
	}
	c, err := o.store.Change(ctx, id)
	if err != nil {
		return ChangeView{}, err
	}
	v := viewChange(c)
	if v.Decisions, err = o.store.Decisions(ctx, c); err != nil {
		return ChangeView{}, err
	}
	r, err := o.linkedRelease(ctx, c)
	if r != nil {
		v.LinkedRelease = &ChangeRelease{
			ID: r.ID, Name: r.Name, Status: r.Status, ScheduledStart: r.ScheduledStart, ScheduledEnd: r.ScheduledEnd, RollbackSteps: shownSteps(r.RollbackSteps),
		}
	}
	return v, err
}

// linkedRelease returns the release a change request is in, or was in last; nil where
// there is none or it was deleted since.
func (o *Operations) linkedRelease(ctx context.Context, c release.Change) (*release.Release, error) {
	id := c.BadgeReleaseID()
	if id == "" {
		return nil, nil
	}
	r, err := o.store.Release(ctx, id)
	if release.IsKind(err, release.KindNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &r, nil
}

// DecideChangeInput is the CAB's decision.
type DecideChangeInput struct {
	Decision string `json:"decision" doc:"What the CAB decided."`
	Note     string `json:"note" doc:"A remark for the record."`
	DecodeErrors
}

// DecideChange records the CAB's decision. It is refused once the request's release
// is in progress, and to whoever wrote the request where duties are separate.
func (o *Operations) DecideChange(ctx context.Context, id string, in DecideChangeInput, pre Precondition) (ChangeView, error) {
	who, err := allow(ctx, DecideChange)
	if err != nil {
		return ChangeView{}, err
	}
	if err := identified("change request", id); err != nil {
		return ChangeView{}, err
	}
	decision, _ := release.ParseDecision(in.Decision)
	if err := in.invalid(in); err != nil {
		return refused(ctx, o, pre, o.store.RecordInChanges, viewChange, err)
	}
	w := o.write(who, pre)
	return idempotent(ctx, o, pre, w, viewChange, func(w dynamo.Write) (release.Change, error) {
		return o.store.Decide(ctx, id, decision, in.Note, w)
	})
}

func (in DecideChangeInput) check(f *release.ValidationErrors) {
	release.OneOf(f, "decision", in.Decision, []release.CABDecision{release.DecisionApproved, release.DecisionRejected}, true)
	f.Prose("note", in.Note, 0, release.MaxText)
}

// UpdateChange applies a JSON merge patch to the editable fields of a change request. An
// edit of what the CAB approved voids the approval.
func (o *Operations) UpdateChange(ctx context.Context, id string, body []byte, pre Precondition) (ChangeView, error) {
	who, err := allow(ctx, UpdateChange)
	if err != nil {
		return ChangeView{}, err
	}
	if err := identified("change request", id); err != nil {
		return ChangeView{}, err
	}
	patch, err := readPatch(body)
	if err != nil {
		return ChangeView{}, err
	}
	c, err := o.store.UpdateChange(ctx, id, func(c release.Change) (release.Change, error) {
		plan, _, wrong, err := patched[release.ChangePlan](c.ChangePlan, patch, besideChange)
		if err != nil {
			return c, err
		}
		plan = plan.Normalise()
		var f release.ValidationErrors
		plan.CheckEdit(&f, c.ChangePlan)
		c.ChangePlan = plan
		return c, wrong.err(f)
	}, o.write(who, pre))
	return viewChange(c), err
}

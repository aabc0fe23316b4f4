package release

import "time"

// ChangeType is ITIL's kind of change.
type ChangeType string

// The change types. Standard changes are pre-approved by the CAB.
const (
	Standard  ChangeType = "Standard"
	Normal    ChangeType = "Normal"
	Emergency ChangeType = "Emergency"
)

// ChangeTypes lists them.
var ChangeTypes = []ChangeType{Standard, Normal, Emergency}

// CABDecision is what the Change Advisory Board decided.
type CABDecision string

// The decisions.
const (
	DecisionPending  CABDecision = "pending"
	DecisionApproved CABDecision = "approved"
	DecisionRejected CABDecision = "rejected"
)

// CABDecisions lists them.
var CABDecisions = []CABDecision{DecisionPending, DecisionApproved, DecisionRejected}

// ApprovalStatus is the approval as ITSM suites carry it beside the decision.
type ApprovalStatus string

// The approval statuses.
const (
	ApprovalPending  ApprovalStatus = "Pending"
	ApprovalApproved ApprovalStatus = "Approved"
	ApprovalRejected ApprovalStatus = "Rejected"
)

// ApprovalStatuses lists them.
var ApprovalStatuses = []ApprovalStatus{ApprovalPending, ApprovalApproved, ApprovalRejected}

// ChangeStatus tells whether a change request is done.
type ChangeStatus string

// The statuses of a change request.
const (
	ChangeOpen     ChangeStatus = "Open"
	ChangeResolved ChangeStatus = "Resolved"
)

// ChangeStatuses lists them.
var ChangeStatuses = []ChangeStatus{ChangeOpen, ChangeResolved}

// Risk is how much can go wrong with a change, in the judgement of whoever entered it;
// empty where nobody said.
type Risk string

// The risks.
const (
	RiskLow    Risk = "Low"
	RiskMedium Risk = "Medium"
	RiskHigh   Risk = "High"
)

// Risks lists them.
var Risks = []Risk{RiskLow, RiskMedium, RiskHigh}

// ChangePlan is everything of a change request that people write and may edit.
type ChangePlan struct {
	Title          string     `json:"title" doc:"What it is."`
	Description    string     `json:"description" doc:"What it is about."`
	ControlID      string     `json:"controlId" doc:"The control that it implements."`
	ControlTitle   string     `json:"controlTitle" doc:"The control's title."`
	AffectedCIIDs  []string   `json:"affectedCiIds" doc:"The configuration items that it touches, by the ids that the CMDB has for them."`
	ScheduledStart *time.Time `json:"scheduledStart,omitempty" doc:"When it begins."`
	ScheduledEnd   *time.Time `json:"scheduledEnd,omitempty" doc:"When it ends; after 'scheduledStart'."`
	// What the CAB asks for before it decides: why, how risky, what it does to whom, and the
	// way back.
	Justification string `json:"justification,omitempty" doc:"Why the change is needed; what the CAB asks for before it decides."`
	Risk          Risk   `json:"risk,omitempty" doc:"How much can go wrong."`
	Impact        string `json:"impact,omitempty" doc:"Who is affected, and how, while it is carried out and if it fails."`
	BackoutPlan   string `json:"backoutPlan,omitempty" doc:"How to get back if it fails."`
}

// Change is the whole state of a change request.
type Change struct {
	ID             string
	ChangeType     ChangeType
	CABDecision    CABDecision
	ApprovalStatus ApprovalStatus
	Status         ChangeStatus
	ChangePlan

	DecidedBy    string
	DecidedAt    *time.Time
	DecisionNote string
	// DecisionEntries are the ids of the newest decisions in the request's record, oldest
	// first.
	DecisionEntries []string
	// Voided is the edit that took the CAB's approval away, until it decides again.
	Voided *Voided
	// Outdated is the last edit of what was approved while the release that holds the
	// request is deployed: the approval stays until the release gives the request back.
	Outdated *Voided
	// CreatedBySubject and EditedBySubject are the subjects of who created the request and
	// who last changed what the CAB decides on; empty where older rows do not say.
	CreatedBySubject string
	EditedBySubject  string
	CreatedAt        time.Time
	CreatedBy        string
	UpdatedAt        time.Time
	Revision         int

	// ReleaseID is the live release that holds the request; empty when it is free.
	ReleaseID string
	// LastReleaseID is the release it was last settled with (or cancelled in) once it is free again.
	LastReleaseID string
	// ReleaseEpoch is the epoch of ReleaseID up to which settlements have reached this
	// request: those at or below it are applied or older than the link.
	ReleaseEpoch int
	// History holds every settlement that tasks must follow, in order; its length is
	// the request's own epoch. It only ever grows.
	History []Settlement
}

// Epoch numbers the settlements that have reached the request, from 1.
func (c Change) Epoch() int { return len(c.History) }

// CABApproved tells whether both approval fields say so.
func (c Change) CABApproved() bool {
	return c.CABDecision == DecisionApproved && c.ApprovalStatus == ApprovalApproved
}

// CABApproved tells whether both approval fields of the summary say so.
func (l LinkedChange) CABApproved() bool {
	return l.CABDecision == DecisionApproved && l.ApprovalStatus == ApprovalApproved
}

// Link returns the summary that the request's release carries.
func (c Change) Link() LinkedChange {
	return LinkedChange{
		ID: c.ID, ControlID: c.ControlID, ControlTitle: c.ControlTitle, ChangeType: c.ChangeType,
		CABDecision: c.CABDecision, ApprovalStatus: c.ApprovalStatus, ScheduledStart: c.ScheduledStart,
	}
}

// BadgeReleaseID is the release a task's badge names: the one the request is in, or
// was in last.
func (c Change) BadgeReleaseID() string {
	if c.ReleaseID != "" {
		return c.ReleaseID
	}
	return c.LastReleaseID
}

// ParseChangeType matches a change type without regard to case.
func ParseChangeType(s string) (ChangeType, bool) { return parseEnum(s, ChangeTypes) }

// ParseApprovalStatus matches an approval status without regard to case.
func ParseApprovalStatus(s string) (ApprovalStatus, bool) { return parseEnum(s, ApprovalStatuses) }

// ParseRisk matches a risk without regard to case.
func ParseRisk(s string) (Risk, bool) { return parseEnum(s, Risks) }

// ParseDecision matches a CAB decision without regard to case.
func ParseDecision(s string) (CABDecision, bool) { return parseEnum(s, CABDecisions) }

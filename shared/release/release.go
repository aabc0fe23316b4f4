// Package release is the domain: releases, change requests and tasks, the
// lifecycle as data, and settlement as pure functions. It must know neither
// storage nor transport; it uses the standard library, and two leaf packages of ours
// that check texts and addresses.
package release

import (
	"time"
)

// Step is one line of a rollout or rollback plan.
type Step struct {
	Order            int        `json:"order" doc:"Its place in the plan, which also names it: each number once."`
	Description      string     `json:"description" doc:"What is to be done."`
	OwnerEmail       string     `json:"ownerEmail,omitempty" doc:"Who does it; an Auditor completes the steps they own."`
	EstimatedMinutes int        `json:"estimatedMinutes,omitempty" doc:"How long it takes."`
	Completed        bool       `json:"completed" doc:"Whether it is done."`
	CompletedBy      string     `json:"completedBy,omitempty" doc:"Who completed it."`
	CompletedAt      *time.Time `json:"completedAt,omitempty" doc:"When it was completed."`
}

// Release is the whole state of a release. People write its Plan; everything else is set
// by operations.
type Release struct {
	ID     string
	Status Status
	Plan

	ActualStart      *time.Time
	ActualEnd        *time.Time
	RolledBackAt     *time.Time
	RolledBackReason string
	CreatedAt        time.Time
	CreatedBy        string
	UpdatedAt        time.Time

	// Revision counts the changes a caller can see in the release itself; If-Match
	// compares it. Log entries and settlement progress do not raise it: otherwise a note
	// by somebody else would make everybody's ETag stale.
	Revision int
	// WindowVersion counts the windows the release had while scheduled; people told
	// of version n are told again when n grows.
	WindowVersion int

	// ApprovedPlan is what the plan was when the release became approved, as digests: see
	// ChangedSinceApproval.
	ApprovedPlan []byte

	// ChangeIDs are the linked change requests, sorted, at most MaxChanges.
	ChangeIDs []string
	// Unapproved are the linked change requests that are not CAB-approved, sorted.
	// While there are any, GuardApproval is not satisfied.
	Unapproved []string

	// Held are the subjects of those who hold the release, sorted. While there are any,
	// GuardHold is not satisfied. Holds are their holds in full, the oldest first; empty
	// where the reader did not ask for them.
	Held  []string
	Holds []Hold

	// History holds every status the release has entered since it was born, epoch
	// 1..n without a gap. The lifecycle has no cycle, so it is short.
	History []HistoryEntry

	// PublicHistory is what the public is told of the release's life beyond the stamps
	// above: see KeptForPublic.
	PublicHistory []PublicEvent

	// Settling is what the last settlement has still to reach; nil before the first.
	Settling *Settling
	// Linking are ids that creation has still to link: with many change requests it takes
	// more than one transaction. Until Linking is empty, every other write refuses the release.
	Linking []string
	// Deleting is set by the first write of a deletion; readers answer as if the release
	// were gone.
	Deleting bool
}

// HistoryEntry is one transition in a release's history. Epoch numbers them from 1: what
// follows the release (change requests, tasks, mails, events) remembers the last epoch that
// it has applied, so it can tell what it has missed and what it has seen already.
type HistoryEntry struct {
	Epoch   int
	From    Status
	To      Status
	At      time.Time
	By      Person
	Note    string
	Reason  string
	Request string // recognises a repeated write whose acknowledgement was lost
}

// Settling is the state of the release's latest settlement.
type Settling struct {
	Epoch        int
	Since        time.Time
	Unsettled    []string // ids of change requests not through yet, sorted
	SettledTasks int
	MissingTasks int // linked, but gone from their table
}

// Progress tells how far the latest settlement has come.
type Progress struct {
	Epoch   int    `json:"epoch" doc:"Which transition is being settled; the transitions of a release are numbered from 1."`
	State   string `json:"state" doc:"Whether everything has followed: 'settling' or 'settled'."` // "settling" or "settled"
	Changes struct {
		Total   int `json:"total" doc:"How many there are."`
		Settled int `json:"settled" doc:"How many are done, their tasks included."`
	} `json:"changes" doc:"The linked change requests."`
	Tasks struct {
		Settled int `json:"settled" doc:"How many it has reached so far."`
	} `json:"tasks" doc:"The tasks linked to these change requests."`
}

// Progress derives the settlement's progress from what is still unsettled; nil
// before the first settlement.
func (r Release) Progress() *Progress {
	s := r.Settling
	if s == nil {
		return nil
	}
	p := &Progress{Epoch: s.Epoch, State: "settled"}
	if len(s.Unsettled) > 0 {
		p.State = "settling"
	}
	p.Changes.Total = len(r.ChangeIDs)
	p.Changes.Settled = len(r.ChangeIDs) - len(s.Unsettled)
	p.Tasks.Settled = s.SettledTasks
	return p
}

// Epoch is the number of transitions so far.
func (r Release) Epoch() int { return len(r.History) }

// Live tells whether the release still holds its change requests.
func (r Release) Live() bool { return !r.Status.HasEnded() }

// LinkedChange is the summary of a change request that its release carries, kept
// up to date in the transaction that changes the request.
type LinkedChange struct {
	ID             string         `json:"id" doc:"The id."`
	ControlID      string         `json:"controlId" doc:"The control that it implements."`
	ControlTitle   string         `json:"controlTitle" doc:"The control's title."`
	ChangeType     ChangeType     `json:"changeType" doc:"ITIL's kind of change; 'Standard' is approved beforehand."`
	CABDecision    CABDecision    `json:"cabDecision" doc:"What the Change Advisory Board decided."`
	ApprovalStatus ApprovalStatus `json:"approvalStatus" doc:"The approval; a change request counts as approved when this and 'cabDecision' both say so."`
	ScheduledStart *time.Time     `json:"scheduledStart,omitempty" doc:"When it begins."`
}

// Summary is a release in a list.
type Summary struct {
	ID             string     `json:"id" doc:"The id."`
	Name           string     `json:"name" doc:"What people call the release."`
	Version        string     `json:"version" doc:"The version that is rolled out."`
	Status         Status     `json:"status" doc:"Where the release stands."`
	ScheduledStart *time.Time `json:"scheduledStart,omitempty" doc:"When the window begins."`
	ScheduledEnd   *time.Time `json:"scheduledEnd,omitempty" doc:"When the window ends."`
	ChangeCount    int        `json:"changeCount" doc:"How many change requests are linked."`
	CreatedAt      time.Time  `json:"createdAt" doc:"When it was created."`
	Held           bool       `json:"held,omitempty" doc:"True while somebody holds the release; left out otherwise."`
}

// Stamp is who writes, when, and in which request. By the request id, a writer recognises
// its own write whose acknowledgement was lost.
type Stamp struct {
	At      time.Time
	By      Person
	Request string
}

// FormatTime is the one way times are written: RFC 3339 in UTC, to the second.
func FormatTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Quarter returns the year and quarter that a release's id starts with.
func Quarter(t time.Time) (year, quarter int) {
	t = t.UTC()
	return t.Year(), (int(t.Month())-1)/3 + 1
}

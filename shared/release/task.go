package release

import "time"

// TaskStatus is where a task stands.
type TaskStatus string

// The task statuses; the first three are open.
const (
	TaskOpen       TaskStatus = "Open"
	TaskInProgress TaskStatus = "InProgress"
	TaskOnHold     TaskStatus = "OnHold"
	TaskResolved   TaskStatus = "Resolved"
	TaskClosed     TaskStatus = "Closed"
	TaskCancelled  TaskStatus = "Cancelled"
)

// TaskStatuses lists them.
var TaskStatuses = []TaskStatus{TaskOpen, TaskInProgress, TaskOnHold, TaskResolved, TaskClosed, TaskCancelled}

// IsOpen tells whether somebody still waits for the task.
func (s TaskStatus) IsOpen() bool {
	return s == TaskOpen || s == TaskInProgress || s == TaskOnHold
}

// ParseTaskStatus matches a task status without regard to case.
func ParseTaskStatus(s string) (TaskStatus, bool) { return parseEnum(s, TaskStatuses) }

// TaskPlan is everything of a task that people write and may edit.
type TaskPlan struct {
	Title           string     `json:"title" doc:"What it is."`
	RequesterName   string     `json:"requesterName" doc:"Who asked for it."`
	RequesterEmail  string     `json:"requesterEmail" doc:"Their e-mail address: mails about the task go there."`
	Status          TaskStatus `json:"status" doc:"Where it stands; the first three are open. A new task is 'Open' unless it says otherwise."`
	CIIDs           []string   `json:"ciIds" doc:"The configuration items that it is about, by the ids that the CMDB has for them."`
	ChangeRequestID string     `json:"changeRequestId,omitempty" doc:"The change request that it waits for."`
}

// Task is the whole state of a catalog request or other work item of an end user.
type Task struct {
	ID string
	TaskPlan

	Comments    []Comment
	ResolvedAt  *time.Time
	ReopenedAt  *time.Time
	ReopenCount int
	CreatedAt   time.Time
	CreatedBy   string
	UpdatedAt   time.Time
	Revision    int

	// AppliedEpoch is the epoch of the change request up to which settlements have
	// reached the task. Linking stores the request's epoch of that moment here, so
	// earlier settlements do not touch the task and later ones do.
	AppliedEpoch int
	// ResolvedBy is the release that resolved the task; only its rollback reopens it.
	ResolvedBy string
}

// Comment is a remark on a task. ID is "<release>#<epoch>" for what a settlement
// left, so that none can be there twice.
type Comment struct {
	ID     string    `json:"id" doc:"The release and its epoch that left it."`
	At     time.Time `json:"at" doc:"When it was written."`
	Author string    `json:"author" doc:"Who left it."`
	Text   string    `json:"text" doc:"What the requester reads."`
}

// SetStatus returns the task after a person set its status. Closing what a release
// resolved keeps ResolvedBy; opening or cancelling it by hand clears that, so that a later
// rollback does not override the person's decision.
func (t Task) SetStatus(s TaskStatus, at time.Time) Task {
	if s == t.Status {
		return t
	}
	at = at.UTC().Truncate(time.Second)
	switch {
	case s.IsOpen():
		if !t.Status.IsOpen() {
			t.ReopenedAt = &at
			t.ReopenCount++
		}
		t.ResolvedBy, t.ResolvedAt = "", nil
	case s == TaskCancelled:
		t.ResolvedBy = ""
	case s == TaskResolved && t.ResolvedAt == nil:
		t.ResolvedAt = &at
	}
	t.Status = s
	return t
}

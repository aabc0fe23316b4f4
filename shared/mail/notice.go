package mail

import (
	"encoding/json"
	"fmt"
	"time"
)

// Kind is what a mail is about.
type Kind string

// The kinds of mail, and what each tells.
const (
	HeadsUp     Kind = "heads-up"    // your request will be fulfilled as part of a release
	Rescheduled Kind = "rescheduled" // its window has moved
	Withdrawn   Kind = "withdrawn"   // it will not be, after all
	Resolved    Kind = "resolved"    // it has been
	RolledBack  Kind = "rolled-back" // it had been, and no longer is
	StaysOpen   Kind = "stays-open"  // the release is over, and the request was not part of it
	WindowOver  Kind = "window-over" // to the release manager: it was left scheduled

	// These are for the team: the release manager, and owners of steps.
	WindowFixed Kind = "window-fixed" // the release is scheduled
	WindowMoved Kind = "window-moved"
	WindowOff   Kind = "window-off" // it will not be, or not with them
)

// Kinds lists them.
var Kinds = []Kind{HeadsUp, Rescheduled, Withdrawn, Resolved, RolledBack, StaysOpen, WindowOver, WindowFixed, WindowMoved, WindowOff}

// OfTeam tells whether a mail is about a window, to somebody who works on the release.
func OfTeam(k Kind) bool { return k == WindowFixed || k == WindowMoved || k == WindowOff }

// MaxTasks is how many tasks a mail lists; the rest is a count.
const MaxTasks = 20

// Notice is everything that a mail says: a full snapshot, so that it reads the same
// whenever it is sent.
type Notice struct {
	Kind      Kind   `json:"kind"`
	ReleaseID string `json:"releaseId"`
	Facts
	Name    string `json:"recipientName,omitempty"`
	Address string `json:"recipientAddress"`

	// Window is the planned one; once the release is over, when it really took place.
	Window Window `json:"window,omitzero"`
	// Before is the window that the person knew, where the release was rescheduled.
	Before Window `json:"before,omitzero"`
	// At is when the release was deployed, rolled back or cancelled, where it was.
	At time.Time `json:"at,omitzero"`
	// Reason is why it was rolled back, as the tasks' comments say.
	Reason string `json:"reason,omitempty"`
	// Cancelled tells a withdrawal because of the whole release from one because a
	// change request was dropped; Partly, that other tasks of the person stay in it.
	Cancelled bool `json:"cancelled,omitempty"`
	Partly    bool `json:"partly,omitempty"`
	// Began is when a release that was cancelled had begun, where it had.
	Began time.Time `json:"began,omitzero"`
	// Undone tells, where the request stays open, that the release was rolled back.
	Undone bool `json:"undone,omitempty"`
	// Unfinished tells that a release was rolled back without having been completed, so that
	// requests that were part of it had never been closed.
	Unfinished bool `json:"unfinished,omitempty"`
	// CI is a configuration item because of which Unlinked of the tasks were found, while no
	// change request of the release is linked to them.
	CI       string `json:"ci,omitempty"`
	Unlinked int    `json:"unlinked,omitempty"`

	Tasks []Task `json:"tasks"`
	More  int    `json:"more,omitempty"` // tasks beyond those listed

	// What the reader does in the release, where they work on it.
	Manages   bool        `json:"manages,omitempty"`
	Steps     []OwnedStep `json:"steps,omitempty"`
	MoreSteps int         `json:"moreSteps,omitempty"`

	// The calendar event; without a UID the mail carries none.
	UID      string    `json:"uid,omitempty"`
	Sequence int       `json:"sequence,omitempty"`
	Planned  time.Time `json:"planned"`
}

// Facts is what a notice says of the release itself.
type Facts struct {
	ReleaseName  string `json:"releaseName"`
	Version      string `json:"version,omitempty"`
	Manager      string `json:"manager,omitempty"`
	ManagerEmail string `json:"managerEmail,omitempty"`
	// Link is where to read more; empty for nowhere.
	Link string `json:"link,omitempty"`
}

// Task is a task as a notice lists it.
type Task struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

// Encode writes the snapshot.
func (n Notice) Encode() (string, error) {
	raw, err := json.Marshal(n)
	return string(raw), err
}

// Decode reads a snapshot.
func Decode(snapshot string) (Notice, error) {
	var n Notice
	if err := json.Unmarshal([]byte(snapshot), &n); err != nil {
		return n, fmt.Errorf("mail: the outbox item's snapshot is not a notice: %w", err)
	}
	return n, nil
}

package mail

import (
	"fmt"
	"strings"
	"time"
)

// JobKey names a notice job, which asks plan-notices to work out who has to be told what:
// there is one per release for its window, and one for each of its settlements.
type JobKey struct {
	ReleaseID string
	Name      string
}

// WindowJob is the job that brings what people know of a release's window up to date.
func WindowJob(releaseID string) JobKey { return JobKey{releaseID, "window"} }

const settlementJob = "settlement#"

// SettlementJob is the job that tells people of a deployment or a rollback.
func SettlementJob(releaseID string, epoch int) JobKey {
	return JobKey{releaseID, fmt.Sprintf("%s%04d", settlementJob, epoch)}
}

// Epoch is the settlement that the job tells of; false for the window's job.
func (k JobKey) Epoch() (int, bool) {
	n, found := strings.CutPrefix(k.Name, settlementJob)
	epoch := 0
	if found {
		_, err := fmt.Sscanf(n, "%d", &epoch)
		found = err == nil
	}
	return epoch, found
}

// Job is a notice job. Round grows whenever it is opened, so that whoever finishes it
// does not close it when it was opened again meanwhile.
type Job struct {
	JobKey
	Open  bool // to be planned now
	Wait  bool // to be planned once the settlement is complete
	Round int
	DueAt time.Time
	// Progress is how far planning has come.
	Progress Progress
}

// Progress is how far the planning of a job has come, so that another invocation goes on
// from there: places are read one after the other, and then people are told in the order
// of their keys.
type Progress struct {
	Of       string   `json:"of"`                 // what is being planned: if that has changed, planning begins again
	Informed []string `json:"informed,omitempty"` // the change requests because of which anybody was told
	Matters  bool     `json:"matters,omitempty"`  // what somebody was told decides what their tasks are

	At       int      `json:"at,omitempty"`       // so many places are read
	Rows     []string `json:"rows,omitempty"`     // of those that come next, the last row that was read
	Lots     []string `json:"lots,omitempty"`     // of people, as stored
	Read     bool     `json:"read,omitempty"`     // nothing is left to be read
	Notified string   `json:"notified,omitempty"` // everybody up to this key knows

	Planned int `json:"planned,omitempty"` // so many mails
}

// ReplanAfter is the age at which tend-outbox considers an open job forgotten: far more than
// the minute that a turn of planning takes.
const ReplanAfter = 5 * time.Minute

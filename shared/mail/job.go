package mail

import (
	"fmt"
	"strings"
	"time"
)

// JobKey names a notice job: there is one per release for its window, and one for each
// of its settlements.
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
}

// ReplanAfter is the age at which tend-outbox takes an open job for forgotten.
const ReplanAfter = 5 * time.Minute

package release

import (
	"fmt"
	"time"
)

// Settlement is what follows when a release is deployed, rolled back or cancelled.
// The transition writes it; it is copied as it is to wherever it is needed. What it does to
// tasks and change requests is in follow.go.
type Settlement struct {
	ReleaseID string
	Epoch     int // of the release
	Kind      Status
	At        time.Time
	Reason    string
}

// Settlements lists the release's settlements so far, oldest first. They are derived from
// its history, so that no second list can disagree with it.
func (r Release) Settlements() []Settlement {
	var all []Settlement
	for _, p := range r.History {
		if t, _ := TransitionTo(p.To); t.Settles {
			all = append(all, Settlement{ReleaseID: r.ID, Epoch: p.Epoch, Kind: p.To, At: p.At, Reason: p.Reason})
		}
	}
	return all
}

// CommentText words a settlement for the people who wait for a task. It is the only
// place that does; a cancellation says nothing.
func CommentText(s Settlement) string {
	switch s.Kind {
	case Deployed:
		return fmt.Sprintf("Resolved as part of release %s, deployed %s", s.ReleaseID, FormatTime(s.At))
	case RolledBack:
		return "Rollback: " + s.Reason
	}
	return ""
}

// CommentID is the id of a settlement's comment on a task; there is one per settlement.
func CommentID(s Settlement) string { return fmt.Sprintf("%s#%d", s.ReleaseID, s.Epoch) }

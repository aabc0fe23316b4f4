package release

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"
)

// approvedDigest is how many bytes of a field's SHA-256 are stored. Digests, not the texts,
// since a plan can be large and is stored once already; 16 bytes are enough to make a chance
// collision irrelevant, and what is proved rests on the log's full digests.
const approvedDigest = 16

// planDigests are what ChangedSinceApproval compares: a digest of each field of a plan, in
// the order of planFields, which only ever grows at its end. Whether a step is completed is
// not part of the plan.
func (p Plan) planDigests() []byte {
	var all []byte
	for _, field := range planFields {
		sum := sha256.Sum256([]byte(field.text(p)))
		all = append(all, sum[:approvedDigest]...)
	}
	return all
}

func timeText(t *time.Time) string {
	if t == nil {
		return ""
	}
	return FormatTime(*t)
}

func stepsText(steps []Step) string {
	var b strings.Builder
	for _, s := range steps {
		fmt.Fprintf(&b, "%d %q %q %d\n", s.Order, s.Description, s.OwnerEmail, s.EstimatedMinutes)
	}
	return b.String()
}

// ChangedSinceApproval names the fields of the plan that are not what they were when the
// release became approved; none before that, nor of releases that were approved before
// this was kept.
func (r Release) ChangedSinceApproval() []string {
	if len(r.ApprovedPlan) == 0 {
		return nil // every answer with a release asks, and a plan can be large
	}
	var changed []string
	now := r.planDigests()
	for n, field := range planFields {
		from, to := n*approvedDigest, (n+1)*approvedDigest
		if to <= len(r.ApprovedPlan) && !bytes.Equal(r.ApprovedPlan[from:to], now[from:to]) {
			changed = append(changed, field.name)
		}
	}
	return changed
}

package notify

import (
	"context"
	"fmt"
	"time"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/glyph"
	"example.com/releases/shared/release"
)

// LogDeliveryProblem makes it visible in a release's log that mails about it did not reach people:
// at the first, the tenth, the hundredth and so on, so that a bad list of addresses
// does not push the deployment out of the log. count is how many there are. It may be
// repeated: an entry is written once.
func LogDeliveryProblem(ctx context.Context, store *dynamo.Store, m dynamo.Mail, count int, why string, now time.Time) error {
	var words string
	switch count {
	case 1:
		words = fmt.Sprintf("A mail about this release did not reach %s: %s.", m.Recipient, why)
	case 10, 100, 1000, 10_000:
		words = fmt.Sprintf("%d mails about this release did not reach their recipients; the latest is %s: %s.", count, m.Recipient, why)
	default:
		return nil
	}
	if len(words) > release.MaxText {
		words = glyph.Cut(words, release.MaxText)
	}
	key := fmt.Sprintf("mail-problems#%s#%d", m.ReleaseID, count)
	_, err := store.AppendLog(ctx, m.ReleaseID, words, "", dynamo.Write{
		Stamp:       release.Stamp{At: now.UTC(), By: release.System, Request: key},
		Idempotency: &dynamo.IdempotencyKey{Key: key, Body: key},
	})
	if release.IsKind(err, release.KindNotFound) || release.IsKind(err, release.KindConflict) {
		return nil // the release is gone, or the entry is there
	}
	return err
}

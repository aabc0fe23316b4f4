// Package notify is what those who tell people have in common: that mails which did not
// arrive are visible in the release's log. The packages below it announce status
// changes, plan notices, word them, send them, and take SES's feedback; what a mail is
// and when one is due is said in package mail. None of them may know REST, MCP or roles.
package notify

import (
	"context"
	"fmt"
	"time"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/glyph"
	"example.com/releases/shared/mail"
	"example.com/releases/shared/release"
)

// together is how many problems may be counted at the same moment. Each of them reads the
// count after all of them, so that nobody may have seen the very one that is logged.
const together = 8

// LogDeliveryProblem makes it visible in a release's log that mails about it did not reach people:
// at the first, the tenth, the hundredth and so on, so that a bad list of addresses
// does not push the deployment out of the log. count is how many there are. It may be
// repeated: an entry is written once.
func LogDeliveryProblem(ctx context.Context, store *dynamo.Store, m mail.Mail, count int, why string, now time.Time) error {
	step := 1
	for step*10 <= count {
		step *= 10
	}
	if count < 1 || count >= step+together {
		return nil
	}
	words := fmt.Sprintf("A mail about this release did not reach %s: %s.", m.Recipient, why)
	if step > 1 {
		words = fmt.Sprintf("%d mails about this release did not reach their recipients; the latest is %s: %s.", step, m.Recipient, why)
	}
	if len(words) > release.MaxText {
		words = glyph.Cut(words, release.MaxText)
	}
	key := fmt.Sprintf("mail-problems#%s#%d", m.ReleaseID, step)
	_, err := store.AppendLog(ctx, m.ReleaseID, words, "", dynamo.Write{
		Stamp:       release.Stamp{At: now.UTC(), By: release.System, Request: key},
		Idempotency: &dynamo.IdempotencyKey{Key: key, Body: key},
	})
	if release.IsKind(err, release.KindNotFound) || release.IsKind(err, release.KindConflict) {
		return nil // the release is gone, or the entry is there
	}
	return err
}

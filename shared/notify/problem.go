// Package notify logs in a release's log that mails about it did not arrive, for all
// packages below it: these announce transitions, plan notices, word them, send them, and
// record SES's feedback. What a mail is and when one is due is defined in package mail.
// None of them may know REST, MCP or roles.
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

// together is how many problems may be counted at the same time. Each call reads the count
// after it has added to it. Where eight add at once, all of them may read 17 and none the 10
// at which an entry is due: so numbers a little above it count as well.
const together = 8

// LogDeliveryProblem logs in a release's log that mails about it did not arrive: at the
// first, the tenth, the hundredth and so on, so that a bad list of addresses does not fill
// the log. count is how many there are. It may be repeated: an entry is written once.
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

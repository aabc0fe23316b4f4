package feedback

import (
	"testing"

	"example.com/releases/shared/mail"
)

// What SES says of a mail, and what follows from it.
// https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
func TestJudge_EachEvent_IsUnderstood(t *testing.T) {
	bounce := func(kind, sub string) detail {
		d := detail{EventType: "Bounce"}
		d.Bounce.BounceType, d.Bounce.BounceSubType = kind, sub
		d.Bounce.BouncedRecipients = []recipient{{EmailAddress: "ann@example.com"}}
		return d
	}
	for name, c := range map[string]struct {
		event                detail
		reached, noted, stop bool
		state                mail.State
	}{
		"sent":                {event: detail{EventType: "Send"}, reached: true},
		"delivered":           {event: detail{EventType: "Delivery"}, reached: true},
		"opened":              {event: detail{EventType: "Open"}},
		"no such address":     {event: bounce("Permanent", "General"), noted: true, stop: true, state: mail.Sent},
		"undetermined":        {event: bounce("Undetermined", "Undetermined"), noted: true, state: mail.Sent},
		"on holiday":          {event: bounce("Transient", "General")},
		"full":                {event: bounce("Transient", "MailboxFull"), noted: true, state: mail.Sent},
		"too large":           {event: bounce("Transient", "MessageTooLarge"), noted: true, state: mail.Sent},
		"content refused":     {event: bounce("Transient", "ContentRejected"), noted: true, state: mail.Sent},
		"attachments refused": {event: bounce("Transient", "AttachmentRejected"), noted: true, state: mail.Sent},
		"rejected":            {event: detail{EventType: "Reject"}, noted: true, state: mail.Failed},
	} {
		got := judge(c.event)
		if got.reached != c.reached || (got.feedback != "") != c.noted || (len(got.suppress) > 0) != c.stop || got.state != c.state {
			t.Errorf("%s: %+v; want reached %v, noted %v, suppressed %v, state %q", name, got, c.reached, c.noted, c.stop, c.state)
		}
	}
}

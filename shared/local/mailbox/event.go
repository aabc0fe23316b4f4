package mailbox

import (
	"crypto/rand"
	"encoding/json"
	"net/mail"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// publish publishes SES's events about an accepted mail: first Send, then its delivery, bounce
// or complaint.
func (b *Mailbox) publish(in sendRequest, m Mail, fate FaultKind) {
	if b.OnEvent == nil {
		return
	}
	b.OnEvent(b.event(in, m, "Email Sent", "Send", "send", map[string]any{}))
	var to []map[string]string
	for _, address := range in.bareRecipients() {
		to = append(to, map[string]string{"emailAddress": address})
	}
	at := m.SentAt.Format("2006-01-02T15:04:05.000Z")
	switch fate {
	case Bounce:
		b.OnEvent(b.event(in, m, "Email Bounced", "Bounce", "bounce", map[string]any{
			"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": to, "timestamp": at, "feedbackId": rand.Text(),
		}))
	case Complaint:
		b.OnEvent(b.event(in, m, "Email Complaint Received", "Complaint", "complaint", map[string]any{
			"complainedRecipients": to, "complaintFeedbackType": "abuse", "timestamp": at, "feedbackId": rand.Text(),
		}))
	}
}

func (b *Mailbox) event(in sendRequest, m Mail, detailType, kind, field string, body any) events.CloudWatchEvent {
	tags := map[string][]string{"ses:configuration-set": {in.ConfigurationSetName}, "ses:operation": {"SendEmail"}}
	for _, t := range in.EmailTags {
		tags[t.Name] = []string{t.Value}
	}
	to := in.bareRecipients()
	var headers []map[string]string
	for name, value := range m.Headers {
		headers = append(headers, map[string]string{"name": name, "value": value})
	}
	detail, err := json.Marshal(map[string]any{
		"eventType": kind,
		field:       body,
		"mail": map[string]any{
			"timestamp": m.SentAt.Format("2006-01-02T15:04:05.000Z"), "source": in.FromEmailAddress, "sendingAccountId": account,
			"messageId": m.ID, "destination": to, "headersTruncated": false, "headers": headers,
			"commonHeaders": map[string]any{"from": []string{in.FromEmailAddress}, "to": to, "messageId": m.ID, "subject": m.Subject},
			"tags":          tags,
		},
	})
	if err != nil {
		panic(err) // strings and maps of them always marshal
	}
	return events.CloudWatchEvent{
		Version: "0", ID: strings.ToLower(rand.Text()), DetailType: detailType, Source: "aws.ses", AccountID: account,
		Time: b.now(), Region: "local", Resources: []string{"arn:aws:ses:local:" + account + ":configuration-set/" + in.ConfigurationSetName},
		Detail: detail,
	}
}

// account is the AWS account that everything local pretends to be in.
const account = "000000000000"

// bareRecipients returns all addresses that the mail goes to, without names.
func (in sendRequest) bareRecipients() []string {
	out := in.recipients()
	for i, r := range out {
		out[i] = bare(r)
	}
	return out
}

// bare is the address without the name before it.
func bare(address string) string {
	if a, err := mail.ParseAddress(address); err == nil {
		return a.Address
	}
	return address
}

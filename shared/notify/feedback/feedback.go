// Package feedback records what SES publishes about mails after it has accepted them: that
// it sent one, which ends any doubt about it, and bounces and complaints, which stop further
// mails to the address. It must know neither how mails are planned nor how they are sent.
package feedback

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/figures"
	"example.com/releases/shared/mail"
	"example.com/releases/shared/notify"
)

// tag is the SES tag that carries the outbox item's id.
const tag = "outbox"

// Recorder records SES's events.
type Recorder struct {
	store *dynamo.Store
	now   func() time.Time
}

// New returns a recorder on a store.
func New(store *dynamo.Store) *Recorder { return &Recorder{store: store, now: time.Now} }

// WithClock returns the recorder with another clock, for tests and replays.
func (r *Recorder) WithClock(now func() time.Time) *Recorder {
	return &Recorder{store: r.store, now: now}
}

// detail is the part of SES's event that matters here.
type detail struct {
	EventType string `json:"eventType"`
	Mail      struct {
		MessageID string              `json:"messageId"`
		Tags      map[string][]string `json:"tags"`
	} `json:"mail"`
	Bounce struct {
		BounceType        string      `json:"bounceType"`
		BounceSubType     string      `json:"bounceSubType"`
		BouncedRecipients []recipient `json:"bouncedRecipients"`
	} `json:"bounce"`
	Complaint struct {
		ComplaintFeedbackType string      `json:"complaintFeedbackType"`
		ComplainedRecipients  []recipient `json:"complainedRecipients"`
	} `json:"complaint"`
	Reject struct {
		Reason string `json:"reason"`
	} `json:"reject"`
}

type recipient struct {
	EmailAddress string `json:"emailAddress"`
}

// verdict is what an event says about a mail.
type verdict struct {
	reached  bool   // SES has accepted it, and nothing suggests that it did not arrive
	feedback string // what came back, in words
	suppress []recipient
	state    mail.State
}

// Record is the handler of SES's events, which come at least once and in any order. An
// error brings the event again.
func (r *Recorder) Record(ctx context.Context, event events.CloudWatchEvent) (struct{}, error) {
	id, d, err := decode(event.Detail)
	if err != nil {
		slog.ErrorContext(ctx, "mail-feedback: an event cannot be read, and a retry cannot fix that", "eventId", event.ID, "error", err)
		return struct{}{}, nil
	}
	if id == "" {
		slog.WarnContext(ctx, "mail-feedback: an event is not about a mail of ours", "eventId", event.ID, "type", d.EventType)
		return struct{}{}, nil
	}
	return struct{}{}, r.record(ctx, id, d)
}

// maxName bounds what becomes part of a key, in bytes; the ids of mails and the addresses of
// people are far shorter, and DynamoDB refuses keys from 2,048 on, each time the event comes.
const maxName = 1024

// decode returns what an event says, and about which mail; no id where it is not about one of
// ours. Anybody who may put events onto the account's bus can say what they like in one.
func decode(raw []byte) (id string, d detail, err error) {
	if err := json.Unmarshal(raw, &d); err != nil {
		return "", d, err
	}
	unusable := func(to recipient) bool { return to.EmailAddress == "" || len(to.EmailAddress) > maxName }
	d.Bounce.BouncedRecipients = slices.DeleteFunc(d.Bounce.BouncedRecipients, unusable)
	d.Complaint.ComplainedRecipients = slices.DeleteFunc(d.Complaint.ComplainedRecipients, unusable)
	if ids := d.Mail.Tags[tag]; len(ids) == 1 && len(ids[0]) <= maxName {
		id = ids[0]
	}
	return id, d, nil
}

func (r *Recorder) record(ctx context.Context, id string, d detail) error {
	v := judge(d)
	if v.reached {
		_, settled, err := r.store.MailWasSent(ctx, id, d.Mail.MessageID, r.now())
		if settled {
			slog.InfoContext(ctx, "mail-feedback: SES says that it has sent a mail", "mail", id)
		}
		return err
	}
	if v.feedback == "" {
		return nil
	}
	slog.WarnContext(ctx, "mail-feedback: a mail did not get through", "mail", id, "why", v.feedback,
		figures.Count("Mails", "Outcome", cameBack[d.EventType]))
	var failures []error
	for _, to := range v.suppress {
		failures = append(failures, r.store.Suppress(ctx, to.EmailAddress, v.feedback, r.now()))
	}
	m, found, err := r.store.Mail(ctx, id)
	if err = errors.Join(append(failures, err)...); err != nil || !found {
		return err
	}
	count, err := r.store.MailCameBack(ctx, m, v.state, v.feedback, d.Mail.MessageID, r.now())
	if err != nil {
		return err
	}
	return notify.LogDeliveryProblem(ctx, r.store, m, count, v.feedback, r.now())
}

// passing are the temporary bounces after which SES has given up. Other temporary bounces
// are answers of the recipient, such as that they are on holiday.
var passing = []string{"MailboxFull", "MessageTooLarge", "ContentRejected", "AttachmentRejected"}

// cameBack names in figures what SES's events mean for a mail that did not arrive.
var cameBack = map[string]string{"Bounce": "bounced", "Complaint": "complained", "Reject": "rejected"}

// judge tells what an event means.
func judge(d detail) verdict {
	switch d.EventType {
	case "Send", "Delivery":
		return verdict{reached: true}
	case "Bounce":
		b := d.Bounce
		v := verdict{state: mail.Sent, feedback: fmt.Sprintf("a mail to it bounced (%s, %s)", strings.ToLower(b.BounceType), b.BounceSubType)}
		switch {
		case b.BounceType == "Permanent":
			v.suppress = b.BouncedRecipients
		case b.BounceType == "Transient" && !slices.Contains(passing, b.BounceSubType):
			return verdict{}
		}
		return v
	case "Complaint":
		if d.Complaint.ComplaintFeedbackType == "not-spam" {
			return verdict{}
		}
		return verdict{state: mail.Sent, feedback: "its owner complained about a mail of ours", suppress: d.Complaint.ComplainedRecipients}
	case "Reject":
		return verdict{state: mail.Failed, feedback: "SES accepted the mail and then rejected it: " + d.Reject.Reason}
	}
	return verdict{}
}

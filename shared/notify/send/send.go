// Package send sends the mails of the outbox through SES, each at most once as far as can be
// known: it claims a mail, calls SES once, and records the outcome. However many invocations
// are woken, only one at a time sends from a slot, at the slot's share of the account's rate.
// It must know neither who is told what nor why.
package send

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	netmail "net/mail"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"

	"example.com/releases/shared/address"
	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/figures"
	"example.com/releases/shared/glyph"
	"example.com/releases/shared/jitter"
	"example.com/releases/shared/mail"
	"example.com/releases/shared/notify"
	"example.com/releases/shared/notify/message"
	"example.com/releases/shared/stream"
)

// Tag is the SES tag with which events name the outbox item; Header carries its ID in the mail
// itself, so that support can trace a mail that somebody received.
const (
	Tag    = "outbox"
	Header = "X-Releases-Mail"
)

const (
	// lease is how long an attempt may take before it counts as lost. SES answers in well
	// under a second; even three calls of 10 s with their pauses fit in.
	lease       = time.Minute
	mailTimeout = 10 * time.Second
	// writing is the time that is reserved for recording the outcome of a call.
	writing = 5 * time.Second
	// closedFor is how long nothing is sent after SES refused the whole account. It is the
	// same for the quota, which SES counts over the last 24 hours and so frees bit by bit.
	closedFor = 15 * time.Minute
	// A mail that SES refuses for now is tried again after a delay that doubles.
	shortest, longest = 30 * time.Second, time.Hour
)

// Sender sends mails. It is for one sender address.
type Sender struct {
	store   *dynamo.Store
	ses     *sesv2.Client
	words   *message.Writer
	from    string
	set     string
	slots   int           // shares of the account's rate
	every   time.Duration // interval between a slot's mails
	width   int           // how many of them are under way at once
	attempt time.Duration // the longest time that one attempt may take
	now     func() time.Time
}

// Options are an organisation's settings for sending.
type Options struct {
	Sender string // the address mails come from
	// ConfigurationSet is the SES configuration set that publishes sending events; without
	// one, bounces and the outcome of mails whose answer was lost stay unknown.
	ConfigurationSet string
	Zone             string // IANA name of the organisation's zone; empty is UTC
	// Organisation is the name that mails come from, unless Sender has one, and that they
	// show; empty for none.
	Organisation string
	// Rate is how many mails a second SES lets the account send; see mail.ParseRate.
	Rate string
	// Timeout is how long one call may take; 0 is 10 seconds, and more is not possible.
	Timeout time.Duration
}

// Open returns a sender. It panics on options that cannot work: a wrong configuration must
// fail at start, not leave mails unsent.
func Open(cfg aws.Config, store *dynamo.Store, o Options, adjust ...func(*sesv2.Options)) *Sender {
	sender, err := netmail.ParseAddress(o.Sender)
	organisation := strings.Join(strings.Fields(glyph.Clean(o.Organisation)), " ")
	from, name, bare := "", "", ""
	if err == nil {
		name = cmp.Or(sender.Name, organisation, "Releases")
		bare, err = address.ASCII(sender.Address)
	}
	if err == nil {
		from, err = address.Header(name, bare)
	}
	if err != nil {
		panic(fmt.Sprintf("send: MAIL_SENDER %q is not an address that mails can come from: %v", o.Sender, err))
	}
	words, err := message.New(message.Options{Zone: o.Zone, Organisation: organisation, Name: name, Address: bare})
	if err != nil {
		panic(fmt.Sprintf("send: ORGANISATION_ZONE is %q: %v", o.Zone, err)) // the address is there, see above
	}
	rate, err := mail.ParseRate(o.Rate)
	if err != nil {
		panic(err.Error())
	}
	slots := mail.Slots(rate)
	waits := mailTimeout
	if o.Timeout > 0 {
		waits = min(waits, o.Timeout)
	}
	ses := sesv2.NewFromConfig(cfg, append([]func(*sesv2.Options){func(so *sesv2.Options) {
		so.Retryer = throttlesOnly(min(longestPause, waits))
		// Only within ends a call to SES: whenever a call ends before SES answers, nobody
		// knows whether the mail was sent.
		if client, ok := so.HTTPClient.(*awshttp.BuildableClient); ok {
			so.HTTPClient = client.WithTimeout(0)
		}
		so.APIOptions = append(so.APIOptions, within(waits))
	}}, adjust...)...)
	return &Sender{
		store: store, ses: ses, words: words, from: from, set: o.ConfigurationSet,
		slots: slots, every: time.Duration(float64(slots) / rate * float64(time.Second)), width: widthOf(rate / float64(slots)),
		attempt: calls*waits + (calls-1)*longestPause, now: time.Now,
	}
}

// WithClock returns the sender with another clock, for tests and replays. The rate still
// follows the real clock.
func (o *Sender) WithClock(now func() time.Time) *Sender {
	c := *o
	c.now = now
	return &c
}

// Stream is the handler of the Mail table's stream. A record is only a wake-up call for a
// slot: that of the mail that was put into the outbox, or the one that the record names. If
// another invocation holds the slot, that is all; otherwise this one sends what is ready.
// Outcomes are recorded in the mails, and a mail that could not be finished waits for the next
// look, so a record is retried only where the slot could be neither taken nor handed on.
func (o *Sender) Stream(ctx context.Context, batch events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	named := map[int][]string{}
	return stream.Loop[int]{
		Consumer: dynamo.SendMail(), AtOnce: o.slots,
		Read: func(r dynamo.StreamRecord) (int, error) {
			if slot, ok := r.Slot(); ok {
				return slot, nil
			}
			id, err := r.MailID()
			if err != nil {
				return 0, err
			}
			slot := mail.SlotOf(id, o.slots)
			named[slot] = append(named[slot], id)
			return slot, nil
		},
		Do: func(ctx context.Context, slot int, _ dynamo.StreamRecord) error {
			return o.look(ctx, slot, named[slot])
		},
	}.Handle(ctx, batch)
}

// follow renders a mail and sends it.
func (t *turn) follow(ctx context.Context, m mail.Mail) error {
	if t.over(ctx) {
		return nil
	}
	n, err := mail.Decode(m.Snapshot)
	if err == nil {
		if _, unmailable := address.ASCII(n.ManagerEmail); unmailable != nil {
			// SES would refuse a mail with this address as Reply-To. It is sent without one,
			// and the text names somebody else to ask.
			n.ManagerEmail = ""
		}
		var words message.Message
		if words, err = t.words.Write(n); err == nil {
			return t.send(ctx, m, n, words)
		}
	}
	// A retry cannot fix that, and the mail must not hold up the others.
	return t.impossible(ctx, m, "it could not be worded: "+err.Error())
}

// timeLeft returns an error where too little time is left for an attempt: after one that is
// cut off, nobody knows whether the mail was sent.
func (o *Sender) timeLeft(ctx context.Context) error {
	if d, limited := ctx.Deadline(); limited && time.Until(d) < o.attempt+writing {
		return errors.New("send: too little time is left to begin with another mail")
	}
	return nil
}

// send makes one attempt to send a pending mail.
func (t *turn) send(ctx context.Context, m mail.Mail, n mail.Notice, words message.Message) error {
	r, found, err := t.store.SettlingRelease(ctx, m.ReleaseID)
	if err != nil {
		return err
	}
	settlement := 0
	if found && r.Settling != nil {
		settlement = r.Settling.Epoch
	}
	if why := m.Outdated(r.Release, settlement, t.now()); why != "" {
		slog.InfoContext(ctx, "send-mail: superseded", "mail", m.ID, "release", m.ReleaseID, "why", why)
		if _, err := t.store.SupersedeMail(ctx, m.ID, why, t.now()); err != nil {
			return err
		}
		t.ended(false)
		return nil
	}
	why, err := t.store.Suppressed(ctx, m.Recipient)
	if err != nil {
		return err
	}
	if why != "" {
		count, err := t.store.MailSuppressed(ctx, m, why, t.now())
		if err != nil {
			return err
		}
		t.ended(false)
		return notify.LogDeliveryProblem(ctx, t.store, m, count, "no more mails are sent to this address, because "+why, t.now())
	}
	if _, err := address.ASCII(m.Recipient); err != nil {
		return t.impossible(ctx, m, "the address "+err.Error())
	}
	if !t.wait(ctx) {
		return nil
	}
	now := t.now()
	m, won, err := t.store.ClaimMail(ctx, m.ID, rand.Text(), now, now.Add(lease))
	if err != nil || !won {
		return err // another invocation claimed it
	}
	return t.try(ctx, m, n, words)
}

// try calls SES once and records the outcome. From here on the mail is not simply tried again:
// an unclear outcome makes it unknown.
func (t *turn) try(ctx context.Context, m mail.Mail, n mail.Notice, words message.Message) error {
	out, failure := t.ses.SendEmail(ctx, t.input(m, n, words))
	// The outcome must be recorded even where the time for sending has run out.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writing)
	defer cancel()
	now := t.now()
	outcome, reason := judge(failure)
	slog.InfoContext(ctx, "send-mail: an attempt ended", "kind", m.Kind, figures.Count("Mails", "Outcome", outcome.String()))
	log := slog.With("mail", m.ID, "release", m.ReleaseID, "kind", m.Kind)
	var err error
	switch outcome {
	case accepted:
		err = t.store.MailSent(ctx, m, aws.ToString(out.MessageId), now)
		t.ended(true)
	case later:
		until := now.Add(backoff(m.Attempts))
		log.WarnContext(ctx, "send-mail: SES asks to come later", "until", until, "reason", reason)
		err = t.store.DelayMail(ctx, m, reason, now, until)
	case refused:
		log.ErrorContext(ctx, "send-mail: SES refused a mail for good", "reason", reason)
		count, failed := t.store.MailFailed(ctx, m, reason, now)
		if err = failed; err == nil {
			err = notify.LogDeliveryProblem(ctx, t.store, m, count, reason, now)
		}
		t.ended(false)
	case stop, quota:
		circuit := mail.Circuit{Until: now.Add(closedFor), Reason: reason, Quota: outcome == quota}
		t.stop(circuit)
		log.ErrorContext(ctx, "send-mail: SES refuses everything; nothing is sent until it is tried again", "until", circuit.Until, "reason", reason)
		err = errors.Join(t.store.OpenCircuit(ctx, circuit), t.store.DelayMail(ctx, m, reason, now, circuit.Until))
	case unclear:
		log.ErrorContext(ctx, "send-mail: it is not known whether SES took a mail; only its Send event tells", "reason", reason)
		_, err = t.store.MailLost(ctx, m, reason, now)
		t.ended(false)
	}
	if err != nil {
		// The lease expires and the mail becomes unknown, until SES's event comes.
		log.ErrorContext(ctx, "send-mail: how an attempt ended could not be written down", "reason", reason, "error", err)
	}
	return nil
}

// impossible ends a mail without calling SES, because it cannot be rendered or because its
// address, stored under looser rules, cannot receive mail.
func (t *turn) impossible(ctx context.Context, m mail.Mail, why string) error {
	slog.ErrorContext(ctx, "send-mail: a mail cannot be sent", "mail", m.ID, "release", m.ReleaseID, "reason", why)
	now := t.now()
	m, won, err := t.store.ClaimMail(ctx, m.ID, rand.Text(), now, now.Add(lease))
	if err != nil || !won {
		return err
	}
	count, err := t.store.MailFailed(ctx, m, why, now)
	if err != nil {
		return err
	}
	t.ended(false)
	return notify.LogDeliveryProblem(ctx, t.store, m, count, why, now)
}

func (o *Sender) input(m mail.Mail, n mail.Notice, words message.Message) *sesv2.SendEmailInput {
	part := func(s string) *types.Content {
		return &types.Content{Data: aws.String(s), Charset: aws.String("UTF-8")}
	}
	message := &types.Message{
		Subject: part(words.Subject), Body: &types.Body{Text: part(words.Text), Html: part(words.HTML)},
		Headers: []types.MessageHeader{
			{Name: aws.String("Auto-Submitted"), Value: aws.String("auto-generated")},
			{Name: aws.String("X-Auto-Response-Suppress"), Value: aws.String("All")}, // suppresses Exchange's automatic replies
			{Name: aws.String(Header), Value: aws.String(m.ID)},
		},
	}
	if c := words.Calendar; c != nil {
		message.Attachments = []types.Attachment{{
			FileName: aws.String(c.Name), ContentType: aws.String(c.ContentType), RawContent: c.Content,
			ContentDisposition: types.AttachmentContentDispositionAttachment,
			// SES's own choice is 7bit, which is wrong for whatever is not ASCII, such as a release's name
			// (Amazon SES Developer Guide, "Working with email attachments").
			ContentTransferEncoding: types.AttachmentContentTransferEncodingBase64,
		}}
	}
	in := &sesv2.SendEmailInput{
		FromEmailAddress: aws.String(o.from),
		Destination:      &types.Destination{ToAddresses: []string{mailbox(n.Name, m.Recipient)}},
		EmailTags:        []types.MessageTag{{Name: aws.String(Tag), Value: aws.String(m.ID)}, {Name: aws.String("kind"), Value: aws.String(m.Kind)}},
		Content:          &types.EmailContent{Simple: message},
	}
	if n.ManagerEmail != "" {
		in.ReplyToAddresses = []string{mailbox(n.Manager, n.ManagerEmail)}
	}
	if o.set != "" {
		in.ConfigurationSetName = aws.String(o.set)
	}
	return in
}

// mailbox formats an address with its name. Both were checked before; if that fails all the
// same, the bare address is used.
func mailbox(name, to string) string {
	header, err := address.Header(name, to)
	if err != nil {
		return to
	}
	return header
}

// backoff doubles with each attempt, with jitter of half.
func backoff(attempts int) time.Duration {
	d := longest
	if attempts < 8 {
		d = min(longest, shortest<<max(attempts-1, 0))
	}
	return d/2 + jitter.UpTo(d/2)
}

package mailbox

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// FaultKind is one way in which SES may fail a call.
type FaultKind string

// The kinds. "after accept" means that the mail is in the inbox although the caller is not
// told so.
const (
	Throttle    FaultKind = "throttle"     // 429, nothing accepted
	Error       FaultKind = "error"        // 500 after accept
	Drop        FaultKind = "drop"         // the connection breaks after accept
	Hang        FaultKind = "hang"         // no answer after accept, until the caller gives up
	Refuse      FaultKind = "refuse"       // 500, nothing accepted
	Reject      FaultKind = "reject"       // MessageRejected
	BadRequest  FaultKind = "bad-request"  // BadRequestException
	NotVerified FaultKind = "not-verified" // MailFromDomainNotVerifiedException
	Suspend     FaultKind = "suspend"      // AccountSuspendedException
	Pause       FaultKind = "pause"        // SendingPausedException
	Limit       FaultKind = "limit"        // LimitExceededException
	Quota       FaultKind = "quota"        // the daily quota is used up, also without SetQuota
	Bounce      FaultKind = "bounce"       // accepted, then a hard bounce
	Complaint   FaultKind = "complaint"    // accepted, then a complaint
)

// Fault makes one call fail, or every call that sends to an address.
type Fault struct {
	Kind   FaultKind `json:"kind"`
	To     string    `json:"to,omitempty"`     // only mails to this address; empty is any
	Always bool      `json:"always,omitempty"` // stays for later calls too
	Silent bool      `json:"silent,omitempty"` // no sending event either
}

// answer is how a fault answers; accepted says whether the mail was accepted all the same.
type answer struct {
	status   int
	code     string
	message  string
	accepted bool
}

var answers = map[FaultKind]answer{
	Throttle:    {429, "TooManyRequestsException", "Maximum sending rate exceeded.", false},
	Error:       {500, "InternalServiceErrorException", "Something broke after the mail was accepted.", true},
	Drop:        {accepted: true},
	Hang:        {accepted: true},
	Refuse:      {500, "InternalServiceErrorException", "Something broke before the mail was accepted.", false},
	Reject:      {400, "MessageRejected", "Email address is not verified.", false},
	BadRequest:  {400, "BadRequestException", "The request is not valid.", false},
	NotVerified: {400, "MailFromDomainNotVerifiedException", "The MAIL FROM domain is not verified.", false},
	Suspend:     {400, "AccountSuspendedException", "Sending is suspended for this account.", false},
	Pause:       {400, "SendingPausedException", "Sending is paused for this configuration set.", false},
	Limit:       {400, "LimitExceededException", "There are too many instances of the specified resource type.", false},
	Quota:       quotaUsedUp,
	Bounce:      {status: 200, accepted: true},
	Complaint:   {status: 200, accepted: true},
}

// quotaUsedUp has a code of throttling (Amazon SES Developer Guide, "Errors related to the
// sending quotas for your Amazon SES account", has the message and, for the older API,
// ThrottlingException; the reference of SendEmail, v2, has TooManyRequestsException).
var quotaUsedUp = answer{429, "TooManyRequestsException", "Daily message quota exceeded.", false}

// SetQuota limits how many mails are accepted in any 24 hours; 0 is no limit.
func (b *Mailbox) SetQuota(mails int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.quota = mails
}

// exhausted reports whether the account's quota is used up.
func (b *Mailbox) exhausted() bool {
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	sent := 0
	for _, m := range b.mails {
		if now.Sub(m.SentAt) < 24*time.Hour {
			sent++
		}
	}
	return b.quota > 0 && sent >= b.quota
}

// Fail queues faults; each call takes the first that applies to it.
func (b *Mailbox) Fail(faults ...Fault) error {
	for _, f := range faults {
		if _, known := answers[f.Kind]; !known {
			return fmt.Errorf("there is no fault %q", f.Kind)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, faults...)
	return nil
}

// take removes and returns the first fault that applies to the recipient.
func (b *Mailbox) take(to string) (Fault, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, f := range b.faults {
		if f.To != "" && !strings.EqualFold(f.To, to) {
			continue
		}
		if !f.Always {
			b.faults = slices.Delete(b.faults, i, i+1)
		}
		return f, true
	}
	return Fault{}, false
}

// Package mailbox stands in for SES v2 on a laptop: it accepts what SendEmail sends, keeps it
// in an inbox, shows it as a mail client would, fails on demand in the ways SES may, and
// publishes SES's sending events. It must not know why a mail is sent.
package mailbox

import (
	"encoding/base64"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"example.com/releases/shared/local/ledger"
)

// Mail is a message that was accepted, as its recipient would get it.
type Mail struct {
	ID          string            `json:"id"`
	To          string            `json:"to"`
	Subject     string            `json:"subject"`
	Text        string            `json:"text"`
	HTML        string            `json:"html"`
	Headers     map[string]string `json:"headers"`
	Attachments []Attachment      `json:"attachments"`
	SentAt      time.Time         `json:"sentAt"`

	raw []byte
}

// Raw is the message as it is handed over to the recipient's server: headers and MIME.
func (m Mail) Raw() []byte { return m.raw }

// Attachment is a file of a mail. Content is plain for text files and base64 for all others.
type Attachment struct {
	Name        string `json:"name"`
	ContentType string `json:"contentType"`
	Content     string `json:"content"`

	raw []byte
}

func attachment(name, contentType string, raw []byte) Attachment {
	a := Attachment{Name: name, ContentType: contentType, raw: raw}
	if utf8.Valid(raw) {
		a.Content = string(raw)
	} else {
		a.Content = base64.StdEncoding.EncodeToString(raw)
	}
	return a
}

// kept bounds how many mails are kept, so that a host that runs for long does not run out of
// memory.
const kept = 5000

// Mailbox is the stand-in. The zero value is ready to use.
type Mailbox struct {
	// OnEvent is called with each event that SES would publish on the default event bus about
	// mails with a configuration set; it may be nil. It must not block.
	OnEvent func(events.CloudWatchEvent)
	// Now is the clock; nil is the real one.
	Now func() time.Time

	mu     sync.Mutex
	number int
	mails  []Mail
	faults []Fault
	quota  int // mails in 24 hours
	ledger *ledger.Ledger[keptMail]
}

// keptMail is a mail as the ledger has it, with what the JSON of a mail leaves out.
type keptMail struct {
	Mail
	Raw   []byte
	Files [][]byte
}

// KeepIn has the mailbox keep in a file what it accepts, and begin with what is there: a mail
// that SES has accepted is on its way, whatever happens to the sender.
func (b *Mailbox) KeepIn(path string) error {
	l, entries, err := ledger.Open[keptMail](path, kept)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ledger, b.number = l, len(entries)
	for _, k := range entries {
		m := k.Mail
		m.raw = k.Raw
		for i := range m.Attachments {
			m.Attachments[i].raw = k.Files[i]
		}
		b.mails = append(b.mails, m)
	}
	return nil
}

// Close ends keeping in a file: from now on nothing is accepted.
func (b *Mailbox) Close() error { return b.ledger.Close() }

func (m Mail) toKeep() keptMail {
	k := keptMail{Mail: m, Raw: m.raw}
	for _, a := range m.Attachments {
		k.Files = append(k.Files, a.raw)
	}
	return k
}

// Mails returns what was accepted, oldest first.
func (b *Mailbox) Mails() []Mail {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Mail{}, b.mails...)
}

// Clear empties the inbox and drops queued faults.
func (b *Mailbox) Clear() { _ = b.empty() }

// empty is Clear, with what became of the file.
func (b *Mailbox) empty() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mails, b.faults = nil, nil
	return b.ledger.Clear()
}

func (b *Mailbox) now() time.Time {
	if b.Now != nil {
		return b.Now().UTC()
	}
	return time.Now().UTC()
}

func (b *Mailbox) find(id string) (Mail, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.mails {
		if m.ID == id {
			return m, true
		}
	}
	return Mail{}, false
}

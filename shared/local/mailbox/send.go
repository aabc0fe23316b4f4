package mailbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/mail"
	"strings"
	"time"
)

// SendPath is the path of SendEmail below the stand-in's endpoint.
const SendPath = "/v2/email/outbound-emails"

type sendRequest struct {
	FromEmailAddress     string
	ReplyToAddresses     []string
	ConfigurationSetName string
	EmailTags            []struct{ Name, Value string }
	Destination          struct{ ToAddresses, CcAddresses, BccAddresses []string }
	Content              struct {
		Simple *struct {
			Subject content
			Body    struct {
				Text *content
				Html *content // SES's spelling
			}
			Headers     []struct{ Name, Value string }
			Attachments []attached
		}
		Raw, Template json.RawMessage
	}
}

type content struct{ Data, Charset string }

type attached struct {
	FileName, ContentType, ContentDisposition, ContentTransferEncoding string
	RawContent                                                         []byte
}

// Send answers SendEmail.
func (b *Mailbox) Send(w http.ResponseWriter, r *http.Request) {
	var in sendRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(&in); err != nil {
		refuse(w, answer{status: 400, code: "BadRequestException", message: "The body is not the JSON of SendEmail: " + err.Error()})
		return
	}
	if err := in.check(); err != nil {
		refuse(w, answer{status: 400, code: "BadRequestException", message: err.Error()})
		return
	}
	if b.exhausted() {
		refuse(w, quotaUsedUp)
		return
	}
	to, _ := mail.ParseAddress(in.recipients()[0])
	fault, faulty := b.take(to.Address)
	reply := answer{status: http.StatusOK, accepted: true}
	if faulty {
		reply = answers[fault.Kind]
	}
	var id string
	if reply.accepted {
		var err error
		if id, err = b.accept(in, fault); errors.Is(err, errNotKept) {
			refuse(w, answer{status: 500, code: "InternalServiceErrorException", message: err.Error()})
			return
		} else if err != nil {
			refuse(w, answer{status: 400, code: "BadRequestException", message: err.Error()})
			return
		}
	}
	switch fault.Kind {
	case Drop:
		panic(http.ErrAbortHandler) // net/http's way to close a connection without an answer
	case Hang:
		// The server sees that the client went away only once the body is read.
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		return
	}
	if reply.status != http.StatusOK {
		refuse(w, reply)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"MessageId": id})
}

func refuse(w http.ResponseWriter, a answer) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Errortype", a.code)
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": a.message})
}

func (in sendRequest) recipients() []string {
	d := in.Destination
	return append(append(append([]string{}, d.ToAddresses...), d.CcAddresses...), d.BccAddresses...)
}

var errNotKept = errors.New("the mail could not be written to the data folder, and was not accepted")

// accept puts the mail into the inbox and publishes the events SES would.
func (b *Mailbox) accept(in sendRequest, fault Fault) (string, error) {
	s := in.Content.Simple
	now := b.now()
	m := Mail{
		To: strings.Join(in.bareRecipients(), ", "), Subject: s.Subject.Data, SentAt: now,
		Headers: map[string]string{}, Attachments: []Attachment{},
	}
	if s.Body.Text != nil {
		m.Text = s.Body.Text.Data
	}
	if s.Body.Html != nil {
		m.HTML = s.Body.Html.Data
	}
	for _, a := range s.Attachments {
		m.Attachments = append(m.Attachments, attachment(a.FileName, a.kind(), a.RawContent))
	}
	b.mu.Lock()
	b.number++
	m.ID = fmt.Sprintf("%s-%06d", now.Format("20060102150405"), b.number)
	m.Headers["From"], m.Headers["To"], m.Headers["Subject"] = in.FromEmailAddress, strings.Join(in.Destination.ToAddresses, ", "), m.Subject
	m.Headers["Date"] = now.Format(time.RFC1123Z)
	m.Headers["Message-ID"] = "<" + m.ID + "@email.local>" // SES overwrites whatever the sender chose
	if len(in.ReplyToAddresses) > 0 {
		m.Headers["Reply-To"] = strings.Join(in.ReplyToAddresses, ", ")
	}
	for _, h := range s.Headers {
		m.Headers[h.Name] = h.Value
	}
	raw, err := in.compose(m)
	if err == nil && len(raw) > maxMessage {
		err = fmt.Errorf("the message has %d bytes as it is encoded; at most %d are allowed", len(raw), maxMessage)
	}
	if err != nil {
		b.mu.Unlock()
		return "", err
	}
	m.raw = raw
	if err := b.ledger.Append(m.toKeep()); err != nil {
		b.mu.Unlock()
		return "", fmt.Errorf("%w: %w", errNotKept, err)
	}
	b.mails = append(b.mails, m)
	b.mails = b.mails[max(0, len(b.mails)-kept):]
	b.mu.Unlock()
	if in.ConfigurationSetName != "" && !fault.Silent {
		b.publish(in, m, fault.Kind)
	}
	return m.ID, nil
}

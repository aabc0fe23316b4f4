package mailbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/mail"
	"path"
	"regexp"
	"strings"
	"time"
)

// SendPath is the path of SendEmail below the stand-in's endpoint.
const SendPath = "/v2/email/outbound-emails"

// maxMessage is SES's bound on a message, 40 MB, in base64.
const maxMessage = 56 << 20

type sendRequest struct {
	FromEmailAddress     string
	ReplyToAddresses     []string
	ConfigurationSetName string
	EmailTags            []struct{ Name, Value string }
	Destination          struct{ ToAddresses, CcAddresses, BccAddresses []string }
	Content              struct {
		Simple *struct {
			Subject struct{ Data string }
			Body    struct {
				Text *struct{ Data string }
				Html *struct{ Data string } // SES's spelling
			}
			Headers     []struct{ Name, Value string }
			Attachments []struct {
				FileName, ContentType string
				RawContent            []byte
			}
		}
		Raw, Template json.RawMessage
	}
}

// Send answers SendEmail.
func (b *Mailbox) Send(w http.ResponseWriter, r *http.Request) {
	var in sendRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxMessage)).Decode(&in); err != nil {
		refuse(w, answer{status: 400, code: "BadRequestException", message: "The body is not the JSON of SendEmail: " + err.Error()})
		return
	}
	if err := in.check(); err != nil {
		refuse(w, answer{status: 400, code: "BadRequestException", message: err.Error()})
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
		id = b.accept(in, fault)
	}
	switch fault.Kind {
	case Drop:
		panic(http.ErrAbortHandler) // net/http's way to break a connection without a word
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

var (
	headerName  = regexp.MustCompile(`^[!-9;-~]{1,126}$`)
	headerValue = regexp.MustCompile(`^[ -~]{1,995}$`)
	tagPart     = regexp.MustCompile(`^[A-Za-z0-9_:-]{1,256}$`)
)

// reserved headers are SES's own business or have fields of their own.
var reserved = map[string]bool{
	"from": true, "to": true, "cc": true, "bcc": true, "subject": true, "reply-to": true, "date": true, "message-id": true,
	"return-path": true, "sender": true, "mime-version": true, "content-type": true, "content-transfer-encoding": true, "content-disposition": true,
}

// check refuses what SES refuses, so that a mail that would fail there fails here.
func (in sendRequest) check() error {
	if _, err := mail.ParseAddress(in.FromEmailAddress); err != nil {
		return fmt.Errorf("FromEmailAddress: %w", err)
	}
	to := in.recipients()
	if len(to) == 0 || len(to) > 50 {
		return fmt.Errorf("a mail has 1 to 50 recipients, not %d", len(to))
	}
	for _, address := range append(to, in.ReplyToAddresses...) {
		if a, err := mail.ParseAddress(address); err != nil {
			return fmt.Errorf("the address %q: %w", address, err)
		} else if local, _, _ := strings.Cut(a.Address, "@"); !ascii(local) {
			return fmt.Errorf("the address %q: SES takes no letters beyond ASCII before the @", address)
		}
	}
	s := in.Content.Simple
	if s == nil || in.Content.Raw != nil || in.Content.Template != nil {
		return errors.New("the laptop's stand-in takes Simple content only")
	}
	if s.Subject.Data == "" || strings.ContainsAny(s.Subject.Data, "\r\n") {
		return errors.New("the subject must be there and have one line")
	}
	if s.Body.Text == nil && s.Body.Html == nil {
		return errors.New("the body must have a text or an HTML part")
	}
	seen := map[string]bool{}
	for _, h := range s.Headers {
		name := strings.ToLower(h.Name)
		switch {
		case !headerName.MatchString(h.Name), !headerValue.MatchString(h.Value), len(h.Name)+len(h.Value) > 996:
			return fmt.Errorf("the header %q: names and values are printable ASCII, at most 126 and 995 characters", h.Name)
		case reserved[name]:
			return fmt.Errorf("the header %q cannot be set this way", h.Name)
		case seen[name]:
			return fmt.Errorf("the header %q stands there twice", h.Name)
		}
		seen[name] = true
	}
	for _, t := range in.EmailTags {
		if !tagPart.MatchString(t.Name) || !tagPart.MatchString(t.Value) {
			return fmt.Errorf("the tag %q=%q: letters, digits, _ and - only, at most 256", t.Name, t.Value)
		}
	}
	for _, a := range s.Attachments {
		if a.FileName == "" || len(a.FileName) > 255 || strings.ContainsAny(a.FileName, "\r\n/\\\"") {
			return fmt.Errorf("the attachment's name %q is not a file name", a.FileName)
		}
	}
	return nil
}

func ascii(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > 126 || r < 33 }) < 0
}

// accept puts the mail into the inbox and publishes the events SES would.
func (b *Mailbox) accept(in sendRequest, fault Fault) string {
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
		kind := a.ContentType
		if kind == "" {
			kind = mime.TypeByExtension(path.Ext(a.FileName))
		}
		m.Attachments = append(m.Attachments, attachment(a.FileName, kind, a.RawContent))
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
	b.mails = append(b.mails, m)
	b.mails = b.mails[max(0, len(b.mails)-kept):]
	b.mu.Unlock()
	if in.ConfigurationSetName != "" && !fault.Silent {
		b.publish(in, m, fault.Kind)
	}
	return m.ID
}

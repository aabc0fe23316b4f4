package mailbox

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"net/mail"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// What SES refuses, with the page that says so. The pages are those of the API reference v2
// (…/ses/latest/APIReference-V2/) and of the developer guide (…/ses/latest/dg/). A mail that
// SES would accept but damage is refused here, so that a test notices.
const (
	maxRecipients = 50       // guide, quotas: recipients per message
	maxMessage    = 40 << 20 // guide, quotas: message size with the v2 API, as it is encoded
	maxRequest    = 64 << 20 // such a message, encoded in JSON
	maxAddress    = 320      // no page has it; SES answers so: zulip/zulip#17558, mautic/mautic#7732
	maxLocal      = 64       // RFC 5321, 4.5.3.1.1
	maxPath       = 254      // RFC 5321, 4.5.3.1.3
	maxTags       = 50       // guide, event-publishing-send-email
	maxFileName   = 255      // reference, API_Attachment
	maxType       = 78       // reference, API_Attachment
	maxLine       = 998      // RFC 5322, 2.1.1; guide, send-email-raw
)

var (
	headerName  = regexp.MustCompile(`^[!-9;-~]{1,126}$`)      // reference, API_MessageHeader
	headerValue = regexp.MustCompile(`^[ -~]{1,995}$`)         // reference, API_MessageHeader
	tagPart     = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`) // reference, API_MessageTag
	localPart   = regexp.MustCompile(`^[!#-'*+/-9=?A-Z^-~-]+(\.[!#-'*+/-9=?A-Z^-~-]+)*$`)
	hostName    = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)
)

// reserved headers are SES's own business or have fields of their own (guide, header-fields).
var reserved = map[string]bool{
	"from": true, "to": true, "cc": true, "bcc": true, "subject": true, "reply-to": true, "date": true, "message-id": true,
	"return-path": true, "sender": true, "mime-version": true, "content-type": true, "content-transfer-encoding": true, "content-disposition": true,
}

// unsupported lists some of the file name extensions that SES does not accept in attachments
// (guide, mime-types).
var unsupported = []string{".bat", ".cmd", ".com", ".cpl", ".exe", ".hta", ".jar", ".js", ".lnk", ".msi", ".pif", ".ps1", ".reg", ".scr", ".vbs", ".wsf"}

// check refuses what SES would refuse, so that the mail fails here too.
func (in sendRequest) check() error {
	if err := checkAddress(in.FromEmailAddress); err != nil {
		return fmt.Errorf("FromEmailAddress: %w", err)
	}
	to := in.recipients()
	if len(to) == 0 || len(to) > maxRecipients {
		return fmt.Errorf("a mail has 1 to %d recipients, not %d", maxRecipients, len(to))
	}
	for _, address := range append(to, in.ReplyToAddresses...) {
		if err := checkAddress(address); err != nil {
			return err
		}
	}
	s := in.Content.Simple
	if s == nil || in.Content.Raw != nil || in.Content.Template != nil {
		return errors.New("the laptop's stand-in takes Simple content only")
	}
	if s.Subject.Data == "" || strings.ContainsFunc(s.Subject.Data, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return errors.New("the subject must be there, in one line and without control characters")
	}
	if s.Body.Text == nil && s.Body.Html == nil {
		return errors.New("the body must have a text or an HTML part")
	}
	for _, part := range []*content{&s.Subject, s.Body.Text, s.Body.Html} {
		if err := part.check(); err != nil {
			return err
		}
	}
	if err := in.checkHeaders(); err != nil {
		return err
	}
	if len(in.EmailTags) > maxTags {
		return fmt.Errorf("a mail has at most %d tags, not %d", maxTags, len(in.EmailTags))
	}
	for _, t := range in.EmailTags {
		if !tagPart.MatchString(t.Name) || !tagPart.MatchString(t.Value) {
			return fmt.Errorf("the tag %q=%q: letters, digits, _ and - only, at most 256", t.Name, t.Value)
		}
	}
	for _, a := range s.Attachments {
		if err := a.check(); err != nil {
			return fmt.Errorf("the attachment %q: %w", a.FileName, err)
		}
	}
	return nil
}

// checkAddress checks an address with or without a name (reference, API_Destination: SES does
// not support SMTPUTF8, so the local part is 7-bit ASCII, the host in Punycode, and a name in
// MIME's encoded words).
func checkAddress(address string) error {
	if !ascii(address) {
		return fmt.Errorf("the address %q is not 7-bit ASCII; encode names as MIME words and hosts in Punycode", address)
	}
	if len(address) > maxAddress {
		return fmt.Errorf("the address is longer than %d bytes: %q", maxAddress, address)
	}
	a, err := mail.ParseAddress(address)
	if err != nil {
		return fmt.Errorf("the address %q: %w", address, err)
	}
	local, host, _ := strings.Cut(a.Address, "@")
	if len(local) > maxLocal || len(a.Address) > maxPath || !localPart.MatchString(local) || !hostName.MatchString(host) {
		return fmt.Errorf("the address %q: missing final '@domain', or illegal characters", address)
	}
	return nil
}

func (in sendRequest) checkHeaders() error {
	seen := map[string]bool{}
	for _, h := range in.Content.Simple.Headers {
		name := strings.ToLower(h.Name)
		switch {
		case !headerName.MatchString(h.Name), !headerValue.MatchString(h.Value), len(h.Name)+len(h.Value) > 996:
			return fmt.Errorf("the header %q: names and values are printable ASCII, at most 126 and 995 characters, together 996", h.Name)
		case reserved[name]:
			return fmt.Errorf("the header %q cannot be set this way", h.Name)
		case seen[name]:
			return fmt.Errorf("the header %q stands there twice", h.Name)
		}
		seen[name] = true
	}
	return nil
}

// check checks text: SES treats it as ASCII unless it names its character set (reference,
// API_Content).
func (c *content) check() error {
	switch {
	case c == nil:
		return nil
	case c.Charset != "" && !strings.EqualFold(c.Charset, "UTF-8"):
		return fmt.Errorf("the laptop's stand-in knows the character set UTF-8 only, not %q", c.Charset)
	case c.Charset == "" && !ascii(c.Data):
		return errors.New("text beyond ASCII must name its character set")
	case !utf8.ValidString(c.Data):
		return errors.New("the text is not UTF-8")
	}
	return nil
}

// check checks an attachment (reference, API_Attachment; guide, attachments: without a
// transfer encoding SES writes it as 7bit, which damages anything but ASCII).
func (a attached) check() error {
	switch {
	case a.FileName == "", len(a.FileName) > maxFileName, strings.ContainsAny(a.FileName, "\r\n/\\\""), path.Ext(a.FileName) == "":
		return errors.New("that is not the name of a file with an extension")
	case slices.Contains(unsupported, strings.ToLower(path.Ext(a.FileName))):
		return errors.New("SES takes no attachments of this type")
	case len(a.ContentType) > maxType:
		return fmt.Errorf("the content type has more than %d characters", maxType)
	case a.ContentDisposition != "" && a.ContentDisposition != "ATTACHMENT" && a.ContentDisposition != "INLINE":
		return fmt.Errorf("there is no disposition %q", a.ContentDisposition)
	}
	if a.ContentType != "" {
		if _, _, err := mime.ParseMediaType(a.ContentType); err != nil {
			return fmt.Errorf("the content type %q: %w", a.ContentType, err)
		}
	}
	switch a.ContentTransferEncoding {
	case "BASE64", "QUOTED_PRINTABLE":
		return nil
	case "", "SEVEN_BIT":
	default:
		return fmt.Errorf("there is no transfer encoding %q", a.ContentTransferEncoding)
	}
	if bytes.ContainsFunc(a.RawContent, func(r rune) bool { return r >= 0x80 || r == 0 }) {
		return errors.New("it is not ASCII and would be sent as 7bit; name a transfer encoding, such as BASE64")
	}
	for line := range bytes.Lines(a.RawContent) {
		if len(bytes.TrimRight(line, "\r\n")) > maxLine {
			return fmt.Errorf("it has a line of more than %d characters and would be sent as 7bit", maxLine)
		}
	}
	return nil
}

func ascii(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0
}

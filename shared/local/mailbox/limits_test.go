package mailbox

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	"net/mail"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
)

// What SES refuses is refused here too, with the same error, through the SDK.
func TestSend_WhatSESRefuses_BadRequest(t *testing.T) {
	b, client, _ := start(t)
	to := func(address string) func(*sesv2.SendEmailInput) {
		return func(in *sesv2.SendEmailInput) { in.Destination.ToAddresses = []string{address} }
	}
	attachment := func(spoil func(*types.Attachment)) func(*sesv2.SendEmailInput) {
		return func(in *sesv2.SendEmailInput) { spoil(&in.Content.Simple.Attachments[0]) }
	}
	for name, spoil := range map[string]func(*sesv2.SendEmailInput){
		"letters before the @": to("jürgen@example.com"),
		"host not in Punycode": to("ann@münchen.example"),
		"name not encoded":     to("Jürgen <ann@example.com>"),
		"IP address":           to("ann@[127.0.0.1]"),
		"IP address as a name": to("ann@127.0.0.1"),
		"hyphen first":         to("ann@-x.example"),
		"no dot in the host":   to("ann@localhost"),
		"dot at the end":       to("ann.@example.com"),
		"quoted local part":    to(`"a b"@example.com`),
		"long local part":      to(strings.Repeat("a", 65) + "@example.com"),
		"long address":         to("a@" + strings.Repeat("bbbbbbbbb.", 25) + "example"),
		"321 bytes":            to(`"` + strings.Repeat("n", 301) + `" <ann@example.com>`),
		"reply to":             func(in *sesv2.SendEmailInput) { in.ReplyToAddresses = []string{"jürgen@example.de"} },
		"reply to of 321 bytes": func(in *sesv2.SendEmailInput) {
			in.ReplyToAddresses = []string{`"` + strings.Repeat("n", 301) + `" <ann@example.com>`}
		},
		"from of 321 bytes": func(in *sesv2.SendEmailInput) {
			in.FromEmailAddress = aws.String(`"` + strings.Repeat("n", 301) + `" <ann@example.com>`)
		},
		"51 recipients":          func(in *sesv2.SendEmailInput) { in.Destination.BccAddresses = slicesOf("b@example.com", 50) },
		"control in the subject": func(in *sesv2.SendEmailInput) { in.Content.Simple.Subject.Data = aws.String("a\x07b") },
		"text without a charset": func(in *sesv2.SendEmailInput) { in.Content.Simple.Body.Text = &types.Content{Data: aws.String("é")} },
		"subject without one":    func(in *sesv2.SendEmailInput) { in.Content.Simple.Subject.Charset = nil },
		"long header": func(in *sesv2.SendEmailInput) {
			in.Content.Simple.Headers[0].Value = aws.String(strings.Repeat("a", 996))
		},
		"colon in a tag": func(in *sesv2.SendEmailInput) { in.EmailTags[0].Value = aws.String("a:b") },
		"51 tags": func(in *sesv2.SendEmailInput) {
			for range 50 {
				in.EmailTags = append(in.EmailTags, in.EmailTags[0])
			}
		},
		"not ASCII as 7bit": attachment(func(a *types.Attachment) { a.RawContent = []byte("• a task") }),
		"not ASCII, said so": attachment(func(a *types.Attachment) {
			a.RawContent, a.ContentTransferEncoding = []byte("•"), types.AttachmentContentTransferEncodingSevenBit
		}),
		"long line as 7bit": attachment(func(a *types.Attachment) { a.RawContent = bytes.Repeat([]byte("a"), 999) }),
		"no such encoding":  attachment(func(a *types.Attachment) { a.ContentTransferEncoding = "BINARY" }),
		"a program":         attachment(func(a *types.Attachment) { a.FileName = aws.String("run.EXE") }),
		"no extension":      attachment(func(a *types.Attachment) { a.FileName = aws.String("release") }),
		"content type": attachment(func(a *types.Attachment) {
			a.ContentType = aws.String("text/calendar; method=" + strings.Repeat("P", 60))
		}),
		"40 MB as it is encoded": attachment(func(a *types.Attachment) {
			a.RawContent, a.ContentTransferEncoding = make([]byte, 30<<20), types.AttachmentContentTransferEncodingBase64
		}),
		"disposition": attachment(func(a *types.Attachment) { a.ContentDisposition = "HIDDEN" }),
	} {
		in := message("ann@example.com")
		spoil(in)
		var bad *types.BadRequestException
		if _, err := client.SendEmail(t.Context(), in); !errors.As(err, &bad) {
			t.Errorf("%s: got %v, want BadRequestException", name, err)
		}
	}
	if len(b.Mails()) != 0 {
		t.Errorf("%d mails were accepted, want none", len(b.Mails()))
	}
	// A message just within the bounds is accepted.
	in := message(`"` + strings.Repeat("n", 300) + `" <ann@example.com>`)
	in.Destination.BccAddresses = slicesOf("o'brien+it@xn--mnchen-3ya.example", 49)
	in.Content.Simple.Headers[0].Value = aws.String(strings.Repeat("a", 980))
	in.Content.Simple.Attachments[0].RawContent, in.Content.Simple.Attachments[0].ContentTransferEncoding = []byte("• a task"), types.AttachmentContentTransferEncodingBase64
	if _, err := client.SendEmail(t.Context(), in); err != nil {
		t.Error(err)
	}
}

func slicesOf(address string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = address
	}
	return all
}

func TestRaw_IsTheMessageAsMIME(t *testing.T) {
	b, client, url := start(t)
	in := message("=?utf-8?q?J=C3=BCrgen?= <ann@example.com>")
	in.Content.Simple.Attachments[0].RawContent, in.Content.Simple.Attachments[0].ContentTransferEncoding = []byte("SUMMARY:• a task\r\n"), types.AttachmentContentTransferEncodingBase64
	if _, err := client.SendEmail(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	answer, body := get(t, url+"/_local/inbox/"+b.Mails()[0].ID+"/raw", "*/*")
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "message/rfc822" || body != string(b.Mails()[0].Raw()) {
		t.Fatalf("got %s %v, want the raw mail as message/rfc822", answer.Status, answer.Header)
	}
	m, err := mail.ReadMessage(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != "Your request – soon" {
		t.Errorf("the subject is %q (%v), want the one that was sent", subject, err)
	}
	if list, err := m.Header.AddressList("To"); err != nil || list[0].Name != "Jürgen" {
		t.Errorf("To is %v (%v), want Jürgen", list, err)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	mixed := multipart.NewReader(m.Body, params["boundary"])
	alternatives, err := mixed.NextPart()
	if err != nil {
		t.Fatal(err)
	}
	_, params, err = mime.ParseMediaType(alternatives.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := multipart.NewReader(alternatives, params["boundary"]).NextRawPart()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(quotedprintable.NewReader(text)); err != nil || string(got) != "Hello" {
		t.Errorf("the text is %q (%v), want Hello", got, err)
	}
	if answer, _ := get(t, url+"/_local/inbox/none/raw", "*/*"); answer.StatusCode != http.StatusNotFound {
		t.Errorf("a mail that does not exist: %s, want 404", answer.Status)
	}
}

package mailbox

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/textproto"
	"path"
	"strings"
)

// compose writes the message as SES would hand it over: the fields of the request as headers,
// the body in its alternatives, and the attachments in the transfer encoding that was asked
// for. A mail client would receive exactly this.
func (in sendRequest) compose(m Mail) ([]byte, error) {
	s := in.Content.Simple
	var out bytes.Buffer
	mixed := multipart.NewWriter(&out)
	put := func(name, value string) { fmt.Fprintf(&out, "%s: %s\r\n", name, fold(value)) }
	for _, name := range []string{"From", "To", "Reply-To", "Date", "Message-ID"} {
		if value := m.Headers[name]; value != "" {
			put(name, value)
		}
	}
	put("Subject", mime.QEncoding.Encode("utf-8", m.Subject))
	for _, h := range s.Headers {
		put(h.Name, h.Value)
	}
	put("MIME-Version", "1.0")
	put("Content-Type", mime.FormatMediaType("multipart/mixed", map[string]string{"boundary": mixed.Boundary()}))
	out.WriteString("\r\n")

	var body bytes.Buffer
	either := multipart.NewWriter(&body)
	for _, part := range []struct {
		kind string
		*content
	}{{"text/plain; charset=utf-8", s.Body.Text}, {"text/html; charset=utf-8", s.Body.Html}} {
		if part.content == nil {
			continue
		}
		w, err := either.CreatePart(textproto.MIMEHeader{"Content-Type": {part.kind}, "Content-Transfer-Encoding": {"quoted-printable"}})
		if err != nil {
			return nil, err
		}
		q := quotedprintable.NewWriter(w)
		if _, err := q.Write([]byte(part.Data)); err != nil {
			return nil, err
		}
		if err := q.Close(); err != nil {
			return nil, err
		}
	}
	if err := either.Close(); err != nil {
		return nil, err
	}
	w, err := mixed.CreatePart(textproto.MIMEHeader{"Content-Type": {mime.FormatMediaType("multipart/alternative", map[string]string{"boundary": either.Boundary()})}})
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(body.Bytes()); err != nil {
		return nil, err
	}
	for _, a := range s.Attachments {
		if err := a.compose(mixed); err != nil {
			return nil, err
		}
	}
	err = mixed.Close()
	return out.Bytes(), err
}

func (a attached) kind() string {
	if a.ContentType != "" {
		return a.ContentType
	}
	return mime.TypeByExtension(path.Ext(a.FileName))
}

func (a attached) compose(mixed *multipart.Writer) error {
	disposition := "attachment"
	if a.ContentDisposition == "INLINE" {
		disposition = "inline"
	}
	encoding := map[string]string{"BASE64": "base64", "QUOTED_PRINTABLE": "quoted-printable"}[a.ContentTransferEncoding]
	if encoding == "" {
		encoding = "7bit"
	}
	w, err := mixed.CreatePart(textproto.MIMEHeader{
		"Content-Type": {a.kind()}, "Content-Transfer-Encoding": {encoding},
		"Content-Disposition": {mime.FormatMediaType(disposition, map[string]string{"filename": a.FileName})},
	})
	if err != nil {
		return err
	}
	switch encoding {
	case "base64":
		text := base64.StdEncoding.EncodeToString(a.RawContent)
		for len(text) > 76 {
			if _, err := w.Write([]byte(text[:76] + "\r\n")); err != nil {
				return err
			}
			text = text[76:]
		}
		_, err = w.Write([]byte(text + "\r\n"))
	case "quoted-printable":
		q := quotedprintable.NewWriter(w)
		if _, err = q.Write(a.RawContent); err == nil {
			err = q.Close()
		}
	default:
		_, err = w.Write(a.RawContent)
	}
	return err
}

// fold breaks a header's line between encoded words (RFC 2047, 2).
func fold(value string) string { return strings.ReplaceAll(value, "?= =?", "?=\r\n =?") }

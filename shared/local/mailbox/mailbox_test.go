package mailbox

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/smithy-go"
)

// start serves a mailbox and returns the real SDK's client of it, without retries.
func start(t *testing.T) (*Mailbox, *sesv2.Client, string) {
	t.Helper()
	b := &Mailbox{}
	server := httptest.NewServer(b.Handler())
	t.Cleanup(server.Close)
	return b, sesv2.New(sesv2.Options{
		Region: "local", BaseEndpoint: aws.String(server.URL + "/_local/ses"), Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
		}),
	}), server.URL
}

func message(to string) *sesv2.SendEmailInput {
	text := func(s string) *types.Content {
		return &types.Content{Data: aws.String(s), Charset: aws.String("UTF-8")}
	}
	return &sesv2.SendEmailInput{
		FromEmailAddress: aws.String("Releases <releases@example.com>"), ReplyToAddresses: []string{"rm@example.com"},
		ConfigurationSetName: aws.String("mails"), EmailTags: []types.MessageTag{{Name: aws.String("outbox"), Value: aws.String("id-1")}},
		Destination: &types.Destination{ToAddresses: []string{to}},
		Content: &types.EmailContent{Simple: &types.Message{
			Subject: text("Your request – soon"), Body: &types.Body{Text: text("Hello"), Html: text("<p>Hello <script>alert(1)</script></p>")},
			Headers:     []types.MessageHeader{{Name: aws.String("Auto-Submitted"), Value: aws.String("auto-generated")}},
			Attachments: []types.Attachment{{FileName: aws.String("release.ics"), ContentType: aws.String("text/calendar; method=PUBLISH"), RawContent: []byte("BEGIN:VCALENDAR\r\n")}},
		}},
	}
}

func get(t *testing.T, url, accept string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

func TestInbox_Mail_ShowsWhatTheSDKSent(t *testing.T) {
	b, client, url := start(t)
	b.Now = func() time.Time { return time.Date(2026, 5, 1, 9, 0, 0, 0, time.UTC) }
	if _, err := client.SendEmail(t.Context(), message("Ann <ann@example.com>")); err != nil {
		t.Fatal(err)
	}
	_, body := get(t, url+"/_local/inbox", "application/json")
	// The whole document, written by hand: scripts rely on its form.
	const want = `{"mails":[{"id":"20260501090000-000001","to":"ann@example.com","subject":"Your request – soon","text":"Hello","html":"<p>Hello <script>alert(1)</script></p>",` +
		`"headers":{"Auto-Submitted":"auto-generated","Date":"Fri, 01 May 2026 09:00:00 +0000","From":"Releases <releases@example.com>","Message-ID":"<20260501090000-000001@email.local>",` +
		`"Reply-To":"rm@example.com","Subject":"Your request – soon","To":"Ann <ann@example.com>"},` +
		`"attachments":[{"name":"release.ics","contentType":"text/calendar; method=PUBLISH","content":"BEGIN:VCALENDAR\r\n"}],"sentAt":"2026-05-01T09:00:00Z"}]}` + "\n"
	if body != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
	if _, body := get(t, url+"/_local/inbox?to=bob@example.com", "application/json"); body != `{"mails":[]}`+"\n" {
		t.Errorf("someone else's inbox: %s, want no mails", body)
	}
}

// The inbox is narrowed by person and by release, alone and together, for programs and people.
func TestInbox_ByPersonAndRelease_IsNarrowed(t *testing.T) {
	_, client, url := start(t)
	for to, id := range map[string]string{"ann@example.com": "REL-2026-Q2-001", "bob@example.com": "REL-2026-Q2-0010", "cem@example.com": "REL-2026-Q2-001"} {
		in := message(to)
		in.Content.Simple.Body.Text.Data = aws.String("Your request is part of " + id + ", as we said.")
		if _, err := client.SendEmail(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	for query, want := range map[string][]string{
		"": {"ann", "bob", "cem"}, "?to=ANN@example.com": {"ann"}, "?release=REL-2026-Q2-001": {"ann", "cem"}, "?release=REL-2026-Q2-0010": {"bob"},
		"?to=cem@example.com&release=REL-2026-Q2-001": {"cem"}, "?to=bob@example.com&release=REL-2026-Q2-001": nil, "?to=&release=": {"ann", "bob", "cem"},
	} {
		_, body := get(t, url+"/_local/inbox"+query, "application/json")
		_, shown := get(t, url+"/_local/inbox"+query, "text/html")
		_, list, _ := strings.Cut(shown, "</form>")
		for _, name := range []string{"ann", "bob", "cem"} {
			expected := slices.Contains(want, name)
			if strings.Contains(body, name+"@") != expected || strings.Contains(list, name+"@") != expected {
				t.Errorf("%s: %s is shown: %v, want %v\n%s", query, name, !expected, expected, list)
			}
		}
		if strings.Count(shown, "<option") != 3+2+2 {
			t.Errorf("%s: want seven choices (three persons, two releases, and two for all) in\n%s", query, shown)
		}
	}
}

func TestInbox_HostileMail_IsShownSafely(t *testing.T) {
	b, client, url := start(t)
	in := message("ann@example.com")
	in.Content.Simple.Subject.Data = aws.String("<script>alert(1)</script>")
	if _, err := client.SendEmail(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	id := b.Mails()[0].ID
	for path, policy := range map[string]string{
		"/_local/inbox":                          "default-src 'none'; style-src 'self'",
		"/_local/inbox/" + id:                    "default-src 'none'; style-src 'self'",
		"/_local/inbox/" + id + "/html":          "sandbox; default-src 'none'",
		"/_local/inbox/" + id + "/attachments/0": "sandbox; default-src 'none'",
	} {
		answer, body := get(t, url+path, "text/html,application/json;q=0.5")
		if answer.StatusCode != http.StatusOK || !strings.HasPrefix(answer.Header.Get("Content-Security-Policy"), policy) {
			t.Errorf("%s: %s with the policy %q, want 200 with %q", path, answer.Status, answer.Header.Get("Content-Security-Policy"), policy)
		}
		if !strings.HasSuffix(path, "/html") && strings.Contains(body, "<script>") {
			t.Errorf("%s shows a script: %s", path, body)
		}
	}
	_, body := get(t, url+"/_local/inbox/"+id, "text/html")
	if !strings.Contains(body, "<iframe sandbox ") {
		t.Errorf("the mail is not in a sandbox: %s", body)
	}
	answer, body := get(t, url+"/_local/inbox/"+id+"/attachments/0", "*/*")
	if answer.Header.Get("Content-Disposition") != "attachment; filename=release.ics" || body != "BEGIN:VCALENDAR\r\n" {
		t.Errorf("download: %v %q, want the attachment release.ics", answer.Header, body)
	}
	for _, path := range []string{"/_local/inbox/none", "/_local/inbox/none/html", "/_local/inbox/" + id + "/attachments/1", "/_local/inbox/" + id + "/attachments/x"} {
		if answer, _ := get(t, url+path, "text/html"); answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s, want 404", path, answer.Status)
		}
	}
}

func TestInbox_FaultAddress_Fails(t *testing.T) {
	for _, c := range []struct {
		kind     FaultKind
		code     string // of the error that the SDK returns; "-" is a broken or silent connection
		accepted int
		events   string
	}{
		{Throttle, "TooManyRequestsException", 0, ""},
		{Error, "InternalServiceErrorException", 1, "Send"},
		{Refuse, "InternalServiceErrorException", 0, ""},
		{Drop, "-", 1, "Send"},
		{Hang, "-", 1, "Send"},
		{Reject, "MessageRejected", 0, ""},
		{BadRequest, "BadRequestException", 0, ""},
		{NotVerified, "MailFromDomainNotVerifiedException", 0, ""},
		{Suspend, "AccountSuspendedException", 0, ""},
		{Pause, "SendingPausedException", 0, ""},
		{Limit, "LimitExceededException", 0, ""},
		{Quota, "TooManyRequestsException", 0, ""},
		{Bounce, "", 1, "Send Bounce"},
		{Complaint, "", 1, "Send Complaint"},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			b, client, _ := start(t)
			var mu sync.Mutex
			var heard []string
			b.OnEvent = func(e events.CloudWatchEvent) {
				var detail struct {
					EventType string
					Mail      struct {
						MessageID string
						Tags      map[string][]string
					}
				}
				if err := json.Unmarshal(e.Detail, &detail); err != nil {
					t.Error(err)
				}
				if e.Source != "aws.ses" || detail.Mail.Tags["outbox"][0] != "id-1" {
					t.Errorf("got the event %+v with %s, want aws.ses and the mail's tag", e, e.Detail)
				}
				mu.Lock()
				defer mu.Unlock()
				heard = append(heard, detail.EventType)
			}
			if err := b.Fail(Fault{Kind: c.kind}); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			_, err := client.SendEmail(ctx, message("ann@example.com"))
			var api smithy.APIError
			switch {
			case c.code == "" && err != nil, c.code != "" && err == nil:
				t.Errorf("error %v, want %q", err, c.code)
			case c.code == "-" && errors.As(err, &api):
				t.Errorf("an answer came: %v", err)
			case c.code != "" && c.code != "-" && (!errors.As(err, &api) || api.ErrorCode() != c.code):
				t.Errorf("error %v, want %s", err, c.code)
			}
			if got := len(b.Mails()); got != c.accepted {
				t.Errorf("%d mails accepted, want %d", got, c.accepted)
			}
			mu.Lock()
			if got := strings.Join(heard, " "); got != c.events {
				t.Errorf("events %q, want %q", got, c.events)
			}
			mu.Unlock()
			if _, err := client.SendEmail(t.Context(), message("ann@example.com")); err != nil {
				t.Errorf("the next mail met the fault again: %v", err)
			}
		})
	}
}

func TestInbox_FaultAddress_FitsItsRecipient(t *testing.T) {
	b, client, url := start(t)
	const faults = `{"faults":[{"kind":"reject","to":"Ann@example.com","always":true}]}`
	answer, err := http.Post(url+"/_local/inbox/faults", "application/json", strings.NewReader(faults)) //nolint:noctx // a test
	if err != nil || answer.StatusCode != http.StatusNoContent {
		t.Fatalf("setting the fault: %v %v, want 204", answer, err)
	}
	for range 2 {
		if _, err := client.SendEmail(t.Context(), message("ann@example.com")); err == nil {
			t.Error("the mail to ann was accepted, want it rejected")
		}
		if _, err := client.SendEmail(t.Context(), message("bob@example.com")); err != nil {
			t.Error(err)
		}
	}
	if err := b.Fail(Fault{Kind: "unknown"}); err == nil {
		t.Error("an unknown fault was queued")
	}
}

func TestInbox_WhatSESRefuses_Refused(t *testing.T) {
	b, client, _ := start(t)
	for name, spoil := range map[string]func(*sesv2.SendEmailInput){
		"from":       func(in *sesv2.SendEmailInput) { in.FromEmailAddress = aws.String("nobody") },
		"to":         func(in *sesv2.SendEmailInput) { in.Destination.ToAddresses = nil },
		"local part": func(in *sesv2.SendEmailInput) { in.Destination.ToAddresses = []string{"jürgen@example.com"} },
		"injected to": func(in *sesv2.SendEmailInput) {
			in.Destination.ToAddresses = []string{"a@example.com\r\nBcc: b@example.com"}
		},
		"subject": func(in *sesv2.SendEmailInput) { in.Content.Simple.Subject.Data = aws.String("a\r\nBcc: b") },
		"body":    func(in *sesv2.SendEmailInput) { in.Content.Simple.Body = &types.Body{} },
		"raw": func(in *sesv2.SendEmailInput) {
			in.Content = &types.EmailContent{Raw: &types.RawMessage{Data: []byte("x")}}
		},
		"header value": func(in *sesv2.SendEmailInput) { in.Content.Simple.Headers[0].Value = aws.String("é") },
		"reserved":     func(in *sesv2.SendEmailInput) { in.Content.Simple.Headers[0].Name = aws.String("Message-ID") },
		"header twice": func(in *sesv2.SendEmailInput) {
			h := in.Content.Simple.Headers[0]
			in.Content.Simple.Headers = []types.MessageHeader{h, h}
		},
		"tag":        func(in *sesv2.SendEmailInput) { in.EmailTags[0].Value = aws.String("REL#1") },
		"attachment": func(in *sesv2.SendEmailInput) { in.Content.Simple.Attachments[0].FileName = aws.String("../a.ics") },
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
}

// The quota counts the mails of the last 24 hours, not of a calendar day. The error over the
// quota is that of throttling, and differs in its message only.
func TestSend_DailyQuota_CountsTwentyFourHours(t *testing.T) {
	b, client, url := start(t)
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	b.Now = func() time.Time { return now }
	answer, err := http.Post(url+"/_local/inbox/faults", "application/json", strings.NewReader(`{"quota":2}`)) //nolint:noctx // a test's own server
	if err != nil || answer.StatusCode != http.StatusNoContent {
		t.Fatal(answer, err)
	}
	_ = answer.Body.Close()
	for _, step := range []struct {
		after    time.Duration
		accepted bool
	}{{0, true}, {time.Hour, true}, {time.Hour, false}, {21 * time.Hour, false}, {time.Hour, true}, {time.Minute, false}} {
		now = now.Add(step.after)
		_, err := client.SendEmail(t.Context(), message("ann@example.com"))
		var api smithy.APIError
		if (err == nil) != step.accepted || err != nil && (!errors.As(err, &api) || api.ErrorCode() != "TooManyRequestsException" || api.ErrorMessage() != "Daily message quota exceeded.") {
			t.Errorf("%v later, with %d mails accepted: got %v, want it accepted: %v", step.after, len(b.Mails()), err, step.accepted)
		}
	}
}

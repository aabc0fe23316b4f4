package feedback

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/mail"
)

// untouched is the way to an engine that nobody may ask anything.
type untouched struct{ t *testing.T }

func (u untouched) Do(r *http.Request) (*http.Response, error) {
	u.t.Errorf("an event that is not ours was looked up: %s", r.Header.Get("X-Amz-Target"))
	return nil, fmt.Errorf("there is no engine")
}

// FuzzFeedback: whatever somebody puts onto the bus as an event of SES is about one mail of ours,
// with names that fit into keys, or is left alone without a request and without an error, since
// a retry would bring the same; and it stops mails to no address that it does not name.
func FuzzFeedback(f *testing.F) {
	f.Add([]byte(`{"eventType":"Send","mail":{"messageId":"m-1","tags":{"outbox":["heads-up-1"]}}}`))
	f.Add([]byte(`{"eventType":"Bounce","mail":{"tags":{"outbox":["a"]}},"bounce":{"bounceType":"Permanent","bounceSubType":"General","bouncedRecipients":[{"emailAddress":"ann@example.com"}]}}`))
	f.Add([]byte(`{"eventType":"Bounce","mail":{"tags":{"outbox":["a"]}},"bounce":{"bounceType":"Transient","bounceSubType":"MailboxFull","bouncedRecipients":[{"emailAddress":""}]}}`))
	f.Add([]byte(`{"eventType":"Complaint","mail":{"tags":{"outbox":["a","b"]}},"complaint":{"complaintFeedbackType":"not-spam","complainedRecipients":[{}]}}`))
	f.Add([]byte(`{"eventType":"Reject","mail":{"tags":{"outbox":[""]}},"reject":{"reason":"Bad content\u0000\r\n"}}`))
	f.Add([]byte(`{"eventType":"Complaint","mail":{"tags":{"outbox":["` + strings.Repeat("x", 3000) + `"]}},"complaint":{"complainedRecipients":[{"emailAddress":"` + strings.Repeat("y", 3000) + `"}]}}`))
	f.Add([]byte(`{"eventType":"Open","mail":{"tags":null}}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		id, d, err := decode(raw)
		if len(id) > maxName || err != nil && id != "" {
			t.Errorf("the mail %q, %v", id, err)
		}
		if id == "" {
			store := dynamo.Open(aws.Config{Region: "eu-central-1", HTTPClient: untouched{t}}, dynamo.Tables{})
			if _, err := New(store).Record(t.Context(), events.CloudWatchEvent{Detail: json.RawMessage(raw)}); err != nil {
				t.Errorf("it comes again: %v", err)
			}
			return
		}
		v := judge(d)
		if v.reached && (v.feedback != "" || len(v.suppress) > 0) {
			t.Errorf("it arrived and came back: %+v", v)
		}
		if v.feedback == "" && len(v.suppress) > 0 {
			t.Errorf("mails to %v stop without a reason", v.suppress)
		}
		if v.feedback != "" && v.state != mail.Sent && v.state != mail.Failed {
			t.Errorf("the mail ends as %q", v.state)
		}
		for _, to := range v.suppress {
			if to.EmailAddress == "" || len(to.EmailAddress) > maxName {
				t.Errorf("mails to %q stop", to.EmailAddress)
			}
			if spoken, _ := json.Marshal(d); !strings.Contains(string(spoken), strings.Trim(mustJSON(to.EmailAddress), `"`)) {
				t.Errorf("mails to %q stop, which the event does not name", to.EmailAddress)
			}
		}
		if (d.EventType != "Bounce" || d.Bounce.BounceType != "Permanent") && d.EventType != "Complaint" && len(v.suppress) > 0 {
			t.Errorf("a %s (%s) stops mails to %v", d.EventType, d.Bounce.BounceType, v.suppress)
		}
	})
}

func mustJSON(v any) string {
	raw, _ := json.Marshal(v)
	return string(raw)
}

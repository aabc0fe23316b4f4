package notify_test

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

// SES's events come at least once, in any order, and also about mails that are not ours.
func TestFeedback_EachEvent_ChangesTheMail(t *testing.T) {
	t.Parallel()
	w, id := due(t, "ann", "bob", "cid", "dan")
	w.headsUp()
	byName := map[string]string{}
	for _, m := range w.outbox() {
		byName[m.Recipient[:3]] = m.ID
	}
	report := func(id, kind string, more map[string]any) {
		t.Helper()
		detail := map[string]any{"eventType": kind, "mail": map[string]any{"messageId": "m", "tags": map[string]any{"outbox": []string{id}}}}
		for k, v := range more {
			detail[k] = v
		}
		raw, _ := json.Marshal(detail)
		must(w.recorder.Record(t.Context(), events.CloudWatchEvent{Detail: raw}))(t)
	}
	bounce := func(kind, sub, address string) map[string]any {
		return map[string]any{"bounce": map[string]any{"bounceType": kind, "bounceSubType": sub, "bouncedRecipients": []any{map[string]any{"emailAddress": address}}}}
	}
	report(byName["ann"], "Bounce", bounce("Transient", "General", "ann@example.com")) // an out-of-office answer
	report(byName["bob"], "Bounce", bounce("Transient", "MailboxFull", "bob@example.com"))
	for range 2 {
		report(byName["cid"], "Bounce", bounce("Permanent", "General", "CID@example.com"))
		report(byName["cid"], "Send", nil)
	}
	report(byName["dan"], "Reject", map[string]any{"reject": map[string]any{"reason": "Bad content"}})
	report(byName["ann"], "Complaint", map[string]any{"complaint": map[string]any{"complaintFeedbackType": "not-spam", "complainedRecipients": []any{map[string]any{"emailAddress": "ann@example.com"}}}})
	report("0123", "Bounce", bounce("Permanent", "General", "stranger@example.com"))
	must(w.recorder.Record(t.Context(), events.CloudWatchEvent{Detail: json.RawMessage(`{"eventType":"Send","mail":{}}`)}))(t)
	must(w.recorder.Record(t.Context(), events.CloudWatchEvent{Detail: json.RawMessage(`[`)}))(t)
	w.wantStates("ann heads-up 1 sent, bob heads-up 1 sent, cid heads-up 1 sent, dan heads-up 1 failed")
	for address, want := range map[string]bool{"ann@example.com": false, "bob@example.com": false, "cid@example.com": true, "dan@example.com": false} {
		if why := must(w.Store.Suppressed(t.Context(), address))(t); (why != "") != want {
			t.Errorf("%s is suppressed for the reason %q; want it suppressed: %t", address, why, want)
		}
	}
	var noted []string
	for _, e := range must(w.Store.Log(t.Context(), id))(t) {
		if strings.Contains(e.Text, "did not reach") {
			noted = append(noted, e.Text)
		}
	}
	if len(noted) != 1 || !strings.Contains(noted[0], "bob@example.com: a mail to it bounced (transient, MailboxFull)") {
		t.Errorf("the log notes %q, want the bounce of bob's full mailbox alone", noted)
	}
}

// The handlers accept the payloads in events/, which are there for `sam local invoke`.
func TestNotify_ExampleEvents_AreTaken(t *testing.T) {
	t.Parallel()
	w := newFixture(t, fixtureOptions{})
	read := func(name string, into any) {
		t.Helper()
		raw := must(os.ReadFile("../../events/" + name + ".json"))(t)
		if err := json.Unmarshal(raw, into); err != nil {
			t.Fatal(err)
		}
	}
	var schedule json.RawMessage
	read("heads-up", &schedule)
	if r := must(w.planner.Run(t.Context(), schedule))(t); r.Opened+r.Armed != 0 {
		t.Errorf("heads-up answers %+v, want nothing opened or armed", r)
	}
	read("tend-outbox", &schedule)
	if r := must(w.tender.Run(t.Context(), schedule))(t); r.Woken+r.Expired+r.Resent != 0 || r.Unknown == nil {
		t.Errorf("tend-outbox answers %+v, want nothing woken, expired or resent", r)
	}
	for name, handler := range map[string]func(context.Context, events.DynamoDBEvent) (events.DynamoDBEventResponse, error){"plan-notices": w.planner.Stream, "send-mail": w.sender.Stream} {
		var batch events.DynamoDBEvent
		read(name, &batch)
		if answer := must(handler(t.Context(), batch))(t); len(batch.Records) == 0 || len(answer.BatchItemFailures) != 0 {
			t.Errorf("%s reports %+v of %d records; want some records, and none reported", name, answer, len(batch.Records))
		}
	}
	var event events.CloudWatchEvent
	read("record-mail-feedback", &event)
	must(w.recorder.Record(t.Context(), event))(t)
	if why := must(w.Store.Suppressed(t.Context(), "ann@example.com"))(t); why == "" {
		t.Error("the example's bounce suppresses nobody")
	}
}

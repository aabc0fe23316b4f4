package bus

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"
)

func start(t *testing.T) (*Bus, *eventbridge.Client, string) {
	t.Helper()
	b := &Bus{}
	server := httptest.NewServer(b.Handler())
	t.Cleanup(server.Close)
	return b, eventbridge.New(eventbridge.Options{
		Region: "local", BaseEndpoint: aws.String(server.URL + "/_local/eventbridge"), Retryer: aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
		}),
	}), server.URL
}

func entries(details ...string) *eventbridge.PutEventsInput {
	in := &eventbridge.PutEventsInput{}
	for _, d := range details {
		in.Entries = append(in.Entries, types.PutEventsRequestEntry{
			Source: aws.String("releases"), DetailType: aws.String("Release Status Changed"), Detail: aws.String(d), EventBusName: aws.String("releases"),
			Time: aws.Time(time.Date(2026, 5, 1, 9, 0, 0, 0, time.UTC)),
		})
	}
	return in
}

func TestBus_Event_ComesInItsEnvelope(t *testing.T) {
	b, client, url := start(t)
	var heard []string
	b.OnEvent = func(e Event) { heard = append(heard, e.Bus+" "+string(e.Detail)) }
	out, err := client.PutEvents(t.Context(), entries(`{"eventId":"<b>REL#1</b>"}`))
	if err != nil || out.FailedEntryCount != 0 || aws.ToString(out.Entries[0].EventId) == "" {
		t.Fatalf("%+v, %v", out, err)
	}
	b.Put(events.CloudWatchEvent{ID: "x", Source: "aws.ses", Detail: json.RawMessage(`{}`)})
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/_local/events", nil)
	r.Header.Set("Accept", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var document struct{ Events []map[string]any }
	if err := json.NewDecoder(answer.Body).Decode(&document); err != nil {
		t.Fatal(err)
	}
	first := document.Events[0]
	if len(document.Events) != 1 || first["detail-type"] != "Release Status Changed" || first["source"] != "releases" || first["time"] != "2026-05-01T09:00:00Z" ||
		first["detail"].(map[string]any)["eventId"] != "<b>REL#1</b>" {
		t.Errorf("got %v, want the one event of the bus releases in its envelope", document.Events)
	}
	if got := strings.Join(heard, ", "); got != `releases {"eventId":"<b>REL#1</b>"}, default {}` {
		t.Errorf("OnEvent was called with %s, want both events", got)
	}
	answer, err = http.Get(url + "/_local/events") //nolint:noctx // a test
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	page, _ := io.ReadAll(answer.Body)
	if strings.Contains(string(page), "<b>REL") || !strings.Contains(string(page), "&lt;b&gt;REL#1") || answer.Header.Get("Content-Security-Policy") == "" {
		t.Errorf("got %v and the page\n%s\nwant a Content-Security-Policy and the detail escaped", answer.Header, page)
	}
}

func TestBus_EntryFails_AtItsIndex(t *testing.T) {
	b, client, _ := start(t)
	if err := b.Fail(Fault{Kind: FailEntries, Indexes: []int{1}, Code: "ThrottlingException"}); err != nil {
		t.Fatal(err)
	}
	in := entries(`{"n":0}`, `{"n":1}`, `[]`, `{"n":3}`)
	in.Entries[3].Source = aws.String("")
	out, err := client.PutEvents(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, e := range out.Entries {
		codes = append(codes, aws.ToString(e.ErrorCode))
	}
	if got := strings.Join(codes, ","); got != ",ThrottlingException,MalformedDetail,InvalidArgument" || out.FailedEntryCount != 3 {
		t.Errorf("the entries have the codes %q, %d failed; want all but the first, each with its code", got, out.FailedEntryCount)
	}
	if all := b.Events(); len(all) != 1 || string(all[0].Detail) != `{"n":0}` {
		t.Errorf("on the bus: %+v, want the first entry only", all)
	}
}

func TestBus_CallFails_AsAWhole(t *testing.T) {
	for kind, want := range map[FaultKind]struct {
		code     string
		accepted int
	}{
		Throttle: {"ThrottlingException", 0}, Refuse: {"InternalException", 0}, Error: {"InternalException", 1}, Drop: {"", 1}, Hang: {"", 1},
	} {
		b, client, _ := start(t)
		if err := b.Fail(Fault{Kind: kind}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		_, err := client.PutEvents(ctx, entries(`{}`))
		cancel()
		var api smithy.APIError
		if err == nil || errors.As(err, &api) != (want.code != "") || want.code != "" && api.ErrorCode() != want.code {
			t.Errorf("%s: got %v, want an error with the code %q", kind, err, want.code)
		}
		if got := len(b.Events()); got != want.accepted {
			t.Errorf("%s: %d events accepted, want %d", kind, got, want.accepted)
		}
	}
	b, client, _ := start(t)
	if _, err := client.PutEvents(t.Context(), entries("{}", "{}", "{}", "{}", "{}", "{}", "{}", "{}", "{}", "{}", "{}")); err == nil || len(b.Events()) != 0 {
		t.Errorf("eleven entries: %v and %d events, want them refused", err, len(b.Events()))
	}
	if err := b.Fail(Fault{Kind: "unknown"}); err == nil {
		t.Error("an unknown fault was queued")
	}
}

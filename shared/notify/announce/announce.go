// Package announce tells the event bus of every status that a release enters, at least
// once, under an id that consumers can deduplicate on. It must not know who consumes
// the events, nor anything about mails except when a job for them is to be opened.
package announce

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/figures"
	"example.com/releases/shared/jitter"
	"example.com/releases/shared/record"
	"example.com/releases/shared/release"
)

// What every event says of itself. SchemaVersion grows when a field changes its
// meaning or goes; new fields do not raise it.
const (
	Source        = "releases"
	DetailType    = "Release Status Changed"
	SchemaVersion = 1
)

const (
	// entriesPerCall is EventBridge's bound.
	entriesPerCall = 10
	// calls bounds how often entries that EventBridge did not take are sent again
	// before the record goes back to the stream.
	calls = 5
)

// Detail is the body of an event.
type Detail struct {
	SchemaVersion int             `json:"schemaVersion"`
	EventID       string          `json:"eventId"` // "<release>#<epoch>": the same however often it is sent
	OccurredAt    time.Time       `json:"occurredAt"`
	Actor         release.Person  `json:"actor"`
	Release       release.Summary `json:"release"` // with the status entered, also where the release has moved on
	From          release.Status  `json:"from"`
	To            release.Status  `json:"to"`
	Holds         []release.Hold  `json:"holds,omitempty"` // of the newest: those that stand while it is published

	// Record is what to keep, to prove later that the record of now was not changed.
	Record record.EventRecord `json:"record"`
}

// Announcer publishes status changes on one bus.
type Announcer struct {
	store  *dynamo.Store
	events *eventbridge.Client
	bus    string
	now    func() time.Time
}

// Open returns an announcer on the bus. Without a bus it panics: events that nobody
// can hear must not look like success.
func Open(cfg aws.Config, store *dynamo.Store, bus string, options ...func(*eventbridge.Options)) *Announcer {
	if bus == "" {
		panic("announce: no event bus is configured; set EVENT_BUS to the bus that status changes are published on")
	}
	return &Announcer{store: store, events: eventbridge.NewFromConfig(cfg, options...), bus: bus, now: time.Now}
}

// WithClock returns the announcer with another clock, for tests and replays.
func (a *Announcer) WithClock(now func() time.Time) *Announcer {
	c := *a
	c.now = now
	return &c
}

// Announce publishes the status change of one epoch of a release, as it was read, and
// records that it did. It is how the sweep repairs what the stream gave up on.
func (a *Announcer) Announce(ctx context.Context, r release.Release, epoch int) error {
	if epoch < 1 || epoch > r.Epoch() {
		return fmt.Errorf("announce: %s has no epoch %d", r.ID, epoch)
	}
	return a.announce(ctx, r, r.History[epoch-1:epoch])
}

// announce publishes transitions of a release, in order, opens the jobs by which people
// are told of them, and then records the last one. People are told even while the bus is
// down.
func (a *Announcer) announce(ctx context.Context, r release.Release, entered []release.HistoryEntry) error {
	if len(entered) == 0 {
		return nil
	}
	if err := errors.Join(a.openJobs(ctx, r, entered), a.publish(ctx, r, entered)); err != nil {
		return err
	}
	if err := a.store.MarkAnnounced(ctx, r.ID, entered[len(entered)-1].Epoch); err != nil {
		return err
	}
	for _, p := range entered {
		slog.InfoContext(ctx, "announce: a status was entered", "release", r.ID, figures.Count("ReleasesEntered", "Status", string(p.To)))
	}
	return nil
}

func (a *Announcer) publish(ctx context.Context, r release.Release, entered []release.HistoryEntry) error {
	var holds []release.Hold
	if len(r.Held) > 0 {
		var err error
		if holds, err = a.store.Holds(ctx, r.ID); err != nil {
			return err
		}
	}
	epochs := make([]int, len(entered))
	for i, p := range entered {
		epochs[i] = p.Epoch
	}
	records, err := a.store.EventRecords(ctx, r.ID, epochs)
	if err != nil {
		return err
	}
	entries := make([]types.PutEventsRequestEntry, len(entered))
	for i, p := range entered {
		// Only the newest was entered under the holds of now; and ten times twenty of them
		// would be more than one call takes.
		if i == len(entered)-1 {
			r.Holds = holds
		}
		entry, err := a.entry(r, p, records[i])
		if err != nil {
			return err
		}
		entries[i] = entry
	}
	for chunk := range slices.Chunk(entries, entriesPerCall) {
		if err := a.put(ctx, r.ID, chunk); err != nil {
			return err
		}
	}
	return nil
}

func (a *Announcer) entry(r release.Release, p release.HistoryEntry, sealed record.EventRecord) (types.PutEventsRequestEntry, error) {
	var detail bytes.Buffer
	out := json.NewEncoder(&detail)
	out.SetEscapeHTML(false) // twenty reasons full of "<" would be six times as long, and refused
	err := out.Encode(Detail{
		SchemaVersion: SchemaVersion, EventID: fmt.Sprintf("%s#%d", r.ID, p.Epoch), OccurredAt: p.At, Actor: p.By,
		Release: release.Summary{
			ID: r.ID, Name: r.Name, Version: r.Version, Status: p.To, ScheduledStart: r.ScheduledStart, ScheduledEnd: r.ScheduledEnd,
			ChangeCount: len(r.ChangeIDs), CreatedAt: r.CreatedAt, Held: len(r.Holds) > 0,
		},
		From: p.From, To: p.To, Holds: r.Holds, Record: sealed,
	})
	return types.PutEventsRequestEntry{
		EventBusName: &a.bus, Source: aws.String(Source), DetailType: aws.String(DetailType),
		Detail: aws.String(strings.TrimSuffix(detail.String(), "\n")), Time: aws.Time(p.At), Resources: []string{r.ID},
	}, err
}

// put sends entries until EventBridge has accepted each, or refused it for good. Only
// those that failed are sent again: the answer has one result for each entry, at its
// index.
func (a *Announcer) put(ctx context.Context, id string, entries []types.PutEventsRequestEntry) error {
	for n := 0; ; n++ {
		out, err := a.events.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: entries})
		if err != nil {
			return fmt.Errorf("announce: PutEvents for %s: %w", id, err)
		}
		if out.FailedEntryCount == 0 {
			return nil
		}
		if len(out.Entries) != len(entries) {
			return fmt.Errorf("announce: PutEvents answered %d results to %d entries of %s", len(out.Entries), len(entries), id)
		}
		var repeated []types.PutEventsRequestEntry
		code := ""
		for i, result := range out.Entries {
			switch {
			case result.ErrorCode == nil:
			case passing(*result.ErrorCode):
				repeated, code = append(repeated, entries[i]), *result.ErrorCode
			default:
				// Sending it again can only fail again, and would hold up all later ones.
				slog.ErrorContext(ctx, "announce: EventBridge refused a status change for good; no consumer will hear of it",
					"release", id, "code", *result.ErrorCode, "message", aws.ToString(result.ErrorMessage), "detail", aws.ToString(entries[i].Detail))
			}
		}
		if len(repeated) == 0 {
			return nil
		}
		if n+1 >= calls {
			return fmt.Errorf("announce: EventBridge did not take %d status changes of %s after %d calls: %s", len(repeated), id, calls, code)
		}
		entries = repeated
		if err := pause(ctx, n); err != nil {
			return err
		}
	}
}

// passing tells whether the failure of an entry may be temporary.
func passing(code string) bool {
	return code == "InternalFailure" || code == "InternalException" || code == "ThrottlingException"
}

// pause waits before the n-th repetition (n from 0), with full jitter: up to 100 ms at first,
// and twice as long each time.
func pause(ctx context.Context, n int) error {
	most := min(1600*time.Millisecond, 100*time.Millisecond<<n)
	select {
	case <-time.After(jitter.UpTo(most)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

package kill

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"example.com/releases/shared/local/client"
	"example.com/releases/shared/local/engine"
	"example.com/releases/shared/local/traffic"
)

// event is what was published about a status that a release entered.
type event struct {
	EventID string `json:"eventId"`
	To      string
	Release struct{ ID string }
	Record  struct{ Checkpoint string }

	raw []byte
}

// publishedEvents reads what the bus has accepted, in this life and those before.
func publishedEvents(ctx context.Context, host client.RunFile) ([]event, error) {
	var answer struct {
		Events []struct{ Detail json.RawMessage }
	}
	if err := (client.Client{Base: host.BaseURL}).Must(ctx, "", "GET", "/_local/events", nil, &answer); err != nil {
		return nil, err
	}
	var all []event
	for _, one := range answer.Events {
		e := event{raw: one.Detail}
		if err := json.Unmarshal(one.Detail, &e); err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// announced checks that each status that a release is known to have entered was published at
// least once, and always in the same words.
func (r *run) announced(events []event) {
	to := map[string]string{}
	for _, e := range events {
		if before, known := to[e.EventID]; known && before != e.To {
			r.simulation.Offend("the event %s tells of %s and of %s", e.EventID, before, e.To)
		}
		to[e.EventID] = e.To
	}
	for _, s := range r.simulation.Releases() {
		id := s.ID()
		if id == "" {
			continue
		}
		entered, _ := s.Entered()
		for n, status := range entered {
			if name := fmt.Sprintf("%s#%d", id, n+1); to[name] != status {
				r.simulation.Offend("no event %s says that %s was entered, but %q", name, status, to[name])
			}
		}
	}
}

// mail is a mail that SES's stand-in accepted, in this life or one before.
type mail struct {
	To      string
	Subject string
	Headers map[string]string
}

// item is the header that names the outbox item of a mail.
const item = "X-Releases-Mail"

// awaitMails waits until no mail is being sent any more, and returns what was accepted and
// published.
func (r *run) awaitMails(ctx context.Context, host client.RunFile) ([]mail, []event, error) {
	if !r.Brief {
		// A sender that was killed holds its mail for a minute: then it ends as unknown.
		r.say("Waiting for the leases of mails that were being sent.")
		select {
		case <-time.After(65 * time.Second):
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
		for range 2 {
			if err := traffic.WaitIdle(ctx, host, schedules...); err != nil {
				return nil, nil, err
			}
		}
	}
	var answer struct{ Mails []mail }
	if err := (client.Client{Base: host.BaseURL}).Must(ctx, "", "GET", "/_local/inbox", nil, &answer); err != nil {
		return nil, nil, err
	}
	events, err := publishedEvents(ctx, host)
	return answer.Mails, events, err
}

// outboxItem is a row of the Mail table.
type outboxItem struct {
	id, kind, release, recipient, state string
	number                              int
	due                                 time.Time
}

// outbox reads the outbox from the data, with an engine of its own, and holds it against the
// inbox: what is sent was accepted once, what is unknown at most once, and nothing else at all;
// and everybody who has to be told is.
func (r *run) outbox(ctx context.Context, mails []mail) error {
	e, err := engine.Start(ctx, engine.Options{Dir: filepath.Join(r.dir, "data"), Log: r.Out})
	if err != nil {
		return err
	}
	defer e.Stop()
	items, err := readOutbox(ctx, engine.Client(e.Endpoint()))
	if err != nil {
		return err
	}
	accepted := map[string]int{}
	for _, m := range mails {
		id := m.Headers[item]
		accepted[id]++
		if _, known := items[id]; !known {
			r.simulation.Offend("a mail to %s, “%s”, has no item in the outbox", m.To, m.Subject)
		}
	}
	states := map[string]int{}
	for id, i := range items {
		states[i.state]++
		r.judge(i, accepted[id])
	}
	r.checkRecipients(items)
	r.say("%d mails were accepted; of the outbox's items are %v.", len(mails), states)
	return nil
}

func (r *run) judge(i outboxItem, accepted int) {
	what := fmt.Sprintf("the mail %s of %s to %s is %s and was accepted %d times", i.kind, i.release, i.recipient, i.state, accepted)
	switch i.state {
	case "sent":
		if accepted != 1 {
			r.simulation.Offend("%s", what)
		}
	case "unknown":
		if accepted > 1 {
			r.simulation.Offend("%s", what)
		}
	case "pending":
		// A sender that was killed keeps its slot for a minute, and the mails in it wait.
		if accepted != 0 || !r.Brief {
			r.simulation.Offend("%s", what)
		}
	case "superseded":
		if accepted != 0 {
			r.simulation.Offend("%s", what)
		}
	case "sending":
		// Its sender was killed less than a minute ago: it becomes unknown.
		if accepted > 1 || !r.Brief || time.Until(i.due) < 0 {
			r.simulation.Offend("%s", what)
		}
	default:
		r.simulation.Offend("%s: nothing was wrong with any address", what)
	}
}

// checkRecipients checks that the outbox has everybody who must hear of a release's last settlement,
// or that it is coming.
func (r *run) checkRecipients(items map[string]outboxItem) {
	there := map[string]bool{}
	for _, i := range items {
		there[fmt.Sprint(i.kind, " ", i.release, " ", i.number, " ", i.recipient)] = true
		there[fmt.Sprint(i.kind, " ", i.release, " ", i.recipient)] = true
	}
	for _, s := range r.simulation.Releases() {
		id := s.ID()
		entered, requesters := s.Entered()
		if id == "" || len(entered) == 0 {
			continue
		}
		for _, who := range requesters {
			what := ""
			switch last := entered[len(entered)-1]; {
			case last == "deployed":
				what = fmt.Sprint("resolved ", id, " ", len(entered), " ", who)
			case last == "rolled-back" && slices.Contains(entered, "deployed"):
				what = fmt.Sprint("rolled-back ", id, " ", len(entered), " ", who)
			case last == "scheduled":
				what = fmt.Sprint("heads-up ", id, " ", who)
			}
			if what != "" && !there[what] {
				r.simulation.Offend("nobody told %s: the outbox has no item for “%s”", who, what)
			}
		}
	}
}

func readOutbox(ctx context.Context, db *dynamodb.Client) (map[string]outboxItem, error) {
	table := "MailTable"
	items := map[string]outboxItem{}
	pages := dynamodb.NewScanPaginator(db, &dynamodb.ScanInput{TableName: &table})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, attributes := range page.Items {
			text := func(name string) string {
				switch v := attributes[name].(type) {
				case *types.AttributeValueMemberS:
					return v.Value
				case *types.AttributeValueMemberN:
					return v.Value
				}
				return ""
			}
			key, isMail := strings.CutPrefix(text("pk"), "MAIL#")
			if !isMail {
				continue
			}
			number, _ := strconv.Atoi(text("number"))
			due, _ := time.Parse(time.RFC3339, text("dueAt"))
			items[key] = outboxItem{
				id: key, kind: text("kind"), release: text("release"), recipient: text("recipient"), state: text("state"), number: number, due: due,
			}
		}
	}
	return items, nil
}

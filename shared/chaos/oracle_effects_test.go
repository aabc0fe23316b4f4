package chaos_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/releases/shared/record"
)

// judgeBus checks I8: every transition is on the bus under an id of its own, with the same
// content each time it was sent.
func (v *verdict) judgeBus() {
	on := map[string]string{}
	for _, e := range v.bus.Events() {
		var d struct {
			EventID    string
			OccurredAt string
			From, To   string
			Release    struct{ ID, Status string }
		}
		if err := json.Unmarshal(e.Detail, &d); err != nil || e.Source != "releases" || e.DetailType != "Release Status Changed" {
			v.fault("an event of %s, %s: %v", e.Source, e.DetailType, err)
			continue
		}
		says := d.From + " → " + d.To
		if d.Release.Status != d.To || !strings.HasPrefix(d.EventID, d.Release.ID+"#") {
			v.fault("the event %s tells of a transition to %s and shows the release as %+v", d.EventID, d.To, d.Release)
		}
		if before, repeat := on[d.EventID]; repeat && before != says+d.OccurredAt {
			v.fault("the event %s says %q, and said %q", d.EventID, says+d.OccurredAt, before)
		}
		on[d.EventID] = says + d.OccurredAt
	}
	for id, h := range v.histories {
		from := "planned"
		for n, to := range h.entered {
			event := fmt.Sprintf("%s#%d", id, n+1)
			says, there := on[event]
			// What retries gave up on, the sweep announces, but not where the release is deleted.
			if !there && !(v.gaveUp[id] && !h.there) || there && !strings.HasPrefix(says, from+" → "+to) {
				v.fault("on the bus, %s says %q, want %s → %s", event, says, from, to)
			}
			delete(on, event)
			from = to
		}
	}
	for event, says := range on {
		v.fault("the bus has %s, %s, and no log has such a transition", event, says)
	}
}

// mailed is an outbox item, as stored.
type mailed struct{ id, kind, release, number, recipient, state string }

// outbox reads all items of the outbox, by id. A seed's fit on one page of a scan.
func (v *verdict) outbox() map[string]mailed {
	all := map[string]mailed{}
	var found *dynamodb.ScanOutput
	v.out.do(func() {
		var err error
		found, err = v.Client.Scan(context.Background(), &dynamodb.ScanInput{TableName: aws.String(v.Name("MailTable"))})
		if err != nil {
			panic(err)
		}
	})
	for _, i := range found.Items {
		if id, ok := strings.CutPrefix(text(i["pk"]), "MAIL#"); ok && text(i["sk"]) == "M" {
			all[id] = mailed{id, text(i["kind"]), text(i["release"]), text(i["number"]), text(i["recipient"]), text(i["state"])}
		}
	}
	return all
}

// judgeMails checks I7: every mail is in a final state, SES took it at most once, and exactly
// once where it is "sent"; and everybody whose task followed a release was told.
func (v *verdict) judgeMails() {
	taken := map[string]int{}
	for _, m := range v.inbox.Mails() {
		taken[m.Headers["X-Releases-Mail"]]++
	}
	items := v.outbox()
	v.met.Mails += len(items)
	reached, unique := map[string]bool{}, map[string]string{}
	for id, m := range items {
		reached[m.kind+" "+m.release+" "+m.recipient] = true
		key := m.kind + " " + m.release + " " + m.number + " " + m.recipient
		if other := unique[key]; other != "" {
			v.fault("the outbox has the mail %s twice: %s and %s", key, other, id)
		}
		unique[key] = id
		switch n := taken[id]; {
		case m.state == "pending" || m.state == "sending" || m.state == "":
			v.fault("the mail %+v is in no final state", m)
		case n > 1, m.state == "sent" && n != 1, m.state != "sent" && m.state != "unknown" && n > 0:
			v.fault("SES took %+v %d times", m, n)
		}
		delete(taken, id)
	}
	for id, notice := range v.due {
		if !reached[notice] {
			v.fault("the mail %q was due because of %s, and is not in the outbox", notice, id)
		}
	}
	for id, n := range taken {
		v.fault("SES took %d mails with the id %q, which the outbox does not have", n, id)
	}
}

// judgeEvidence checks I11: each release's evidence verifies, and every entry is in it, sealed.
func (v *verdict) judgeEvidence() {
	for id, h := range v.histories {
		var pages []record.Evidence
		cursor := ""
		for {
			var page record.Evidence
			if !v.get("/releases/"+id+"/evidence"+cursor, &page) {
				v.fault("%s has no evidence", id)
				break
			}
			pages = append(pages, page)
			if page.NextCursor == "" {
				break
			}
			cursor = "?cursor=" + page.NextCursor
		}
		// Entries and seals are stamped by clocks that the seed sets wrong, so that the verifier is
		// told to bear two days between them.
		verdict, err := record.Verify(pages, nil, 48*time.Hour)
		if err != nil {
			v.fault("the evidence of %s: %v", id, err)
			continue
		}
		own := 0
		for _, p := range pages {
			for _, e := range p.Entries {
				if e.Of == id {
					own++
				}
			}
		}
		if verdict.Unsealed > 0 || own != len(h.log) {
			v.fault("the evidence of %s has %d of %d entries, %d of them unsealed; want all, sealed", id, own, len(h.log), verdict.Unsealed)
		}
	}
}

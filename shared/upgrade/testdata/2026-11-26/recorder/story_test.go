package recorder

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"example.com/releases/shared/local/inject"
	"example.com/releases/shared/local/mailbox"
)

func (w *world) change(id, kind string, more object) {
	w.t.Helper()
	body := object{"id": id, "changeType": kind, "title": "Change " + id}
	for k, v := range more {
		body[k] = v
	}
	w.do(admin, "POST /change-requests", body)
}

func (w *world) decide(id, decision, note string) {
	w.t.Helper()
	w.do(admin, "POST /change-requests/"+id+"/decision", object{"decision": decision, "note": note})
}

func (w *world) task(id, requester, change, status string, cis ...string) {
	w.t.Helper()
	body := object{"id": id, "title": "Request " + id, "requesterEmail": requester, "status": status, "ciIds": cis}
	if cis == nil {
		body["ciIds"] = []string{}
	}
	if change != "" {
		body["changeRequestId"] = change
	}
	w.do(admin, "POST /tasks", body)
}

func (w *world) release(name, start, end string, more object, changes ...string) string {
	w.t.Helper()
	body := object{"name": name, "version": "1.0", "scheduledStart": start, "scheduledEnd": end, "linkedChangeRequestIds": changes}
	for k, v := range more {
		body[k] = v
	}
	return w.do(admin, "POST /releases", body)["id"].(string)
}

func (w *world) move(id string, statuses ...string) {
	w.t.Helper()
	for _, s := range statuses {
		body := object{"status": s}
		switch s {
		case "rolled-back":
			body["rollback_reason"] = "Error rate rose to 7 % after the switch"
		case "cancelled":
			body["note"] = "The vendor has moved the date"
		}
		w.do(admin, "POST /releases/"+id+"/status", body)
	}
}

func (w *world) note(id, text string) {
	w.t.Helper()
	w.do(auditor, "POST /releases/"+id+"/log", object{"text": text})
}

func (w *world) patch(path string, fields object) {
	w.t.Helper()
	w.do(admin, "PATCH "+path, fields)
}

// steps are a plan's.
func steps(descriptions ...string) []object {
	all := make([]object, len(descriptions))
	for n, d := range descriptions {
		all[n] = object{"order": n + 1, "description": d, "ownerEmail": "Otto@example.com", "estimatedMinutes": 15}
	}
	return all
}

const (
	unsendable = "jürgen@example.de"     // SES takes no such address
	invisible  = "Winter \u202erelease"  // U+202E turns what follows around
	mixedCase  = "Mia.Meyer@Example.COM" // one person, however it is spelled
)

// tell makes the day that is recorded, and returns the answers of requests that carried
// an Idempotency-Key.
func (w *world) tell() []object {
	var keyed []object
	once := func(route string, body object, key string) object {
		w.t.Helper()
		answer := w.do(admin, route, body, "Idempotency-Key: "+key)
		keyed = append(keyed, object{"route": route, "body": body, "key": key, "answer": answer})
		return answer
	}

	// Change requests of every kind that no release holds.
	once("POST /change-requests", object{
		"id": "CR-FREE-STANDARD", "changeType": "Standard", "title": "Rotate certificates", "description": "All of them.\nTwice a year.",
		"controlId": "A.8.24", "controlTitle": "Use of cryptography", "affectedCiIds": []string{"ci-gate", "ci-shop-2"},
		"scheduledStart": "2026-12-05T20:00:00Z", "scheduledEnd": "2026-12-05T21:00:00Z",
	}, "key-of-a-change")
	w.change("CR-FREE-PENDING", "Normal", nil)
	w.change("CR-FREE-APPROVED", "Normal", object{"affectedCiIds": []string{"ci-a"}})
	w.decide("CR-FREE-APPROVED", "approved", "Seen on Tuesday")
	w.patch("/change-requests/CR-FREE-APPROVED", object{"title": "Change CR-FREE-APPROVED, second edition"})
	w.change("CR-FREE-REJECTED", "Emergency", nil)
	w.decide("CR-FREE-REJECTED", "rejected", "No way back is described")

	// Tasks that no release has to do with.
	once("POST /tasks", object{
		"id": "T-ALONE", "title": "A laptop", "requesterName": "Mia Meyer", "requesterEmail": mixedCase, "ciIds": []string{"ci-gate"},
	}, "key-of-a-task")
	w.task("T-RESOLVED", "paul@example.com", "", "Resolved")
	w.task("T-REOPENED", "paul@example.com", "", "Resolved")
	w.patch("/tasks/T-REOPENED", object{"status": "Open"})
	w.task("T-CLOSED", "paul@example.com", "", "Closed")
	w.task("T-CANCELLED", "paul@example.com", "", "Cancelled")

	// A release that rests in each status.
	for _, id := range []string{"CR-P-PENDING", "CR-P-REJECTED"} {
		w.change(id, "Normal", nil)
	}
	w.change("CR-P-STANDARD", "Standard", nil)
	w.change("CR-P-DROPPED", "Standard", nil)
	planned := once("POST /releases", object{
		"name": invisible, "version": "3.0", "description": "Everything for winter.", "scheduledStart": "2026-12-10T18:00:00Z", "scheduledEnd": "2026-12-10T20:00:00Z",
		"releaseManager": "Jürgen Groß", "releaseManagerEmail": unsendable, "successCriteria": "Error rate below 1 %", "publicSummary": "Winter is coming.",
		"rolloutSteps": steps("Drain", "Switch"), "rollbackSteps": steps("Switch back"), "linkedChangeRequestIds": []string{"CR-P-PENDING", "CR-P-REJECTED", "CR-P-STANDARD"},
	}, "key-of-a-release")["id"].(string)
	w.decide("CR-P-REJECTED", "rejected", "")
	once("POST /releases/"+planned+"/add-changes", object{"add": []string{"CR-P-DROPPED"}, "remove": []string{}}, "key-of-a-link")
	w.do(admin, "POST /releases/"+planned+"/add-changes", object{"add": []string{}, "remove": []string{"CR-P-DROPPED"}})
	once("POST /releases/"+planned+"/log", object{"text": "Planned with everybody"}, "key-of-an-entry")
	w.do(auditor, "POST /releases/"+planned+"/log", object{"text": "Still planned", "status": "planned"})

	w.change("CR-A-1", "Normal", nil)
	w.decide("CR-A-1", "approved", "")
	w.task("T-A-1", "anton@example.com", "CR-A-1", "Open")
	approved := w.release("Approved", "2026-11-29T18:00:00Z", "2026-11-29T20:00:00Z", object{
		"releaseManager": "Jürgen Groß", "releaseManagerEmail": unsendable, "public": false,
	}, "CR-A-1")
	once("POST /releases/"+approved+"/status", object{"status": "approved", "note": "All decided"}, "key-of-a-transition")
	w.note(approved, "May go")

	w.change("CR-S-1", "Standard", object{"affectedCiIds": []string{"ci-shop"}})
	w.change("CR-S-2", "Normal", nil)
	w.decide("CR-S-2", "approved", "")
	w.task("T-S-LINKED", mixedCase, "CR-S-1", "Open")
	w.task("T-S-CI", "ben@example.com", "", "InProgress", "ci-shop")
	w.task("T-S-HOLD", "cara@example.com", "CR-S-2", "OnHold")
	w.task("T-S-BOUNCES", "lena@example.com", "CR-S-2", "Open")
	scheduled := w.release("Scheduled", "2026-11-30T18:00:00Z", "2026-11-30T20:00:00Z", object{
		"releaseManager": "Ada", "releaseManagerEmail": "ada@example.com", "rolloutSteps": steps("Drain", "Switch"), "rollbackSteps": steps("Switch back"),
	}, "CR-S-1", "CR-S-2")
	w.move(scheduled, "approved", "scheduled")
	w.note(scheduled, "The date stands")
	w.do(auditor, "POST /releases/"+scheduled+"/steps/rollout/1", object{"completed": true})

	w.change("CR-I-1", "Emergency", nil)
	w.decide("CR-I-1", "approved", "Urgent")
	w.task("T-I-OPEN", "dora@example.com", "CR-I-1", "Open")
	w.task("T-I-CLOSED", "dora@example.com", "CR-I-1", "Closed")
	w.task("T-I-CANCELLED", "dora@example.com", "CR-I-1", "Cancelled")
	running := w.release("Running", "2026-11-26T08:30:00Z", "2026-11-26T20:00:00Z", object{"rolloutSteps": steps("Drain", "Switch")}, "CR-I-1")
	w.move(running, "approved", "scheduled", "in-progress")
	w.note(running, "Begun")
	w.do(admin, "POST /releases/"+running+"/steps/rollout/1", object{"completed": true})

	w.change("CR-D-1", "Standard", nil)
	w.change("CR-D-2", "Emergency", nil)
	w.decide("CR-D-2", "approved", "")
	w.task("T-D-RESOLVED", "erik@example.com", "CR-D-1", "Open")
	w.task("T-D-CLOSED-LATER", "erik@example.com", "CR-D-1", "Open")
	w.task("T-D-CLOSED-BEFORE", "erik@example.com", "CR-D-2", "Closed")
	w.task("T-D-WAITS", "fred@example.com", "CR-D-2", "InProgress")
	deployed := w.release("Deployed", "2026-11-26T08:00:00Z", "2026-11-26T10:00:00Z", object{"rollbackSteps": steps("Switch back")}, "CR-D-1", "CR-D-2")
	w.move(deployed, "approved", "scheduled", "in-progress")
	w.note(deployed, "Going well")
	w.move(deployed, "deployed")

	w.change("CR-R-1", "Standard", nil)
	w.task("T-R-REOPENED", "gina@example.com", "CR-R-1", "Open")
	w.task("T-R-CLOSED", "gina@example.com", "CR-R-1", "Open")
	rolledBack := w.release("Rolled back", "2026-11-26T08:00:00Z", "2026-11-26T10:00:00Z", nil, "CR-R-1")
	w.move(rolledBack, "approved", "scheduled", "in-progress", "deployed")
	w.settled()
	w.patch("/tasks/T-D-CLOSED-LATER", object{"status": "Closed"})
	w.patch("/tasks/T-R-CLOSED", object{"status": "Closed"})
	w.task("T-D-LINKED-LATER", "erik@example.com", "CR-D-1", "Open")
	w.move(rolledBack, "rolled-back")
	w.lose("announce")
	w.rest(rolledBack)
	w.settled()

	w.change("CR-C-1", "Standard", nil)
	w.task("T-C-1", "hans@example.com", "CR-C-1", "Open")
	w.task("T-MOVED", "hans@example.com", "CR-C-1", "Open")
	cancelled := w.release("Cancelled", "2026-12-02T18:00:00Z", "2026-12-02T20:00:00Z", nil, "CR-C-1")
	w.move(cancelled, "approved", "scheduled")

	// Mails in every state, and a window that began before anybody was told.
	states := []string{"sent", "failed", "unknown", "unclear", "delayed", "leased", "lena", "pending"}
	w.change("CR-M-1", "Standard", nil)
	for _, s := range states {
		w.task("T-M-"+strings.ToUpper(s), s+"@example.com", "CR-M-1", "Open")
	}
	mails := w.release("Mails", "2026-12-01T18:00:00Z", "2026-12-01T20:00:00Z", object{"releaseManager": "Ada", "releaseManagerEmail": "ada@example.com"}, "CR-M-1")
	w.move(mails, "approved", "scheduled")
	w.change("CR-W-1", "Standard", nil)
	w.task("T-W-1", "kurt@example.com", "CR-W-1", "Open")
	moved := w.release("Moved", "2026-12-01T18:00:00Z", "2026-12-01T20:00:00Z", nil, "CR-W-1")
	w.move(moved, "approved", "scheduled")
	w.change("CR-Q-1", "Standard", nil)
	w.task("T-Q-1", "jana@example.com", "CR-Q-1", "Open")
	missed := w.release("Missed", "2026-11-26T08:55:00Z", "2026-11-27T20:00:00Z", nil, "CR-Q-1")
	w.move(missed, "approved", "scheduled")
	w.deliver("announce")
	w.until("2026-11-26T09:00:00Z")
	w.headsUp()
	w.mails(mails, states)

	// People were told of these: one is cancelled, one moves and is planned, one moves
	// and waits for its planning.
	w.move(cancelled, "cancelled")
	w.settled()
	w.send("hans@example.com")
	w.patch("/tasks/T-MOVED", object{"changeRequestId": "CR-FREE-STANDARD"})
	w.patch("/releases/"+moved, object{"scheduledStart": "2026-12-01T19:00:00Z", "scheduledEnd": "2026-12-01T21:00:00Z"})
	w.settled()
	w.patch("/releases/"+scheduled, object{"scheduledStart": "2026-11-30T21:00:00Z", "scheduledEnd": "2026-11-30T23:00:00Z"})
	w.note(scheduled, "Three hours later")
	w.change("CR-S-3", "Standard", nil)
	w.do(admin, "POST /releases/"+scheduled+"/add-changes", object{"add": []string{"CR-S-3"}, "remove": []string{}})
	w.decide("CR-S-2", "approved", "For the later window too")
	w.deliver("announce")
	w.lose("plan-notices")

	// A settlement under way, and one that the bus was never told of.
	for _, n := range []string{"1", "2", "3"} {
		w.change("CR-U-"+n, "Standard", nil)
	}
	w.task("T-U-THROUGH", "uma@example.com", "CR-U-1", "Open")
	w.task("T-U-WRITTEN", "uwe@example.com", "CR-U-2", "Open")
	w.task("T-U-OPEN", "uwe@example.com", "CR-U-2", "OnHold")
	w.task("T-U-UNTOUCHED", "ute@example.com", "CR-U-3", "InProgress")
	unsettled := w.release("Under way", "2026-11-26T09:00:00Z", "2026-11-26T11:00:00Z", nil, "CR-U-1", "CR-U-2", "CR-U-3")
	w.move(unsettled, "approved", "scheduled", "in-progress", "deployed")
	w.deliver("announce")
	w.deliverFailing("settle-changes", failing("UpdateItem", "CR#CR-U-3", 1))
	w.deliverFailing("settle-tasks", failing("UpdateItem", "TASK#T-U-OPEN", 1))
	w.change("CR-N-1", "Standard", nil)
	w.task("T-N-1", "ivan@example.com", "CR-N-1", "Open")
	silent := w.release("Not announced", "2026-11-26T09:00:00Z", "2026-11-26T11:00:00Z", nil, "CR-N-1")
	w.move(silent, "approved", "scheduled", "in-progress")
	w.deliver("announce")
	w.move(silent, "deployed")
	w.deliver("settle-changes", "settle-tasks")
	w.lose("announce")

	// Half-created and half-deleted.
	var bulk []string
	for n := range 50 {
		bulk = append(bulk, fmt.Sprintf("CR-B-%02d", n+1))
		w.change(bulk[n], []string{"Standard", "Normal"}[n%2], nil)
	}
	half := w.under(dyingAfter("TransactWriteItems", 1))
	if got := w.on(half, admin, "POST /releases", object{"name": "Half created", "linkedChangeRequestIds": bulk}); got.Code < 500 {
		w.t.Fatalf("the creation did not die: %d %s", got.Code, got.Body)
	}
	w.change("CR-X-1", "Standard", nil)
	w.change("CR-X-2", "Normal", nil)
	doomed := w.release("Half deleted", "2026-12-20T18:00:00Z", "2026-12-20T20:00:00Z", nil, "CR-X-1", "CR-X-2")
	w.note(doomed, "Not needed any more")
	half = w.under(dyingAfter("TransactWriteItems", 1))
	if got := w.on(half, admin, "DELETE /releases/"+doomed, nil); got.Code < 500 {
		w.t.Fatalf("the deletion did not die: %d %s", got.Code, got.Body)
	}
	gone := w.release("Deleted", "2026-12-21T18:00:00Z", "2026-12-21T20:00:00Z", nil, "CR-FREE-PENDING")
	w.do(admin, "DELETE /releases/"+gone, nil)
	w.do(admin, "POST /releases", object{"name": "Bare"})

	// The last mail finds the account suspended.
	w.no(w.inbox.Fail(mailbox.Fault{Kind: mailbox.Suspend, To: "fred@example.com"}))
	w.send("erik@example.com", "gina@example.com", "fred@example.com")
	w.drain()
	return keyed
}

// rest has the announcement come in between the two writes by which a settlement ends,
// so that a third takes the release out of the sweep's index.
func (w *world) rest(id string) {
	w.t.Helper()
	n := 0
	store := w.under(func(ctx context.Context, call inject.Call, do func(context.Context) error) error {
		if in, ok := call.Input.(*dynamodb.UpdateItemInput); ok && call.Operation == "UpdateItem" && strings.Contains(*in.UpdateExpression, "#announced") {
			if n++; n == 2 {
				w.deliver("settle-changes", "settle-tasks")
			}
		}
		return do(ctx)
	})
	// Its record was lost, and comes again.
	var lost []events.DynamoDBEventRecord
	for _, r := range w.recorded["ReleasesTable"] {
		if word(r.Change.NewImage, "op") == "rolled-back" && word(r.Change.Keys, "pk") == "REL#"+id {
			lost = append(lost, r)
		}
	}
	w.feed("announce", store, lost)
	if n < 2 {
		w.t.Fatalf("%s: the announcement took %d writes", id, n)
	}
}

// mails brings the mails of a release, each to another end.
func (w *world) mails(id string, states []string) {
	w.t.Helper()
	for _, f := range []mailbox.Fault{
		{Kind: mailbox.Bounce, To: "lena@example.com"},
		{Kind: mailbox.Reject, To: "failed@example.com"},
		{Kind: mailbox.Drop, To: "unknown@example.com", Silent: true},
		{Kind: mailbox.Error, To: "unclear@example.com", Silent: true},
		{Kind: mailbox.Drop, To: "leased@example.com", Silent: true},
		{Kind: mailbox.Throttle, To: "delayed@example.com"},
		{Kind: mailbox.Throttle, To: "delayed@example.com"},
		{Kind: mailbox.Throttle, To: "delayed@example.com"},
	} {
		w.no(w.inbox.Fail(f))
	}
	// Lena's first mail bounces, so that her second is suppressed.
	w.sendOf("Scheduled", mixedCase, "ben@example.com", "cara@example.com", "lena@example.com")
	w.hear()
	w.send("hans@example.com")
	for _, s := range states {
		switch s {
		case "pending":
		case "leased":
			w.sendFailing(s + "@example.com")
		default:
			w.send(s + "@example.com")
		}
	}
	w.hear()
}

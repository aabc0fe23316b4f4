package upgrade_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

// wakesOn is which words of `op` wake each function, among those that the recorded version wrote.
// In a release's records a word may count in one status only: "link in scheduled".
var wakesOn = map[string][]string{
	"settle-changes": {"deployed", "rolled-back", "cancelled"},
	"settle-tasks":   {"follow"},
	"announce": {
		"approved", "scheduled", "in-progress", "deployed", "rolled-back", "cancelled", "settled",
		"link in scheduled", "patch in scheduled", "decide in scheduled",
	},
	"plan-notices": {"plan"},
	"send-mail":    {"send"},
}

// word reads a text attribute of an image.
func word(image map[string]events.DynamoDBAttributeValue, name string) string {
	if v, ok := image[name]; ok && v.DataType() == events.DataTypeString {
		return v.String()
	}
	return ""
}

// The template's filters let each recorded record through to the functions that its word wakes
// and to no others, and these understand it: alone, twice, and together with all others.
func TestRecordedRecords_EachConsumer_WokenAndUnderstood(t *testing.T) {
	w := newFixture(t)
	all := consumers(t)
	seen := map[string]bool{}
	for function, words := range wakesOn {
		c, there := all[function]
		if !there {
			t.Errorf("no stream wakes %s any more", function)
			continue
		}
		var woken []events.DynamoDBEventRecord
		for _, r := range recordedRecords(t, c.table) {
			op := word(r.Change.NewImage, "op")
			precise := op + " in " + word(r.Change.NewImage, "status")
			want := op != "" && (slices.Contains(words, op) || slices.Contains(words, precise))
			if got := c.wakes(r); got != want {
				t.Errorf("a record of %s with the word %q (%s) wakes %s: %t, want %t", word(r.Change.Keys, "pk"), op, precise, function, got, want)
			}
			if want {
				seen[function+" "+op], seen[function+" "+precise] = true, true
				woken = append(woken, r)
			}
		}
		for _, r := range woken {
			w.feed(function, r)
			w.feed(function, r)
		}
		w.feed(function, woken...)
	}
	for function, words := range wakesOn {
		for _, word := range words {
			if !seen[function+" "+word] {
				t.Errorf("no record with the word %q was recorded for %s", word, function)
			}
		}
	}
}

// Records that the streams still held when the version changed have their effect: the settlement
// under way ends, the bus hears of what it was not told of, people hear of the moved window.
func TestRecordedRecords_Delivered_UnfinishedWorkEnds(t *testing.T) {
	w := newFixtureWithStreams(t)
	for function, c := range consumers(t) {
		for _, r := range recordedRecords(t, c.table) {
			if c.wakes(r) {
				w.feed(function, r)
			}
		}
	}
	w.runUntilIdle()
	w.wantSettled()
	w.wantAnnounced()
	// Nothing listened to the end of a settlement then; now it is announced, and its mails go.
	w.wantOutbox(notAnnounced, map[string]string{"resolved ivan": "sent"})
	w.wantOutbox(underWay, map[string]string{"resolved uma": "sent", "resolved uwe": "sent", "resolved ute": "sent"})
	w.wantOutbox(scheduled, map[string]string{"rescheduled mia.meyer": "sent", "rescheduled ben": "sent", "rescheduled cara": "sent", "rescheduled lena": "suppressed"})
	w.wantOutbox(moved, map[string]string{"heads-up kurt": "sent superseded"})
	w.wantArrived(map[string]int{"ivan": 1, "uma": 1, "uwe": 1, "ute": 1, "mia.meyer": 1, "ben": 1, "cara": 1, "lena": 0, "kurt": 1, "unknown": 0, "unclear": 0, "leased": 0})

	// When all are delivered once more, nothing is left to be done. Records of link, patch and
	// decide are left out: each opens the release's job again, which is a write.
	before := w.everything()
	arrived := len(w.inbox.Mails())
	for function, c := range consumers(t) {
		for _, r := range recordedRecords(t, c.table) {
			if c.wakes(r) && !slices.Contains([]string{"link", "patch", "decide"}, word(r.Change.NewImage, "op")) {
				w.feed(function, r)
			}
		}
	}
	w.runUntilIdle()
	w.unchanged(before, "records that came again")
	if n := len(w.inbox.Mails()); n != arrived {
		t.Errorf("%d more mails went to people who had been told", n-arrived)
	}
}

// wantSettled holds that the settlement which was under way is complete.
func (w *fixture) wantSettled() {
	w.t.Helper()
	for _, id := range []string{"CR-U-1", "CR-U-2", "CR-U-3"} {
		if got := w.do(200, "GET /change-requests/"+id, nil); got["status"] != "Resolved" {
			w.t.Errorf("%s is %v, want Resolved", id, got["status"])
		}
	}
	for _, id := range []string{"T-U-THROUGH", "T-U-WRITTEN", "T-U-OPEN", "T-U-UNTOUCHED"} {
		got := w.do(200, "GET /tasks/"+id, nil)
		comments := texts(list(got, "comments"))
		if got["status"] != "Resolved" || len(comments) != 1 || !strings.HasPrefix(comments[0], "Resolved as part of release "+underWay+", deployed 2026-11-26T09:") {
			w.t.Errorf("%s is %v with the comments %q; want Resolved with one", id, got["status"], comments)
		}
	}
	progress := valueAt(w.do(200, "GET /releases/"+underWay, nil), "settlement")
	if valueAt(progress, "state") != "settled" || valueAt(progress, "changes", "settled") != 3.0 || valueAt(progress, "tasks", "settled") != 4.0 {
		w.t.Errorf("the settlement of %s is %v, want settled, 3 change requests, 4 tasks", underWay, progress)
	}
}

// wantAnnounced holds that the bus has heard once of the one status that it had not been told
// of, and of no other again.
func (w *fixture) wantAnnounced() {
	w.t.Helper()
	var heard []string
	for _, e := range w.bus.Events() {
		if e.DetailType == "Release Status Changed" {
			heard = append(heard, string(e.Detail))
		}
	}
	if len(heard) != 1 || !strings.Contains(heard[0], `"eventId":"`+notAnnounced+`#4"`) || !strings.Contains(heard[0], `"to":"deployed"`) {
		w.t.Errorf("the bus heard of %d status changes, want that %s is deployed: %v", len(heard), notAnnounced, heard)
	}
}

package rest_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/releases/shared/dynamo"
	"example.com/releases/shared/release"
)

// Whatever is valid works with an Idempotency-Key: what is remembered takes no more room
// than what is stored, also where JSON writes six bytes for one. Each POST is sent with
// everything at its bound, and again.
func TestIdempotency_EverythingAtItsBound_IsRemembered(t *testing.T) {
	t.Parallel()
	w := newFixture(t)
	postTwice := func(path string, body object) object {
		t.Helper()
		a := ask{route: "POST " + path, body: plain(body), headers: []string{"Idempotency-Key: " + newKey("bound")}}
		first := w.send(admin, a)
		if repeated := w.send(admin, a); first.Code >= 300 || repeated.Code != first.Code || repeated.text != first.text {
			t.Fatalf("%s: %d %.300s\nand again: %d %.300s", a.route, first.Code, first.text, repeated.Code, repeated.text)
		}
		return w.must(admin, a)
	}
	address := strings.Repeat("a", 60) + "@" + strings.Repeat(strings.Repeat("b", 60)+".", 3) + "example"
	lines := func(char string, most int) string { return strings.Repeat(char, most) }
	var ids []string
	for n := range release.MaxChanges {
		id := fmt.Sprintf("C%0*d", release.MaxID-1, n)
		ids = append(ids, id)
		change := object{
			"id": id, "changeType": "Normal", "title": lines("<", release.MaxName), "description": lines(`"`, release.MaxDescription), "controlId": lines("&", release.MaxID),
			"controlTitle": lines(`\`, release.MaxName), "scheduledStart": "2026-05-01T20:00:00Z",
			"justification": lines("<", release.MaxText), "risk": "high", "impact": lines(`"`, release.MaxText), "backoutPlan": lines("&", release.MaxBackoutPlan),
		}
		decision := object{"decision": "approved", "note": lines("<", release.MaxText)}
		if n > 0 {
			w.must(admin, ask{route: "POST /change-requests", body: change})
			w.must(admin, ask{route: "POST /change-requests/" + id + "/decision", body: decision})
			continue
		}
		postTwice("/change-requests", change)
		postTwice("/change-requests/"+id+"/decision", decision)
	}
	cis := ids[:release.MaxCIs]
	for _, char := range []string{"<", `"`} {
		steps := make([]object, release.MaxSteps)
		for n := range steps {
			steps[n] = object{"order": 9900 + n, "description": "x" + lines(char, release.MaxStepText-1), "ownerEmail": address, "estimatedMinutes": release.MaxMinutes}
		}
		created := postTwice("/releases", object{
			"name": lines("<", release.MaxName), "version": lines("<", release.MaxVersion), "description": lines("<", release.MaxDescription),
			"scheduledStart": "2026-05-01T20:00:00Z", "scheduledEnd": "2026-05-01T22:00:00Z", "releaseManager": lines("<", release.MaxName), "releaseManagerEmail": address,
			"rolloutSteps": steps, "publicSummary": lines("<", release.MaxSummary), "linkedChangeRequestIds": ids,
		})
		// A body has a bound of its own; the rest comes in a second one.
		rest := object{"rollbackSteps": steps, "successCriteria": lines(char, release.MaxDescription)}
		if char == `"` { // twice as long in JSON: together they have a bound too
			p := w.problem(w.send(admin, ask{route: "PATCH /releases/" + created["id"].(string), body: plain(rest)}))
			if len(p.Errors) != 1 || p.Errors[0].Field != "rolloutSteps" {
				w.Errorf("steps of more than %d bytes: %+v", release.MaxStepsJSON, p)
			}
			rest["rollbackSteps"] = steps[:15]
		}
		w.must(admin, ask{route: "PATCH /releases/" + created["id"].(string), body: plain(rest)})
		w.grow(created["id"].(string), postTwice)
		ids = []string{} // they are taken
	}
	postTwice("/tasks", object{"title": lines("<", release.MaxName), "requesterEmail": "a@example.com", "requesterName": lines(`"`, release.MaxName), "ciIds": cis})
}

// plain is JSON that spells < as it is, as most clients do.
func plain(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return b.String()
}

// grow takes a release through its life with all that can be added to it.
func (w *fixture) grow(id string, post func(string, object) object) {
	w.Helper()
	note := strings.Repeat("<", release.MaxText)
	post("/releases/"+id+"/status", object{"status": "approved", "note": note})
	post("/releases/"+id+"/status", object{"status": "scheduled", "note": note})
	by, at := strings.Repeat("n", 250), time.Date(2026, 5, 1, 20, 0, 0, 0, time.UTC)
	_, err := w.Store.UpdateRelease(w.Context(), id, func(r release.Release) (release.Release, release.LogEntry, error) {
		for _, steps := range []*[]release.Step{&r.RolloutSteps, &r.RollbackSteps} {
			*steps = slices.Clone(*steps)
			for n := range *steps {
				(*steps)[n].Completed, (*steps)[n].CompletedBy, (*steps)[n].CompletedAt = true, by, &at
			}
		}
		r.Revision++
		return r, release.EntryBy(release.LogStep, "Steps completed", release.Stamp{At: at}), nil
	}, dynamo.Write{Stamp: release.Stamp{At: at, Request: "grow"}})
	if err != nil {
		w.Fatal(err)
	}
	post("/releases/"+id+"/steps/rollout/9900", object{"completed": false})
	post("/releases/"+id+"/log", object{"text": note})
	post("/releases/"+id+"/status", object{"status": "in-progress", "note": note})
	post("/releases/"+id+"/status", object{"status": "deployed", "note": note})
	post("/releases/"+id+"/status", object{"status": "rolled-back", "note": note, "rollback_reason": note})
}

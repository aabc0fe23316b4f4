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

// Every valid request works with an Idempotency-Key: what is kept for the key fits into an item, even
// where JSON takes several bytes for one character. Each POST is sent with every field at its bound,
// and repeated.
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
	filled := func(char string, most int) string { return strings.Repeat(char, most) }
	var ids []string
	for n := range release.MaxChanges {
		id := fmt.Sprintf("C%0*d", release.MaxID-1, n)
		ids = append(ids, id)
		change := object{
			"id": id, "changeType": "Normal", "title": filled("<", release.MaxName), "description": filled(`"`, release.MaxDescription), "controlId": filled("&", release.MaxID),
			"controlTitle": filled(`\`, release.MaxName), "scheduledStart": "2026-05-01T20:00:00Z",
			"justification": filled("<", release.MaxText), "risk": "high", "impact": filled(`"`, release.MaxText), "backoutPlan": filled("&", release.MaxBackoutPlan),
		}
		decision := object{"decision": "approved", "note": filled("<", release.MaxText)}
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
			steps[n] = object{"order": 9900 + n, "description": "x" + filled(char, release.MaxStepText-1), "ownerEmail": address, "estimatedMinutes": release.MaxMinutes}
		}
		created := postTwice("/releases", object{
			"name": filled("<", release.MaxName), "version": filled("<", release.MaxVersion), "description": filled("<", release.MaxDescription),
			"scheduledStart": "2026-05-01T20:00:00Z", "scheduledEnd": "2026-05-01T22:00:00Z", "releaseManager": filled("<", release.MaxName), "releaseManagerEmail": address,
			"rolloutSteps": steps, "publicSummary": filled("<", release.MaxSummary), "linkedChangeRequestIds": ids,
		})
		// All this is too much for one body, so that the rest comes by PATCH.
		rest := object{"rollbackSteps": steps, "successCriteria": filled(char, release.MaxDescription)}
		if char == `"` { // twice as long in JSON, which exceeds the bound on both lists of steps together
			p := w.problem(w.send(admin, ask{route: "PATCH /releases/" + created["id"].(string), body: plain(rest)}))
			if len(p.Errors) != 1 || p.Errors[0].Field != "rolloutSteps" {
				w.Errorf("steps of more than %d bytes: %+v", release.MaxStepsJSON, p)
			}
			rest["rollbackSteps"] = steps[:15]
		}
		w.must(admin, ask{route: "PATCH /releases/" + created["id"].(string), body: plain(rest)})
		w.grow(created["id"].(string), postTwice)
		ids = []string{} // they are linked now
	}
	postTwice("/tasks", object{"title": filled("<", release.MaxName), "requesterEmail": "a@example.com", "requesterName": filled(`"`, release.MaxName), "ciIds": cis})
}

// plain encodes JSON without escaping <, > and &, as most clients do.
func plain(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return b.String()
}

// grow takes a release through its life, and adds everything that can be added on the way.
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

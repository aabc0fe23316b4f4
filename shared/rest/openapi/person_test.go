package openapi_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"example.com/releases/shared/local/client"
	"example.com/releases/shared/local/tokens"
)

// To erase a person, docs/examples/find-person.py finds what names them and prints what to
// send (docs/operations.md): once it was sent, nothing is found but what can be edited.
func TestFindPerson_WhatItPrints_Erases(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("the script is for python3, and there is none")
	}
	source, err := os.ReadFile("../../../docs/examples/find-person.py")
	if err != nil {
		t.Fatal(err)
	}
	h := system(t)
	ctx, host := t.Context(), client.Client{Base: h.BaseURL}
	mint := func(holder tokens.Holder) string {
		token, err := h.Tokens.Mint(holder)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	admin := mint(tokens.Holder{Role: "Admin", Name: "Ada", Email: "ada@example.com"})
	person := mint(tokens.Holder{Role: "Auditor", Name: "Otto Oswin", Email: "otto@example.com"})
	send := func(token, method, path string, body any) string {
		t.Helper()
		var answer struct{ ID string }
		var into any
		if method == "POST" {
			into = &answer
		}
		if err := host.Must(ctx, token, method, "/api"+path, body, into); err != nil {
			t.Fatal(err)
		}
		return answer.ID
	}
	type object = map[string]any
	steps := []object{{"order": 1, "description": "Switch", "ownerEmail": "otto@example.com"}}
	change := send(admin, "POST", "/change-requests", object{"changeType": "Normal", "title": "Mail gateway 4.2"})
	send(admin, "POST", "/change-requests/"+change+"/decision", object{"decision": "approved", "note": "Otto Oswin was for it"})
	id := send(admin, "POST", "/releases", object{
		"name": "Mail gateway 4.2", "scheduledStart": "2030-01-09T20:00:00Z", "scheduledEnd": "2030-01-10T00:00:00Z",
		"releaseManager": "Otto Oswin", "releaseManagerEmail": "otto@example.com", "rolloutSteps": steps, "linkedChangeRequestIds": []string{change},
	})
	for _, status := range []string{"approved", "scheduled"} {
		send(admin, "POST", "/releases/"+id+"/status", object{"status": status})
	}
	send(person, "POST", "/releases/"+id+"/steps/rollout/1", object{"completed": true})
	send(person, "POST", "/releases/"+id+"/log", object{"text": "Stop", "hold": true})
	send(person, "DELETE", "/releases/"+id+"/hold", nil)
	deleted := send(admin, "POST", "/releases", object{"name": "Given up"})
	send(person, "POST", "/releases/"+deleted+"/log", object{"text": "Of no use"})
	send(admin, "DELETE", "/releases/"+deleted, nil)

	find := func() (fields, bodies []string) {
		t.Helper()
		script := exec.CommandContext(ctx, "python3", "-", "Otto Oswin, otto@example.com", deleted)
		script.Stdin = bytes.NewReader(source)
		script.Env = append(os.Environ(), "URL="+h.BaseURL, "TOKEN="+admin)
		var complaints bytes.Buffer
		script.Stderr = &complaints
		out, err := script.Output()
		if err != nil {
			t.Fatalf("%v: %s", err, complaints.String())
		}
		for line := range strings.Lines(string(out)) {
			if field, is := strings.CutPrefix(strings.TrimSpace(line), "# "); is {
				fields = append(fields, field)
			} else {
				bodies = append(bodies, line)
			}
		}
		return fields, bodies
	}
	canBeEdited := []string{id + " releaseManager", id + " releaseManagerEmail", id + " rolloutSteps[0].ownerEmail"}
	fields, bodies := find()
	for _, field := range append(canBeEdited, id+" rolloutSteps[0].completedBy", change+" decisionNote") {
		if !slices.Contains(fields, field) {
			t.Errorf("%s is not found, only %q", field, fields)
		}
	}
	for _, body := range bodies {
		send(admin, "POST", "/record/erasures", json.RawMessage(body))
	}
	if len(bodies) != 6 { // two of a hold, a step, the plan; of the deleted release a note; of the change request the decision
		t.Errorf("these entries are found: %q", bodies)
	}
	if fields, bodies = find(); !slices.Equal(fields, canBeEdited) || len(bodies) > 0 {
		t.Errorf("erased, and still found: %q %q", fields, bodies)
	}
}

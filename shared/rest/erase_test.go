package rest_test

import (
	"strings"
	"testing"
)

// Erased words are gone from every answer, and what remains can be proved as before.
func TestErase_WordsAreGone_ProofStays(t *testing.T) {
	t.Parallel()
	w := newProvable(t)
	kept, size := w.fetch(w.release, 0), w.checkpoint().Size
	erase := func(body object, want int) string {
		t.Helper()
		got := w.send(admin, ask{route: "POST /record/erasures", body: body})
		if got.Code != want {
			t.Fatalf("%v: %d %s", body, got.Code, got.text)
		}
		return got.text
	}
	erasure := erase(object{"releaseId": w.release, "entry": "e0.1", "values": []string{"text", "Author"}}, 201)
	for _, part := range []string{`"kind":"erasure"`, `"text":"Erased text, author of entry e0.1"`, `"erased":{"entry":"e0.1","values":["text","author"]}`, `"author":"ada"`} {
		if !strings.Contains(erasure, part) {
			t.Errorf("%s is not in %s", part, erasure)
		}
	}
	erase(object{"releaseId": w.release, "entry": "e0000.000000000001", "values": []string{"text"}}, 409) // its key is the same entry
	erase(object{"changeRequestId": w.change, "entry": "3", "values": []string{"text", "changes"}}, 201)
	erase(object{"releaseId": w.release, "entry": "e0.0.1.decision/" + w.change, "values": []string{"text"}}, 201)
	erase(object{"releaseId": w.release, "entry": "e7.1", "values": []string{"text"}}, 404)
	erase(object{"changeRequestId": "CHG-none", "entry": "1", "values": []string{"text"}}, 404)
	erase(object{"releaseId": "REL-1999-Q1-001", "entry": "e0", "values": []string{"text"}}, 404)
	for _, wrong := range []object{
		{"releaseId": w.release, "changeRequestId": w.change, "entry": "2", "values": []string{"text"}},
		{"entry": "2", "values": []string{"text"}},
		{"releaseId": w.release, "entry": "e0", "values": []string{}},
		{"releaseId": w.release, "entry": "e0", "values": []string{"leaf"}},
		{"releaseId": w.release, "values": []string{"text"}},
	} {
		erase(wrong, 400)
	}
	w.seal()
	now := w.fetch(w.release, size)
	for _, words := range []string{"Rehearsed.", "As discussed."} {
		for where, text := range map[string]string{
			"evidence": now, "log": w.send(auditor, ask{route: "GET /releases/" + w.release + "/log"}).text,
			"release": w.send(auditor, ask{route: "GET /releases/" + w.release}).text, "change log": w.send(auditor, ask{route: "GET /change-requests/" + w.change + "/log"}).text,
		} {
			if strings.Contains(text, words) {
				t.Errorf("%q is in the %s: %s", words, where, text)
			}
		}
	}
	if v, fault := w.verify(now, kept); fault != "" || v.Erased < 4 || v.Entries != 11 {
		t.Errorf("%+v, %s", v, fault)
	}
	w.must(admin, ask{route: "POST /releases/" + w.release + "/status", body: object{"status": "cancelled"}})
	w.must(admin, ask{route: "DELETE /releases/" + w.release})
	erase(object{"releaseId": w.release, "entry": "e1.2", "values": []string{"text"}}, 201) // also of a deleted release
	erase(object{"releaseId": w.release, "entry": "e1.2", "values": []string{"author"}}, 201)
	w.seal()
	if _, fault := w.verify(w.fetch(w.release, size), kept); fault != "" {
		t.Errorf("deleted: %s", fault)
	}
}

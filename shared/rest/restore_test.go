package rest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"example.com/releases/shared/dynamo"
)

// A table that is restored to an earlier moment lacks what was written since. Evidence alone tells that
// something is missing; compared with what was kept, it tells what.
func TestRestore_OfAnyTable_EvidenceTellsWhatIsMissing(t *testing.T) {
	t.Parallel()
	w := newProvable(t)
	tables := []string{w.Tables.Releases, w.Tables.Changes, w.Tables.Record}
	atRestore, ofRestore := map[string]func(){}, w.checkpoint()
	for _, table := range tables {
		atRestore[table] = w.snapshot(table)
	}
	early := w.fetch(w.release, 0)
	w.must(admin, ask{route: "POST /change-requests/" + w.change + "/decision", body: object{"decision": "rejected", "note": "Not yet."}})
	w.must(auditor, ask{route: "POST /releases/" + w.release + "/log", body: object{"text": "After the moment."}})
	w.seal()
	late, last := w.fetch(w.release, 0), w.checkpoint()
	atTheEnd := map[string]func(){}
	for _, table := range tables {
		atTheEnd[table] = w.snapshot(table)
	}
	for table, want := range map[string][2]string{ // by evidence alone, and compared with evidence that was kept
		w.Tables.Releases: {w.release + ": the entries number 7 to 8 are missing, after entry e0001.000000000002, number 6: 8 were sealed", "7 to 8 are missing"},
		w.Tables.Changes:  {w.change + ": entry number 3 is missing, after entry 0000000003, number 2: 3 were sealed", "number 3 is missing"},
		w.Tables.Record:   {"and the tree has 10 leaves: the end of the tree was cut off, or its table was restored to an earlier moment", "its table was restored"},
	} {
		atRestore[table]()
		for n, kept := range [][]string{nil, {late}} {
			if _, fault := w.verify(w.fetch(w.release, 0), kept...); !strings.Contains(fault, want[n]) {
				t.Errorf("%s restored: the verifier says %q\nwant %q", table, fault, want[n])
			}
		}
		atTheEnd[table]()
	}
	// All tables are restored together, as the runbook says. What was sealed before that moment is
	// still proved, also after the next generation has begun, and what came after it is named.
	for _, table := range tables {
		atRestore[table]()
	}
	if _, fault := w.verify(w.fetch(w.release, 0), early); fault != "" {
		t.Errorf("all tables restored, compared with evidence from before: %s", fault)
	}
	w.must(auditor, ask{route: "POST /releases/" + w.release + "/log", body: object{"text": "Restored to the rehearsal."}})
	if _, err := w.Store.Sealer(dynamo.Generation{Number: 2, Last: &last}).Seal(context.Background(), time.Now); err != nil {
		t.Fatal(err)
	}
	now := w.fetch(w.release, ofRestore.Size)
	if v, fault := w.verify(now, early, ofRestore.String()); fault != "" || v.Checkpoint.Origin.Generation != 2 || v.Entries != 9 {
		t.Errorf("in the next generation: %+v, %s; want generation 2, 9 entries, no fault", v, fault)
	}
	_, fault := w.verify(now, late)
	for _, part := range []string{
		w.release + ": 3 of the entries that kept.json knows are missing: ", w.change + " 000000000", w.release + " e0001.000000000003", w.release + " e0001.000000000002.00000004.decision/" + w.change,
	} {
		if !strings.Contains(fault, part) {
			t.Errorf("compared with evidence that was lost, the verifier says %q, which lacks %s", fault, part)
		}
	}
	if _, fault := w.verify(now, last.String()); !strings.Contains(fault, "after kept.json was kept, the tables were restored to an earlier moment: leaves 10 to 12 of that time are no longer part of the record") {
		t.Errorf("compared with the last checkpoint before the restore: %s", fault)
	}
}

package local

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/releases/shared/record"
	"example.com/releases/shared/release"
)

// evidenceOf makes evidence of a release with one entry, the only leaf of the tree.
func evidenceOf(t *testing.T, id string) record.Evidence {
	t.Helper()
	at := time.Now().UTC().Truncate(time.Millisecond)
	form := record.Encode(id, "e0000", release.LogEntry{Kind: release.LogCreated, Timestamp: at, Author: "Ada"})
	leaf := record.Leaf{Of: id, K: 1, Key: "e0000", Kind: release.LogCreated, SealedAt: at, Sum: record.SumOf(form.Bytes)}
	root := leaf.Hash()
	hashes, err := record.ProofHashes(record.HashSet{0: root}, 1, []int64{0})
	if err != nil {
		t.Fatal(err)
	}
	return record.Evidence{
		Version: 1, ReleaseID: id, MadeAt: at.Format(time.RFC3339), Hashes: hashes,
		Checkpoint: record.Checkpoint{Origin: record.Origin{Installation: "ABC", Generation: 1}, Size: 1, Root: root}.String(),
		Logs:       []record.LogCount{{Of: id, Kind: record.ReleaseLog, Sealed: 1}},
		Entries:    []record.EvidenceEntry{{Of: id, Kind: record.ReleaseLog, Key: "e0000", Bytes: form.Bytes, Values: form.StandingValues(), Leaf: string(leaf.Bytes())}},
	}
}

func fileOf(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "file.json")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestVerify_Files_SayWhatHoldsAndWhatDoesNot(t *testing.T) {
	t.Parallel()
	good, other := fileOf(t, evidenceOf(t, "REL-1")), fileOf(t, evidenceOf(t, "REL-2"))
	changed := evidenceOf(t, "REL-1")
	changed.Entries[0].Values[0].Value = "Eve"
	bad := fileOf(t, changed)
	for _, c := range []struct {
		args      []string
		out, fail string
	}{
		{[]string{good}, "REL-1 holds. Entries: 1, all as they were sealed. Tree: releases-record/ABC/1, size 1.\n", ""},
		{[]string{good}, "it would not show if the newest entries had been cut off", ""},
		{[]string{good, "--since", good}, "Compared with " + good + ": nothing", ""},
		{[]string{"-since", good, good}, "Compared with", ""},
		{[]string{good, other}, "REL-2 holds", ""},
		{[]string{bad}, "", "DOES NOT HOLD: REL-1, entry e0000: its author is not the one that was written"},
		{[]string{good, bad}, "", "DOES NOT HOLD"},
		{[]string{good, "--since", other}, "", "the tree of 1 leaves is not the one that"},
		{nil, "", "verify needs files of evidence"},
		{[]string{good, "--since", os.DevNull}, "", "is neither a checkpoint, nor an event of the bus"},
		{[]string{filepath.Join(t.TempDir(), "none")}, "", "no such file"},
	} {
		var out bytes.Buffer
		err := Verify(c.args, &out)
		if !strings.Contains(out.String(), c.out) || (err == nil) != (c.fail == "") || err != nil && !strings.Contains(err.Error(), c.fail) {
			t.Errorf("%v: %q, %v\nwant %q, %q", c.args, out.String(), err, c.out, c.fail)
		}
	}
}

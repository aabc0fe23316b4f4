package record

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"example.com/releases/shared/release"
)

// keptOf reads something that was kept: evidence, a checkpoint or an event.
func keptOf(t *testing.T, data string) Kept {
	t.Helper()
	k, err := ReadKept("kept.json", []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// event returns an event as the bus got it with an entry.
func event(k *keeper, e EvidenceEntry, entries int) string {
	record, err := json.Marshal(EventRecord{Checkpoint: k.checkpoint().String(), Key: e.Key, Sum: SumOf(e.Bytes), Entries: entries})
	if err != nil {
		k.t.Fatal(err)
	}
	return `{"detail-type":"Release Status Changed","detail":{"release":{"id":"` + theRelease + `"},"record":` + string(record) + `}}`
}

// Compared with what was kept, the verifier confirms that the record is still the same, or has only
// grown.
func TestVerify_WhatWasKept_IsTheBeginning(t *testing.T) {
	k := newKeeper(t)
	entries := k.sampleLog()
	sealed := entries[:6]
	then := k.checkpoint()
	kept := []Kept{
		keptOf(t, then.String()), keptOf(t, asJSON(t, k.evidence(0, entries...))), keptOf(t, event(k, entries[3], 5)),
		keptOf(t, strings.TrimSuffix(strings.SplitN(event(k, entries[3], 5), `"detail":`, 2)[1], "}")), // without its envelope
	}
	now := k.evidence(0, entries...)
	if v, err := Verify([]Evidence{now}, kept, SealedWithin); err != nil || len(v.Kept) != 4 {
		t.Errorf("of the same tree: %+v, %s; want it to agree with all four", v, faultOf(err))
	}
	third := entries[6]
	third = k.seal(third, release.LogNote, false)
	fourth := k.note(4, "Fourth.")
	now = k.evidence(then.Size, append(slices.Clone(sealed), third, fourth)...)
	if v, err := Verify([]Evidence{now}, kept, SealedWithin); err != nil || len(v.Kept) != 4 {
		t.Errorf("of a tree that has grown: %+v, %s; want it to agree with all four", v, faultOf(err))
	}
	now.Since = nil
	if _, err := Verify([]Evidence{now}, kept, SealedWithin); !strings.Contains(faultOf(err), "Fetch it with ?since="+strconv.FormatInt(then.Size, 10)) {
		t.Errorf("the verifier says %s\nwant %s", faultOf(err), "Fetch it with ?since="+strconv.FormatInt(then.Size, 10))
	}
	empty := Checkpoint{Origin: k.origin}
	if _, err := Verify([]Evidence{now}, []Kept{{Checkpoint: empty}}, SealedWithin); err != nil {
		t.Errorf("of a tree without leaves: %s", faultOf(err))
	}
}

// Some forgeries leave evidence that is consistent in itself. Only a comparison with what was kept shows
// them.
func TestVerify_RightInItself_IsFoundByWhatWasKept(t *testing.T) {
	build := func(words string) (*keeper, []EvidenceEntry) {
		k := newKeeper(t)
		var entries []EvidenceEntry
		for n := 1; n <= 4; n++ {
			text := "Note."
			if n == 2 {
				text = words
			}
			entries = append(entries, k.note(n, text))
		}
		return k, entries
	}
	then, entries := build("Note.")
	evidence, sent, checkpoint := asJSON(t, then.evidence(0, entries...)), event(then, entries[3], 4), then.checkpoint().String()

	cut, fewer := newKeeper(t), entries[:3] // the newest entry and its leaf are gone, and so is its count
	cut.size, cut.hashes, cut.now, cut.counts[ReleaseLog+theRelease] = 6, then.hashes, then.now, 3
	anew, others := build("I never wrote that.") // the whole tree built again with another text
	longer, more := build("I never wrote that.")
	more = append(more, longer.note(5, "Later."))
	for _, c := range []struct {
		what, kept string
		now        Evidence
		want       string
	}{
		{"newest cut off, evidence", evidence, cut.evidence(0, fewer...), "1 of the entries that kept.json knows are missing: " + theRelease + " e0001.000000000004"},
		{"newest cut off, event", sent, cut.evidence(0, fewer...), "1 of the entries that kept.json knows are missing: " + theRelease + " e0001.000000000004"},
		{"newest cut off, checkpoint", checkpoint, cut.evidence(0, fewer...), "the tree had 8 leaves when kept.json was kept and has 6 now"},
		{"made anew, evidence", evidence, anew.evidence(0, others...), "entry e0001.000000000001: it is not what it was when kept.json was kept"}, // other salts
		{"made anew, event", sent, anew.evidence(0, others...), "entry e0001.000000000004: it is not what it was"},
		{"made anew, checkpoint", checkpoint, anew.evidence(0, others...), "the tree of 8 leaves is not the one that kept.json describes: it was rebuilt"},
		{"made anew and longer, checkpoint", checkpoint, longer.evidence(8, more...), "the first 8 leaves of the tree are not those that kept.json describes"},
	} {
		if _, err := Verify([]Evidence{c.now}, nil, SealedWithin); err != nil {
			t.Fatalf("%s: the evidence is not consistent in itself: %s", c.what, faultOf(err))
		}
		if _, err := Verify([]Evidence{c.now}, []Kept{keptOf(t, c.kept)}, SealedWithin); !strings.Contains(faultOf(err), c.want) {
			t.Errorf("%s: the verifier says %s\nwant %s", c.what, faultOf(err), c.want)
		}
	}
	// An event tells how many entries there were, so that a missing one shows even if the event's own
	// is there.
	first := event(then, entries[0], 4)
	if _, err := Verify([]Evidence{then.evidence(0, entries...)}, []Kept{keptOf(t, first)}, SealedWithin); err != nil {
		t.Errorf("the verifier says %s\nwant that it holds", faultOf(err))
	}
	then.counts[ReleaseLog+theRelease] = 3
	if _, err := Verify([]Evidence{then.evidence(0, entries[:3]...)}, []Kept{keptOf(t, first)}, SealedWithin); !strings.Contains(faultOf(err), "it had 4 entries when kept.json was kept and has 3 now") {
		t.Errorf("the verifier says %s\nwant %s", faultOf(err), "it had 4 entries when kept.json was kept and has 3 now")
	}
	// The entries have the same bytes, and are sealed again at other places in the tree.
	other := newKeeper(t)
	other.append([]byte("one more"))
	resealed := slices.Clone(entries)
	for n := range resealed {
		resealed[n].Leaf, resealed[n].Index = "", NotSealed
		other.now = then.now
		resealed[n] = other.seal(resealed[n], release.LogNote, false)
	}
	if _, err := Verify([]Evidence{other.evidence(0, resealed...)}, []Kept{keptOf(t, evidence)}, SealedWithin); !strings.Contains(faultOf(err), "it was sealed as leaf 1 when kept.json was kept, and is sealed as leaf 2") {
		t.Errorf("the verifier says %s\nwant %s", faultOf(err), "it was sealed as leaf 1 when kept.json was kept, and is sealed as leaf 2")
	}
}

// After a restore the tree is at an earlier moment and goes on in a new generation, whose first leaf is
// the last checkpoint before. So the verifier can tell a restore from a forgery, and name what is lost.
func TestVerify_AfterARestore_TellsWhatIsMissing(t *testing.T) {
	k := newKeeper(t)
	first, second := k.note(1, "First."), k.note(2, "Second.")
	atRestore := k.checkpoint()
	third := k.note(3, "Third.")
	last := k.checkpoint()
	then := asJSON(t, k.evidence(0, first, second, third))

	restored := newKeeper(t)
	restored.size, restored.origin.Generation, restored.now = atRestore.Size, 2, k.now
	for n := range tlog.StoredHashCount(atRestore.Size) {
		restored.hashes[n] = k.hashes[n]
	}
	restored.counts[ReleaseLog+theRelease] = 2
	leaf := GenerationLeaf(2, last)
	begins := restored.append(leaf)
	thirdAgain := restored.note(3, "Third, again.")
	page := func(since int64, entries ...EvidenceEntry) Evidence {
		p := restored.evidence(since, entries...)
		p.Restores = []RestoreLeaf{{Leaf: string(leaf), Index: begins}}
		var leaves []int64
		for _, e := range entries {
			leaves = append(leaves, int64(e.Index))
		}
		var err error
		if p.Hashes, err = ProofHashes(restored.hashes, restored.size, append(leaves, int64(begins))); err != nil {
			t.Fatal(err)
		}
		return p
	}
	now := page(atRestore.Size, first, second, thirdAgain)
	if v, err := Verify([]Evidence{now}, []Kept{keptOf(t, atRestore.String())}, SealedWithin); err != nil || v.Checkpoint.Origin.Generation != 2 {
		t.Errorf("compared with a checkpoint from before the restored moment: %+v, %s; want generation 2", v, faultOf(err))
	}
	otherPage := now // each page has the generation's leaf
	otherPage.Entries, otherPage.Logs, otherPage.NextCursor = nil, nil, "next"
	if _, err := Verify([]Evidence{now, otherPage}, nil, SealedWithin); err != nil {
		t.Errorf("of two pages: %s", faultOf(err))
	}
	for _, c := range []struct {
		kept string
		now  Evidence
		want string
	}{
		{then, page(0, first, second), "number 3 is missing"},                                                   // by today's count
		{then, now, "1 of the entries that kept.json knows are missing: " + theRelease + " e0001.000000000003"}, // another entry has its key now
		{last.String(), now, "after kept.json was kept, the tables were restored to an earlier moment: leaves 4 to 5 of that time are no longer part of the record"},
	} {
		if _, err := Verify([]Evidence{c.now}, []Kept{keptOf(t, c.kept)}, SealedWithin); !strings.Contains(faultOf(err), c.want) {
			t.Errorf("%s\nwant %s", faultOf(err), c.want)
		}
	}
	// Without the generation's leaf, or with another one, a restore cannot be told from a forgery.
	now.Restores = nil
	if _, err := Verify([]Evidence{now}, nil, SealedWithin); !strings.Contains(faultOf(err), "the leaf that says so is missing") {
		t.Errorf("the verifier says %s\nwant %s", faultOf(err), "the leaf that says so is missing")
	}
	now.Restores = []RestoreLeaf{{Leaf: string(GenerationLeaf(2, atRestore)), Index: begins}}
	if _, err := Verify([]Evidence{now}, nil, SealedWithin); !strings.Contains(faultOf(err), "is not in the tree of the checkpoint") {
		t.Errorf("the verifier says %s\nwant %s", faultOf(err), "is not in the tree of the checkpoint")
	}
	now.Restores = []RestoreLeaf{{Leaf: string(GenerationLeaf(3, last)), Index: begins}}
	if _, err := Verify([]Evidence{now}, nil, SealedWithin); !strings.Contains(faultOf(err), "is not the beginning of generation 2") {
		t.Errorf("the verifier says %s\nwant %s", faultOf(err), "is not the beginning of generation 2")
	}
	// Old evidence compared with what was kept later, or of another installation.
	for _, c := range []struct {
		origin Origin
		want   string
	}{{Origin{"ABC234", 2}, "is of generation 2 of the tree, the evidence of generation 1"}, {Origin{"XYZ567", 1}, "is of the installation XYZ567"}} {
		kept := Kept{Name: "kept.json", Checkpoint: Checkpoint{Origin: c.origin, Size: 1}}
		if _, err := Verify([]Evidence{k.evidence(0, first, second, third)}, []Kept{kept}, SealedWithin); !strings.Contains(faultOf(err), c.want) {
			t.Errorf("%s\nwant %s", faultOf(err), c.want)
		}
	}
}

// The first leaf of the new generation can have the place in the tree that a lost entry had.
func TestVerify_LostWhereTheGenerationBegins_IsMissing(t *testing.T) {
	k := newKeeper(t)
	first := k.note(1, "First.")
	atRestore := k.checkpoint()
	second := k.write(ReleaseLog, theRelease, "e0001.000000000002", release.LogEntry{Kind: release.LogNote, Author: "Ada", Text: "Second."})
	k.counts[ReleaseLog+theRelease]++
	leaf := Leaf{Of: theRelease, K: 2, Key: second.Key, Kind: release.LogNote, SealedAt: k.now, Sum: SumOf(second.Bytes)}
	second.Leaf = string(leaf.Bytes())
	second.Index = k.append(leaf.Bytes())
	then := asJSON(t, k.evidence(0, first, second))

	restored := newKeeper(t)
	restored.size, restored.origin.Generation, restored.now = atRestore.Size, 2, k.now
	for n := range tlog.StoredHashCount(atRestore.Size) {
		restored.hashes[n] = k.hashes[n]
	}
	restored.counts[ReleaseLog+theRelease] = 1
	begins := restored.append(GenerationLeaf(2, k.checkpoint()))
	if begins != second.Index {
		t.Fatalf("the generation begins at leaf %d, want at that of the lost entry, %d", begins, second.Index)
	}
	secondNote := restored.note(2, "Second, again.")
	now := restored.evidence(0, first, secondNote)
	now.Restores = []RestoreLeaf{{Leaf: string(GenerationLeaf(2, k.checkpoint())), Index: begins}}
	var err error
	if now.Hashes, err = ProofHashes(restored.hashes, restored.size, []int64{int64(first.Index), int64(begins), int64(secondNote.Index)}); err != nil {
		t.Fatal(err)
	}
	want := "1 of the entries that kept.json knows are missing: " + theRelease + " e0001.000000000002"
	if _, err := Verify([]Evidence{now}, []Kept{keptOf(t, then)}, SealedWithin); !strings.Contains(faultOf(err), want) {
		t.Errorf("%s\nwant %s", faultOf(err), want)
	}
}

// A note that was trimmed since is still known by its leaf. And a change request that was removed from
// the release since takes its record along: its entries are not missing.
func TestVerify_TrimmedAndUnlinkedSince_IsNotMissing(t *testing.T) {
	k := newKeeper(t)
	entries := k.sampleLog()[:6]
	kept := keptOf(t, asJSON(t, k.evidence(0, entries...)))
	size := k.size
	for n := range release.MaxNotes {
		entries = append(entries, k.note(3+n, "Note."))
	}
	entries[4].Bytes, entries[4].Values = "", nil
	left := append(slices.Clone(entries[:1]), entries[3:]...)
	now := k.evidence(size, left...)
	now.Logs = now.Logs[:1]
	if v, err := Verify([]Evidence{now}, []Kept{kept, keptOf(t, asJSON(t, now))}, SealedWithin); err != nil || v.Trimmed != 1 {
		t.Errorf("%+v, %s", v, faultOf(err))
	}
	kept.Entries[4].Sum = SumOf("other bytes")
	if _, err := Verify([]Evidence{now}, []Kept{kept}, SealedWithin); !strings.Contains(faultOf(err), "entry e0001.000000000001: it is not what it was") {
		t.Errorf("the verifier says %s\nwant %s", faultOf(err), "entry e0001.000000000001: it is not what it was")
	}
}

func TestReadKept_AnythingElse_IsAnError(t *testing.T) {
	for _, data := range []string{"", "{}", "[]", "hello", `{"detail":{}}`, `{"detail":{"release":{"id":"REL-1"}}}`, `{"evidenceVersion":1}`, `{"evidenceVersion":1,"releaseId":"R"}`, `{"detail":{"record":{"checkpoint":"releases-record/A/1\n0\n` + Checkpoint{}.Root.String() + `\n"}}}`} {
		if k, err := ReadKept("kept", []byte(data)); err == nil {
			t.Errorf("%s was read as %+v, want an error", data, k)
		}
	}
	k := newKeeper(t)
	page := k.evidence(0, k.sampleLog()...)
	other := page
	other.ReleaseID = "REL-2026-Q2-002"
	if _, err := ReadKept("kept", []byte(asJSON(t, page)+asJSON(t, other))); err == nil {
		t.Error("the evidence of two releases was read as one piece")
	}
	if pages, err := ReadEvidence("file", []byte(asJSON(t, page)+"\n"+asJSON(t, page))); err != nil || len(pages) != 2 {
		t.Errorf("of a file with two pages, %d were read: %v", len(pages), err)
	}
	if _, err := ReadEvidence("file", []byte(asJSON(t, page)+"{")); err == nil {
		t.Error("half a page was read, want an error")
	}
}
